"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em500_smtc import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 03671901 046873 057FF000",
            {"battery_level": 100.0, "soil_temperature": 28.1, "soil_moisture": 57.5, "conductivity": 0.024},
        ),
        ("04ca7617", {"soil_moisture": 60.06}),
        ("0367ceff", {"soil_temperature": -5.0}),
        (
            "0367ff7f 04caffff 057fffff",
            {"soil_temperature": math.nan, "soil_moisture": math.nan, "conductivity": math.nan},
        ),
        ("83d7 ceff 3200 01", {"soil_temperature": -5.0}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"soil_temperature": -5.0, "soil_moisture": 60.06, "conductivity": 0.024}))
    assert (made.payload.hex(), made.port) == ("0367ceff04ca7617057ff000", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 f000 ceff 7617"))
    assert decoded == Decoded(
        values={"conductivity": 0.024, "soil_temperature": -5.0, "soil_moisture": 60.06},
        observed_ns=1_700_000_000 * 10**9,
        is_history=True,
    )
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce 00f15365 f000 ceff 7617")
