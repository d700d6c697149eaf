"""Vectors: akenza-io/device-type-library (MIT, (c) 2021 Akenza AG)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_probes import DEVICES
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model.removeprefix("dragino_"): spec for spec in DEVICES}
SOIL, THREE = BY_MODEL["lse01"], BY_MODEL["lsn50v2_d23"]


@pytest.mark.parametrize("port", [1, 2])
def test_soil(port: int) -> None:
    assert SOIL.decode(frame(SOIL, "ce2900f107a5099b6e2890", port=port)).values == pytest.approx(
        {"soil_moisture": 19.57, "soil_temperature": 24.59, "conductivity": 2.82, "probe_temperature": 24.1,
         "battery_voltage": 3.625}
    )  # fmt: skip


@pytest.mark.bad_input(50)
def test_frozen_soil_is_below_zero() -> None:
    values = SOIL.decode(frame(SOIL, "ce29ffce07a5ff386e2800")).values
    assert (values["probe_temperature"], values["soil_temperature"]) == (-5.0, -2.0)


@pytest.mark.parametrize(
    ("model", "probes"),
    [
        ("lsn50v2_d20", {"probe_temperature": 13.0}),
        ("lsn50v2_d22", {"probe_temperature": 13.0, "probe_temperature.2": 5.2}),
        ("lsn50v2_d23", {"probe_temperature": 13.0, "probe_temperature.2": 5.2, "probe_temperature.3": -0.3}),
        ("d20_lb", {"probe_temperature": 13.0}),
        ("d23_lb", {"probe_temperature": 13.0, "probe_temperature.2": 5.2, "probe_temperature.3": -0.3}),
    ],
)
def test_one_to_three_probes(model: str, probes: dict[str, float]) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, "0e41008200000c0034fffd")).values
    assert values == probes | {"battery_voltage": 3.649}


@pytest.mark.bad_input(52)
@pytest.mark.parametrize("word", ["ffff", "0ccc", "0352", "fb0a", "7fff"])
def test_what_a_missing_probe_says_is_no_temperature(word: str) -> None:
    values = THREE.decode(frame(THREE, f"0e41{word}00000c{word}{word}")).values
    assert all(math.isnan(values[key]) for key in values if key.startswith("probe"))
    assert values["battery_voltage"] == 3.649


@pytest.mark.bad_input(50)
@pytest.mark.parametrize("model", ["lsn50v2_s31", "s31_lb"])
def test_air_from_an_sht31(model: str) -> None:
    spec = BY_MODEL[model]
    assert spec.decode(frame(spec, "0e1c68a2ef9b00ff9c0191")).values == {
        "battery_voltage": 3.612, "air_temperature": -10.0, "relative_humidity": 40.1,
    }  # fmt: skip
    assert spec.decode(frame(spec, "0e1c68a2ef9b0001130000")).values == {"battery_voltage": 3.612}
    assert math.isnan(spec.decode(frame(spec, "0e1c68a2ef9b007fff0191")).values["air_temperature"])


@pytest.mark.parametrize("payload", ["0e4100820000040034fffd", "0e41008200007c0034fffd", "0e41008200000c0034ff"])
def test_another_mode_or_length_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="no message of a LSN50v2-D23"):
        THREE.decode(frame(THREE, payload))


def test_the_simulator_says_what_the_device_would() -> None:
    said = {"probe_temperature": -20.0, "probe_temperature.3": 1.5, "battery_voltage": 3.6}
    assert THREE.encode(Decoded(values=said)).payload.hex() == "0e10ff3800000cffff000f"
    with pytest.raises(PermanentError, match=r"probe_temperature -0.1"):
        THREE.encode(Decoded(values={"probe_temperature": -0.1}))
