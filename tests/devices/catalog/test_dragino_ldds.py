"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), akenza-io/device-type-library (MIT, (c) 2021 Akenza AG)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_ldds import DEVICES
from devices.model import SECOND_NS, Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model: spec for spec in DEVICES}
ULTRASONIC = [f"dragino_{name}" for name in ("ldds75", "ldds20", "ldds45", "dds75_lb", "dds20_lb", "dds45_lb")]
LIDAR = BY_MODEL["dragino_llds12"]


@pytest.mark.parametrize("model", ULTRASONIC)
def test_distance_battery_and_probe_are_read(model: str) -> None:
    values = BY_MODEL[model].decode(frame(BY_MODEL[model], "0d3b0aef00ff3c01")).values
    assert values == {"distance": 2.799, "battery_voltage": 3.387, "probe_temperature": -19.6}


@pytest.mark.bad_input(51)
@pytest.mark.parametrize("model", ULTRASONIC)
@pytest.mark.parametrize(
    "payload",
    ["0d3b000000000001", "0d3b001400000001", "0d3bffff00000001", "0d3b0aef00000000"],
    ids=["no sensor", "invalid reading", "floating", "flag says no sensor"],
)
def test_words_of_the_maker_are_no_distance(model: str, payload: str) -> None:
    values = BY_MODEL[model].decode(frame(BY_MODEL[model], payload)).values
    assert math.isnan(values["distance"])
    assert values["battery_voltage"] == 3.387


@pytest.mark.parametrize("model", BY_MODEL)
def test_the_module_has_corrected_for_the_air_temperature_itself(model: str) -> None:
    assert BY_MODEL[model].distance_compensated, "a second correction would be centimetres of snow"


def test_a_distance_just_above_the_invalid_mark_is_one() -> None:
    spec = BY_MODEL["dragino_ldds20"]
    assert spec.decode(frame(spec, "0d3b001500000001")).values["distance"] == 0.021


@pytest.mark.bad_input(51)
@pytest.mark.parametrize("model", ["dragino_ldds75", "dragino_ldds20"])
def test_the_old_short_form_says_that_there_is_no_sensor(model: str) -> None:
    values = BY_MODEL[model].decode(frame(BY_MODEL[model], "0e1c0b05")).values
    assert set(values) == {"distance"}
    assert math.isnan(values["distance"])


@pytest.mark.bad_input(52)
@pytest.mark.parametrize(
    ("word", "degrees"),
    [
        ("0ccc", math.nan),  # 327.6: no probe (public vector of a DDS20-LB)
        ("f334", math.nan),  # -327.6
        ("7fff", math.nan),  # 3276.7
        ("0352", math.nan),  # 85.0: just powered
        ("fb0a", math.nan),  # -127.0
        ("0353", 85.1),
        ("ff38", -20.0),
        ("fdda", -55.0),
        ("0000", 0.0),
    ],
)
def test_constants_of_a_dead_probe_are_no_temperature(word: str, degrees: float) -> None:
    spec = BY_MODEL["dragino_ldds75"]
    values = spec.decode(frame(spec, f"0d02001800{word}01")).values
    assert values["probe_temperature"] == pytest.approx(degrees, nan_ok=True)


def test_a_log_gives_every_record_its_own_time() -> None:
    spec = BY_MODEL["dragino_dds75_lb"]
    records = "0d3b0aef00c80160000000" + "0d3b000000c80165000000"
    decoded = spec.decode(frame(spec, records, port=3))
    assert decoded.values == {}
    assert [one.is_history for one in decoded.earlier] == [True, True]
    assert [one.observed_ns for one in decoded.earlier] == [0x60000000 * SECOND_NS, 0x65000000 * SECOND_NS]
    assert decoded.earlier[0].values == {"distance": 2.799, "battery_voltage": 3.387, "probe_temperature": 20.0}
    assert math.isnan(decoded.earlier[1].values["distance"])


def test_four_distances_are_four_channels() -> None:
    spec = BY_MODEL["dragino_ldds04"]
    values = spec.decode(frame(spec, "0d4a0316001403180000" + "01")).values
    assert values == pytest.approx(
        {"distance": 0.79, "distance.2": math.nan, "distance.3": 0.792, "distance.4": math.nan,
         "battery_voltage": 3.402}, nan_ok=True,
    )  # fmt: skip


@pytest.mark.parametrize(("signal", "distance"), [("0063", math.nan), ("0064", 1.5), ("fffe", 1.5), ("ffff", math.nan)])
def test_a_lidar_with_too_weak_or_saturated_a_signal_has_no_distance(signal: str, distance: float) -> None:
    values = LIDAR.decode(frame(LIDAR, f"0d3bff3805dc{signal}00f601")).values
    assert values["distance"] == pytest.approx(distance, nan_ok=True)
    assert (values["probe_temperature"], values["device_temperature"]) == (-20.0, -10.0)


@pytest.mark.parametrize("model", ["dragino_lds12_lb", "dragino_lds40_lb"])
def test_a_lidar_s_log_says_when_and_how_strong(model: str) -> None:
    spec = BY_MODEL[model]
    good, weak = spec.decode(frame(spec, "000005dc0064f665000000" + "000005dc0063f665000000", port=3)).earlier
    assert good.values == {"distance": 1.5, "echo_quality": 100.0, "device_temperature": -10.0}
    assert (good.observed_ns, good.is_history) == (0x65000000 * SECOND_NS, True)
    assert math.isnan(weak.values["distance"])


def test_a_lidar_s_answer_to_a_command_measures_nothing() -> None:
    assert LIDAR.decode(frame(LIDAR, "03" + "00" * 9 + "02")).values == {}


def test_status_says_the_battery() -> None:
    spec = BY_MODEL["dragino_dds20_lb"]
    assert spec.decode(frame(spec, "29011001ff0e65", port=5)).values == {"battery_voltage": 3.685}


@pytest.mark.parametrize("model", BY_MODEL)
@pytest.mark.parametrize(("payload", "port"), [("0d3b0aef000000", 2), ("0d3b0aef0000000100", 2), ("0e1c0b05", 42)])
def test_another_length_or_port_is_refused(model: str, payload: str, port: int) -> None:
    with pytest.raises(PermanentError, match=r"no message of a|is none of a"):
        BY_MODEL[model].decode(frame(BY_MODEL[model], payload, port=port))


@pytest.mark.parametrize(
    "values",
    [
        {"distance": 0.02},
        {"distance": 65.535},
        {"probe_temperature": 85.0},
        {"probe_temperature": -60.0},
        {"battery_voltage": 17.0},
    ],
)
def test_what_means_something_else_on_the_wire_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match=next(iter(values))):
        BY_MODEL["dragino_ldds75"].encode(Decoded(values=values))


def test_the_simulator_says_what_the_device_would() -> None:
    said = {"distance": 2.799, "battery_voltage": 3.387, "probe_temperature": -0.1}
    assert BY_MODEL["dragino_ldds75"].encode(Decoded(values=said)).payload.hex() == "0d3b0aef00ffff01"
    assert BY_MODEL["dragino_ldds75"].encode(Decoded(values={"distance": math.nan})).payload.hex() == "00000000000ccc01"
