"""Vectors: Elsys' examples as TheThingsNetwork/lorawan-devices (Apache-2.0) quotes them."""

from __future__ import annotations

import pytest

from devices.catalog.elsys_ems import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])
A_63RD_OF_G = 9.80665 / 63


@every_model
@pytest.mark.parametrize(("payload", "is_open"), [("0d00", 1.0), ("0d01", 0.0)])
def test_the_reed_switch_is_one_while_the_door_is_closed(spec: DeviceSpec, payload: str, is_open: float) -> None:
    decoded = spec.decode(frame(spec, payload))
    assert decoded.values == {"contact_open": is_open}
    assert spec.encode(decoded).payload.hex() == payload


@every_model
def test_the_door_example(spec: DeviceSpec) -> None:
    values = dict(spec.decode(frame(spec, "030127050b000a0011")).values)
    assert values == pytest.approx(
        {
            "acceleration_x": A_63RD_OF_G,
            "acceleration_y": 39 * A_63RD_OF_G,
            "acceleration_z": 5 * A_63RD_OF_G,
            "count": 655_377.0,
        }
    )


@every_model
def test_the_leak_example(spec: DeviceSpec) -> None:
    values = spec.decode(frame(spec, "0100e202291211")).values
    assert values == {"air_temperature": 22.6, "relative_humidity": 41.0, "water_leak": 1.0, "analog_input": 17.0}


@pytest.mark.bad_input(50)
@every_model
def test_below_zero_is_below_zero(spec: DeviceSpec) -> None:
    assert spec.decode(frame(spec, "01ffce")).values == {"air_temperature": -5.0}


@every_model
def test_a_contact_state_that_does_not_exist_is_refused(spec: DeviceSpec) -> None:
    with pytest.raises(PermanentError, match="state 2"):
        spec.decode(frame(spec, "0d02"))
    with pytest.raises(PermanentError):
        spec.encode(Decoded(values={"contact_open": 0.5}))
