from __future__ import annotations

import json
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.model import TransientError
from devices.senml import decode_pack, encode_rows
from gateway.decode import Arrival
from gateway.intake import CLOCK_NOTES, RateLimit, report_damaged
from gateway.spool_types import Lane
from tests.gateway.sites import GATEWAY, NOW_NS, make_intake
from tests.gateway.spools import all_waiting, numbers, open_spool
from tests.gateway.test_decode import chirp, serial, zigbee
from tests.support import wait_until


def test_one_frame_is_one_row_that_the_hub_can_read(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    prepared = intake.prepare("serial-0", [serial(b"R1234\r"), serial(b"R1235\r")], now_s=0.0)
    assert numbers(spool) == []
    assert list(intake.commit(prepared)) == [1, 2]
    stored = all_waiting(spool)
    message = encode_rows([(s.number, s.body) for s in stored], epoch=spool.epoch, floor=1, resent=False)
    pack = decode_pack(message, publisher=GATEWAY, arrived_ns=NOW_NS)
    assert [(r.device_id, r.quantity, r.value, r.gateway_id) for r in pack.readings] == [
        ("snow-01", "distance", 1.234, GATEWAY),
        ("snow-01", "distance", 1.235, GATEWAY),
    ]
    assert (pack.rows, pack.epoch, pack.quarantine) == ((1, 2), spool.epoch, ())


def test_quarantine_goes_the_same_way(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    intake.commit(intake.prepare("serial-0", [serial(b"noise\r")], now_s=0.0))
    (stored,) = all_waiting(spool)
    message = encode_rows([(1, stored.body)], epoch=spool.epoch, floor=1, resent=False)
    (row,) = decode_pack(message, publisher=GATEWAY, arrived_ns=NOW_NS).quarantine
    assert (row.reason, row.device_id, row.raw, row.publisher) == ("undecodable", "snow-01", b"noise\r", GATEWAY)
    assert row.received_ns == NOW_NS
    assert spool.state().counters["frames_quarantined"] == 1


@pytest.mark.parametrize(
    ("arrival", "lane", "records"),
    [
        pytest.param(serial(b"R1234\r"), Lane.SAMPLE, 1, id="sample"),
        pytest.param(serial(b"junk\r"), Lane.EVENT, 1, id="quarantine"),
        pytest.param(chirp(), Lane.EVENT, 6, id="trap contact"),
        pytest.param(zigbee({"illuminance": 4, "battery": 90}), Lane.SAMPLE, 2, id="no state in it"),
        pytest.param(zigbee({"occupancy": False}), Lane.EVENT, 1, id="movement"),
    ],
)
def test_events_and_quarantine_lie_in_the_lane_that_is_dropped_last(
    tmp_path: Path, arrival: Arrival, lane: Lane, records: int
) -> None:
    spool = open_spool(tmp_path)
    (row,) = make_intake(spool).prepare("x", [arrival], now_s=0.0).rows
    assert (row.lane, row.records) == (lane, records)
    assert len(json.loads(row.body)) == records


def test_garbage_gives_ten_rows_a_minute_and_the_rest_is_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    garbage = [serial(b"noise%d\r" % i) for i in range(500)]
    intake.commit(intake.prepare("serial-0", garbage, now_s=100.0))
    assert len(numbers(spool)) == 10
    intake.commit(intake.prepare("serial-0", [*garbage, serial(b"R1234\r")], now_s=130.0))
    assert len(numbers(spool)) == 11
    intake.commit(intake.prepare("serial-0", garbage, now_s=160.0))
    assert len(numbers(spool)) == 21
    counters = spool.state().counters
    assert (counters["frames_quarantined"], counters["quarantine_not_kept"]) == (1_500, 1_480)


def test_the_limit_is_for_each_source_reason_and_device() -> None:
    limit = RateLimit(most=2)
    key = ("serial-0", "undecodable", "snow-01")
    assert [limit.allows(key, now_s=0.0) for _ in range(3)] == [True, True, False]
    assert limit.allows(("serial-1", *key[1:]), now_s=0.0)
    assert not limit.allows(key, now_s=59.9)
    assert limit.allows(key, now_s=60.0)


def test_what_is_no_row_is_counted(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    arrivals: list[Arrival] = [zigbee({}, name="bridge/state"), serial(b"4\r", is_first=True)]
    prepared = intake.prepare("x", arrivals, now_s=0.0)
    assert (prepared.rows, prepared.notes) == ((), {})
    assert list(intake.commit(prepared)) == []
    intake.prepare("x", [zigbee({"occupancy": True, "last_seen": 1})], now_s=0.0)
    counters = spool.state().counters
    assert {name: counters[name] for name in ("frames_empty", "frames_cut_front", "clocks_refused")} == {
        "frames_empty": 1,
        "frames_cut_front": 1,
        "clocks_refused": 1,
    }


def test_believed_device_clocks_are_noted_with_the_rows(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    at_ms = NOW_NS // 1_000_000
    intake.commit(intake.prepare("x", [zigbee({"occupancy": True, "last_seen": at_ms})], now_s=0.0))
    assert spool.notes(CLOCK_NOTES) == {"mo-01": str(NOW_NS)}


def test_commit_waits_for_the_disk_and_tells_when_it_was_stopped(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    prepared = intake.prepare("x", [serial(b"R1234\r")], now_s=0.0)
    spool._db.execute("PRAGMA query_only = ON")
    with pytest.raises(TransientError):
        intake.commit(prepared)
    stop, answers = Event(), []
    thread = Thread(target=lambda: answers.append(intake.commit_until(prepared, stop)))
    thread.start()
    stop.set()
    thread.join(5.0)
    assert answers == [False]
    stop.clear()
    thread = Thread(target=lambda: answers.append(intake.commit_until(prepared, stop)))
    thread.start()
    spool._db.execute("PRAGMA query_only = OFF")
    wait_until(lambda: answers == [False, True])
    assert numbers(spool) == [1]


@pytest.mark.parametrize("damage", ["crc = 1", "body = 'text'", "body = 7", "lane = 'x'"])
def test_a_damaged_row_is_reported_as_quarantine(tmp_path: Path, damage: str) -> None:
    spool = open_spool(tmp_path)
    intake = make_intake(spool)
    intake.commit(intake.prepare("x", [serial(b"R1234\r"), serial(b"R1235\r")], now_s=0.0))
    spool._db.execute(f"UPDATE rows SET {damage} WHERE number = 1")
    assert numbers(spool) == [2]
    spool._db.execute("PRAGMA query_only = ON")
    with pytest.raises(TransientError):
        report_damaged(spool, publisher=GATEWAY, now_ns=NOW_NS)
    spool._db.execute("PRAGMA query_only = OFF")
    report_damaged(spool, publisher=GATEWAY, now_ns=NOW_NS)
    report_damaged(spool, publisher=GATEWAY, now_ns=NOW_NS)
    assert numbers(spool) == [2, 3]
    (record,) = json.loads(all_waiting(spool)[-1].body)
    assert record["reason"] == "spool_damage"
    assert "row 1 " in record["detail"]
