from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.model import SECOND_NS, TransientError
from gateway.pulse import Pulse, PulseOptions, pulse_readings
from gateway.spool import Spool
from gateway.spool_types import Lane
from tests.gateway.sites import GATEWAY
from tests.gateway.spools import START_NS, all_waiting, open_spool, row

MINUTE_NS = 60 * SECOND_NS


def make_pulse(folder: Path, spool: Spool) -> Pulse:
    return Pulse(PulseOptions(gateway_id=GATEWAY, interval_ns=MINUTE_NS, data_dir=folder), spool)


def beats(pulse: Pulse, *times_ns: int) -> list[bool]:
    return [pulse.beat(now_ns=START_NS + time_ns) for time_ns in times_ns]


def test_the_first_beat_comes_at_start_then_every_interval(tmp_path: Path) -> None:
    pulse = make_pulse(tmp_path, open_spool(tmp_path))
    assert beats(pulse, 0, MINUTE_NS - 1, MINUTE_NS, MINUTE_NS + 1) == [True, False, True, False]
    assert pulse.due_ns(now_ns=START_NS) == START_NS + MINUTE_NS


def test_missed_beats_are_not_made_up_for(tmp_path: Path) -> None:
    pulse = make_pulse(tmp_path, open_spool(tmp_path))
    assert beats(pulse, 0, 10 * MINUTE_NS, 10 * MINUTE_NS + 1, 11 * MINUTE_NS) == [True, True, False, True]


@pytest.mark.bad_input(88)
def test_a_clock_set_back_does_not_stop_the_pulse(tmp_path: Path) -> None:
    pulse = make_pulse(tmp_path, open_spool(tmp_path))
    assert beats(pulse, 1_000 * MINUTE_NS, 0, MINUTE_NS - 1, MINUTE_NS) == [True, False, False, True]


def test_a_beat_says_how_the_gateway_is(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(-90), row(-30)])
    spool.count("frames_quarantined", 4)
    make_pulse(tmp_path, spool).beat(now_ns=START_NS)
    stored = all_waiting(spool)[-1]
    values = {record["n"]: record["v"] for record in json.loads(stored.body)}
    disk_free = values.pop(f"{GATEWAY}/disk_free")
    assert values == {
        f"{GATEWAY}/spool_rows": 2,
        f"{GATEWAY}/oldest_unsent_age": 90,
        f"{GATEWAY}/rows_dropped": 0,
        f"{GATEWAY}/frames_quarantined": 4,
        f"{GATEWAY}/restarts": 1,
    }
    assert disk_free > 1_000_000
    assert {record["gateway"] for record in json.loads(stored.body)} == {GATEWAY}
    assert spool._db.execute("SELECT lane FROM rows WHERE number = 3").fetchone() == (Lane.PULSE,)


def test_a_beat_that_the_disk_refused_stays_due(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    pulse = make_pulse(tmp_path, spool)
    spool._db.execute("PRAGMA query_only = ON")
    with pytest.raises(TransientError):
        pulse.beat(now_ns=START_NS)
    spool._db.execute("PRAGMA query_only = OFF")
    assert pulse.beat(now_ns=START_NS + SECOND_NS)


def test_what_was_counted_is_told_by_its_own_name_once_it_is_not_zero(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    for name, count in (("dropped_flood", 3), ("damaged", 2), ("pushes_401", 4), ("pushes_429", 1), ("pushes_204", 90),
                        ("frames_own", 5), ("frames_repeat", 6), ("serial_bytes_cut", 0)):  # fmt: skip
        spool.count(name, count)
    told = pulse_readings(GATEWAY, spool.state(), now_ns=START_NS, disk_free_bytes=1)
    values = {reading.quantity: reading.value for reading in told}
    expected = {"dropped_flood": 3.0, "rows_damaged": 2.0, "pushes_refused": 5.0, "frames_repeated": 11.0}
    assert {name: values.get(name) for name in expected} == expected
    assert values["rows_dropped"] == 5.0
    assert "serial_bytes_cut" not in values
    spool.close()
