"""Vectors: Elsys' examples as TheThingsNetwork/lorawan-devices (Apache-2.0) and ChirpStack (MIT) quote them."""

from __future__ import annotations

import math

import pytest

from devices.catalog.elsys_elt import DEVICES
from devices.model import Decoded, DeviceSpec
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


@every_model
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("0100c80c0096", {"air_temperature": 20.0, "probe_temperature": 15.0}),
        ("0100c6022a070e0a", {"air_temperature": 19.8, "relative_humidity": 42.0, "battery_voltage": 3.594}),
        ("14000f5ca8", {"pressure": 100_676.0}),
        ("0cffce19ff9c", {"probe_temperature": -5.0, "probe_temperature.2": -10.0}),
        ("0e0834 0d01 1a00", {"distance": 2.1, "digital_input": 1.0, "digital_input.2": 0.0}),
        ("0b000a0011 1700000001", {"count": 655_377.0, "count.2": 1.0}),
    ],
)
def test_probes_are_read(spec: DeviceSpec, payload: str, values: dict[str, float]) -> None:
    assert spec.decode(frame(spec, payload)) == Decoded(values=values)


@pytest.mark.bad_input(52)
@every_model
@pytest.mark.parametrize("wire", ["fb0a", "0352", "7fff", "8000"], ids=["-127", "85", "3276.7", "-3276.8"])
def test_a_probe_that_is_not_there_is_no_reading(spec: DeviceSpec, wire: str) -> None:
    values = spec.decode(frame(spec, f"0c{wire}")).values
    assert math.isnan(values["probe_temperature"])


@every_model
def test_the_simulator_says_what_the_device_would(spec: DeviceSpec) -> None:
    values = {"air_temperature": -5.0, "probe_temperature": -10.0, "probe_temperature.2": 1.5, "distance": 2.1}
    made = spec.encode(Decoded(values=values))
    assert (made.payload.hex(), made.port) == ("01ffce0cff9c0e083419000f", 5)
