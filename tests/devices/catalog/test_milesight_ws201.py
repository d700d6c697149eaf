"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ws201 import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017564 03823E00 04D645", {"battery_level": 100.0, "distance": 0.062}),
        ("0382ffff", {"distance": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"distance": 0.062}))
    assert (made.payload.hex(), made.port) == ("03823e00", 85)
