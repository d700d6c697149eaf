"""Vectors: Milesight's examples as lorawan-devices and thingsboard/data-converters (both Apache-2.0) quote them."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em400 import DEVICES
from devices.model import Decoded, DeviceSpec
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


def test_the_three_heads_are_there() -> None:
    assert [spec.model for spec in DEVICES] == ["milesight_em400_mud", "milesight_em400_udl", "milesight_em400_tld"]


@pytest.mark.bad_input(53)
@every_model
def test_a_tilted_sensor_has_no_distance(spec: DeviceSpec) -> None:
    values = dict(spec.decode(frame(spec, "01755C 03670101 04824408 050001")).values)
    assert math.isnan(values.pop("distance"))
    assert values == {"battery_level": 92.0, "device_temperature": 25.7, "is_tilted": 1.0}


@every_model
def test_a_reading_with_an_alarm_behind_it_is_a_reading(spec: DeviceSpec) -> None:
    decoded = spec.decode(frame(spec, "8367e80001 8482410601"))
    assert decoded == Decoded(values={"device_temperature": 23.2, "distance": 1.601})


@pytest.mark.bad_input(50, 52)
@every_model
@pytest.mark.parametrize(
    ("wire", "inside_c"), [("ceff", -5.0), ("70fe", -40.0), ("ff7f", math.nan), ("0080", math.nan)]
)
def test_below_zero_is_below_zero_and_a_dead_probe_is_none(spec: DeviceSpec, wire: str, inside_c: float) -> None:
    values = spec.decode(frame(spec, f"0367{wire}")).values
    assert values["device_temperature"] == pytest.approx(inside_c, nan_ok=True)


@every_model
def test_the_simulator_says_what_the_device_would(spec: DeviceSpec) -> None:
    values = {"battery_level": 92.0, "device_temperature": -5.0, "distance": 2.116, "is_tilted": 0.0}
    assert spec.decode(spec.encode(Decoded(values=values))).values == values
