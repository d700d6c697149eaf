"""Vectors: the examples of Milesight's README and of TheThingsNetwork/lorawan-devices (Apache-2.0)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_vs330 import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017562 02820f00 038e01 048e01", {"battery_level": 98.0, "distance": 0.015, "occupancy": 1.0}),
        ("017562 02A5B80B800CB80B800C 038E01 04A801 08A801", {"battery_level": 98.0, "occupancy": 1.0}),
        ("038e02", {"occupancy": math.nan}),
        ("038e00", {"occupancy": 0.0}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"occupancy": 1.0}))
    assert (made.payload.hex(), made.port) == ("038e01", 85)
