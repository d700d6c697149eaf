"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ts201 import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("017564 03673401", {"battery_level": 100.0, "probe_temperature": 30.8}),
        ("8367340101", {"probe_temperature": 30.8}),
        ("93673401640002", {"probe_temperature": 30.8}),
        ("B36700", {"probe_temperature": math.nan}),
        ("0367bdff ffa0000000000000000000", {"probe_temperature": -6.7}),
        ("0367ff7f", {"probe_temperature": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"probe_temperature": -6.7}))
    assert (made.payload.hex(), made.port) == ("0367bdff", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20CEC79AFA6400BDFF"))
    assert decoded == Decoded(values={"probe_temperature": -6.7}, observed_ns=1_694_145_223 * 10**9, is_history=True)
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20CEC79AFA6400BDFF")


@pytest.mark.parametrize(("kind", "probe_c"), [("02", -6.7), ("13", math.nan), ("21", math.nan)])
def test_a_record_without_a_reading_is_none(kind: str, probe_c: float) -> None:
    values = DEVICE.decode(frame(DEVICE, f"20CEC79AFA64{kind}BDFF")).values
    assert values["probe_temperature"] == pytest.approx(probe_c, nan_ok=True)
