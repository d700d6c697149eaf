"""Vectors: Milesight's own examples (README of EM300-TH and EM320-TH in the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em300_th import DEVICES
from devices.model import Decoded, DeviceSpec, PermanentError
from tests.devices.frames import frame

EM300, EM320 = DEVICES
every_model = pytest.mark.parametrize("spec", DEVICES, ids=[spec.model for spec in DEVICES])


@every_model
def test_the_example_of_the_maker(spec: DeviceSpec) -> None:
    values = {"battery_level": 92.0, "air_temperature": 30.8, "relative_humidity": 50.5}
    assert spec.decode(frame(spec, "01755C 03673401 046865")).values == values
    assert spec.encode(Decoded(values=values)).payload.hex() == "01755c03673401046865"


@pytest.mark.bad_input(50, 52)
@every_model
@pytest.mark.parametrize(("wire", "air_c"), [("ceff", -5.0), ("ffff", -0.1), ("ff7f", math.nan), ("0080", math.nan)])
def test_below_zero_is_below_zero_and_a_dead_probe_is_none(spec: DeviceSpec, wire: str, air_c: float) -> None:
    values = spec.decode(frame(spec, f"0367{wire} 0468ff")).values
    assert values == pytest.approx({"air_temperature": air_c, "relative_humidity": math.nan}, nan_ok=True)


@pytest.mark.bad_input(56)
@pytest.mark.parametrize(
    ("spec", "payload"), [(EM300, "20CE9E74466310015D00"), (EM320, "20CE9E74466310015D")], ids=["em300", "em320"]
)
def test_a_history_record_has_its_own_time(spec: DeviceSpec, payload: str) -> None:
    decoded = spec.decode(frame(spec, payload))
    values = {"air_temperature": 27.2, "relative_humidity": 46.5}
    assert decoded == Decoded(values=values, observed_ns=1_665_561_758 * 10**9, is_history=True)
    assert spec.encode(decoded).payload == bytes.fromhex(payload)


def test_the_record_of_one_is_not_the_other_s() -> None:
    with pytest.raises(PermanentError, match="is cut: 7 of 8"):
        EM300.decode(frame(EM300, "20CE9E74466310015D"))
