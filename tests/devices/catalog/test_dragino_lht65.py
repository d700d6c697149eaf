"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne
Brocaar)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.dragino_lht65 import DEVICES
from devices.model import SECOND_NS, Decoded, PermanentError
from tests.devices.frames import frame

SPEC = DEVICES[0]
BASE = {"air_temperature": 28.29, "relative_humidity": 88.6, "battery_voltage": 3.062}


@pytest.mark.parametrize(
    ("rest", "more"),
    [
        ("010add7fff", {"probe_temperature": 27.81}),
        ("01fc187fff", {"probe_temperature": -10.0}),
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


@pytest.mark.parametrize("payload", ["cbf60b0d0376010add7f", "cbf60b0d0376010add7fff00"])
def test_another_length_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="no message of a LHT65"):
        SPEC.decode(frame(SPEC, payload))


def test_the_simulator_says_what_the_device_would() -> None:
    said = {**BASE, "probe_temperature": -27.81}
    assert SPEC.encode(Decoded(values=said)).payload.hex() == "0bf60b0d037601f5230000"
