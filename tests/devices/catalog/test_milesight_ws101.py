"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ws101 import DEVICE
from devices.model import Decoded, PermanentError
from devices.quantities import label_value
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017510 ff2e01", {"battery_level": 16.0, "button": label_value("button", "single")}),
        ("ff2e02", {"button": label_value("button", "long")}),
        ("ff2e03", {"button": label_value("button", "double")}),
        ("0175ff", {"battery_level": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"button": label_value("button", "double")}))
    assert (made.payload.hex(), made.port) == ("ff2e03", 85)


@pytest.mark.parametrize("payload", ["ff2e00", "ff2e04"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))


def test_a_press_that_the_button_does_not_know_is_refused() -> None:
    with pytest.raises(PermanentError, match="button 4 is none of"):
        DEVICE.encode(Decoded(values={"button": label_value("button", "triple")}))
