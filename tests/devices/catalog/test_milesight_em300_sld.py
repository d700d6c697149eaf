"""Vectors: Milesight's own examples (README of EM300-SLD in the SensorDecoders repository)."""

from __future__ import annotations

import pytest

from devices.catalog.milesight_em300_sld import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from tests.devices.frames import frame

every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


@every_model
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "01755C 03673401 046865 050000",
            {"battery_level": 92.0, "air_temperature": 30.8, "relative_humidity": 50.5, "water_leak": 0.0},
        ),
        ("050001", {"water_leak": 1.0}),
        ("ff035802", {}),
    ],
    ids=["all", "leak", "a setting confirmed"],
)
def test_channels_are_read_one_by_one(spec: DeviceSpec, payload: str, values: dict[str, float]) -> None:
    assert spec.decode(frame(spec, payload)) == Decoded(values=values)


@pytest.mark.bad_input(50)
@every_model
def test_below_zero_is_below_zero(spec: DeviceSpec) -> None:
    assert spec.decode(frame(spec, "0367ceff")).values == {"air_temperature": -5.0}


@pytest.mark.bad_input(56)
@every_model
def test_a_history_record_has_its_own_time(spec: DeviceSpec) -> None:
    decoded = spec.decode(frame(spec, "20CE9E74466310015D01"))
    values = {"air_temperature": 27.2, "relative_humidity": 46.5, "water_leak": 1.0}
    assert decoded == Decoded(values=values, observed_ns=1_665_561_758 * 10**9, is_history=True)
    assert spec.decode(spec.encode(decoded)) == decoded


@every_model
def test_a_leak_state_that_does_not_exist_is_refused(spec: DeviceSpec) -> None:
    with pytest.raises(PermanentError, match="water_leak state 2"):
        spec.decode(frame(spec, "050002"))
