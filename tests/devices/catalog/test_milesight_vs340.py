"""Vectors: Milesight's own examples (README of VS340 in the SensorDecoders repository)."""

from __future__ import annotations

import pytest

from devices.catalog.milesight_vs340 import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


@every_model
@pytest.mark.parametrize(("payload", "is_there"), [("017564030000", 0.0), ("017564030001", 1.0)])
def test_somebody_is_there_or_not(spec: DeviceSpec, payload: str, is_there: float) -> None:
    values = {"battery_level": 100.0, "occupancy": is_there}
    assert spec.decode(frame(spec, payload)) == Decoded(values=values)
    assert spec.encode(Decoded(values=values)).payload.hex() == payload


@every_model
def test_an_occupancy_that_does_not_exist_is_refused(spec: DeviceSpec) -> None:
    with pytest.raises(PermanentError, match="occupancy state 2"):
        spec.decode(frame(spec, "030002"))
