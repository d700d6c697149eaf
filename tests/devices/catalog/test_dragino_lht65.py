"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne
Brocaar)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_lht65 import DEVICES
from devices.model import SECOND_NS, Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model: spec for spec in DEVICES}
SPEC, E31F, LHT52 = BY_MODEL["dragino_lht65"], BY_MODEL["dragino_lht65n_e31f"], BY_MODEL["dragino_lht52"]
BASE = {"air_temperature": 28.29, "relative_humidity": 88.6, "battery_voltage": 3.062}


@pytest.mark.parametrize(
    ("rest", "more"),
    [
        ("010add7fff", {"probe_temperature": 27.81}),
        ("01fc187fff", {"probe_temperature": -10.0}),
        ("020add7fff", {"probe_temperature": 27.81}),
        ("00ffffffff", {}),
        ("050100ffff", {"illuminance": 256.0}),
        ("060bb8ffff", {"voltage": 3.0}),
        ("070102ffff", {"count": 258.0}),
        ("0800010203", {"count": 66051.0}),
    ],
)
def test_the_external_sensor_is_read_by_its_type(rest: str, more: dict[str, float]) -> None:
    assert SPEC.decode(frame(SPEC, f"cbf60b0d0376{rest}")).values == BASE | more


@pytest.mark.bad_input(52)
@pytest.mark.parametrize("rest", ["017fff7fff", "0121347fff", "81ce647fff", "810add7fff"])
def test_a_dead_or_loose_probe_is_no_temperature(rest: str) -> None:
    assert math.isnan(SPEC.decode(frame(SPEC, f"cbf60b0d0376{rest}")).values["probe_temperature"])


@pytest.mark.bad_input(52)
@pytest.mark.parametrize("word", ["7fff", "f060", "ffff8000"[4:]])
def test_a_dead_sht_is_no_temperature(word: str) -> None:
    assert math.isnan(SPEC.decode(frame(SPEC, f"cbf6{word}037600ffffffff")).values["air_temperature"])


def test_frost_is_below_zero() -> None:
    assert SPEC.decode(frame(SPEC, "cbf6fe0c037600ffffffff")).values["air_temperature"] == -5.0


def test_an_unknown_external_type_leaves_the_rest_unread() -> None:
    decoded = SPEC.decode(frame(SPEC, "cbf60b0d03760cffffffff"))
    assert (decoded.values, decoded.is_partial) == (BASE, True)


def test_records_of_the_log_have_their_own_time() -> None:
    record = "0add0b0d0376"
    log = f"{record}4965000000" + f"{record}4965000258"
    decoded = SPEC.decode(frame(SPEC, log))
    assert [one.observed_ns for one in decoded.earlier] == [0x65000000 * SECOND_NS, 0x65000258 * SECOND_NS]
    assert all(one.is_history for one in decoded.earlier)
    now = SPEC.decode(frame(SPEC, f"{record}0965000000"))
    assert (now.is_history, now.values["probe_temperature"]) == (False, 27.81)


@pytest.mark.parametrize("model", BY_MODEL)
def test_eleven_zeros_say_that_nothing_is_stored(model: str) -> None:
    decoded = BY_MODEL[model].decode(frame(BY_MODEL[model], bytes(11)))
    assert (decoded.values, decoded.earlier) == ({}, ())


def test_a_probe_for_temperature_and_humidity_is_a_second_channel() -> None:
    assert E31F.decode(frame(E31F, "0bf60f4d03760cfe0c00ff")).values == {
        "air_temperature": 39.17, "relative_humidity": 88.6, "battery_voltage": 3.062, "probe_temperature": -5.0,
        "relative_humidity.2": 25.5,
    }  # fmt: skip


def test_an_lht52_says_when() -> None:
    decoded = LHT52.decode(frame(LHT52, "fe0c01f47fff0165000000"))
    assert (decoded.values["air_temperature"], decoded.values["relative_humidity"]) == (-5.0, 50.0)
    assert math.isnan(decoded.values["probe_temperature"])
    assert (decoded.observed_ns, decoded.is_history) == (0x65000000 * SECOND_NS, False)
    log = LHT52.decode(frame(LHT52, "fe0c01f47fff0165000000" + "00" * 11, port=3))
    assert [one.is_history for one in log.earlier] == [True]
    assert LHT52.decode(frame(LHT52, "0b880100250bb8", port=5)).values == {"battery_voltage": 3.0}
    assert LHT52.decode(frame(LHT52, "28ff641d8fdf18c1", port=4)).values == {}


@pytest.mark.parametrize("payload", ["cbf60b0d0376010add7f", "cbf60b0d0376010add7fff00"])
def test_another_length_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="no message of a LHT65"):
        SPEC.decode(frame(SPEC, payload))


def test_the_simulator_says_what_the_device_would() -> None:
    said = {**BASE, "probe_temperature": -27.81}
    assert SPEC.encode(Decoded(values=said)).payload.hex() == "0bf60b0d037601f5230000"
