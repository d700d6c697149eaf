"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ws302 import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 055B053F02DA016A02",
            {"battery_level": 100.0, "sound_level": 47.4, "sound_level.2": 61.8, "sound_level.3": 57.5},
        ),
        ("055B05ffffDA016A02", {"sound_level": 47.4, "sound_level.2": 61.8, "sound_level.3": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"sound_level": 47.4, "sound_level.2": 61.8, "sound_level.3": 57.5}))
    assert (made.payload.hex(), made.port) == ("055b003f02da016a02", 85)
