"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em500_co2 import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 03671901 046873 057D6704 06736827",
            {
                "battery_level": 100.0,
                "air_temperature": 28.1,
                "relative_humidity": 57.5,
                "co2": 1127.0,
                "pressure": 100_880.0,
            },
        ),
        ("0367ceff", {"air_temperature": -5.0}),
        (
            "0367ff7f 0468ff 057dffff 0673ffff",
            {"air_temperature": math.nan, "relative_humidity": math.nan, "co2": math.nan, "pressure": math.nan},
        ),
        ("83d7 ceff 3200 01", {"air_temperature": -5.0}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"air_temperature": -5.0, "co2": 1127.0, "pressure": 100_880.0}))
    assert (made.payload.hex(), made.port) == ("0367ceff057d670406736827", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 6704 6827 ceff 73"))
    assert decoded == Decoded(
        values={"co2": 1127.0, "pressure": 100_880.0, "air_temperature": -5.0, "relative_humidity": 57.5},
        observed_ns=1_700_000_000 * 10**9,
        is_history=True,
    )
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce 00f15365 6704 6827 ceff 73")
