"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em500_lgt import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017564 039450000000", {"battery_level": 100.0, "illuminance": 80.0}),
        ("0394ffffffff", {"illuminance": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"battery_level": 100.0, "illuminance": 80.0}))
    assert (made.payload.hex(), made.port) == ("017564039450000000", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 50000000"))
    assert decoded == Decoded(values={"illuminance": 80.0}, observed_ns=1_700_000_000 * 10**9, is_history=True)
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce 00f15365 50000000")
