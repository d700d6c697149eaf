"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ws303 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017564 030000", {"battery_level": 100.0, "water_leak": 0.0}),
        ("030001", {"water_leak": 1.0}),
        ("0175ff", {"battery_level": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"water_leak": 1.0}))
    assert (made.payload.hex(), made.port) == ("030001", 85)


@pytest.mark.parametrize("payload", ["030002"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))
