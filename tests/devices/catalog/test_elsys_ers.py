"""Vectors: Elsys' examples as TheThingsNetwork/lorawan-devices (Apache-2.0) and akenza (MIT) quote them."""

from __future__ import annotations

import pytest

from devices.catalog.elsys_ers import DEVICES
from devices.model import Decoded, DeviceSpec
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


@every_model
@pytest.mark.parametrize("port", [1, 5, 85])
def test_all_models_speak_one_payload_on_any_port(spec: DeviceSpec, port: int) -> None:
    decoded = spec.decode(frame(spec, "0100e2022904002705061101", port=port))
    assert decoded.values == {
        "air_temperature": 22.6,
        "relative_humidity": 41.0,
        "illuminance": 39.0,
        "motion_count": 6.0,
        "occupancy": 1.0,
        "presence": 1.0,
    }


@every_model
def test_co2_and_battery_are_read(spec: DeviceSpec) -> None:
    values = spec.decode(frame(spec, "0100e9021d0601bf070e50")).values
    assert values == {"air_temperature": 23.3, "relative_humidity": 29.0, "co2": 447.0, "battery_voltage": 3.664}


@pytest.mark.bad_input(50)
@every_model
def test_below_zero_is_below_zero(spec: DeviceSpec) -> None:
    assert spec.decode(frame(spec, "01ffce")).values == {"air_temperature": -5.0}


@every_model
def test_what_the_series_does_not_measure_is_passed_over(spec: DeviceSpec) -> None:
    assert spec.decode(frame(spec, "0c00960229")).values == {"relative_humidity": 41.0}


@every_model
def test_the_simulator_says_what_the_device_would(spec: DeviceSpec) -> None:
    values = {"air_temperature": -5.0, "relative_humidity": 41.0, "motion_count": 6.0, "presence": 1.0}
    made = spec.encode(Decoded(values=values))
    assert (made.payload.hex(), made.port) == ("01ffce022905061102", 5)
