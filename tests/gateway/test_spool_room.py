"""The bound: the file stays under it, rows go in the stated order, every drop is counted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from devices.model import SECOND_NS
from gateway.spool import Spool
from gateway.spool_room import Senders, make_room
from gateway.spool_types import Lane, NewRow
from tests.gateway.spools import MIB, START_NS, all_waiting, numbers, open_spool, row

BODY = b"x" * 400


def file_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def squeeze(spool: Spool, *, pages: int) -> dict[str, int]:
    with spool._writing() as db:
        return dict(make_room(db, pages_wanted=pages))


def kept(spool: Spool) -> Counter[str]:
    return Counter(device_id for (device_id,) in spool._db.execute("SELECT device_id FROM rows"))


@pytest.mark.lesson(5)
def test_the_file_never_exceeds_its_bound_and_the_sum_is_exact(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    most = 0
    for start in range(0, 12_000, 100):
        spool.append([row(start + i, body=BODY) for i in range(100)])
        most = max(most, file_bytes(tmp_path))
    state = spool.state()
    assert most <= MIB * 1.05
    assert state.rows_waiting > 1_000
    assert state.rows_waiting + state.rows_dropped == 12_000
    assert spool.newest() == 12_000
    assert numbers(spool)[-1] == 12_000


def test_rows_the_hub_has_go_before_any_unsent_row(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=BODY) for i in range(400)])
    spool.confirm([(200, 400)], now_ns=START_NS)
    dropped = squeeze(spool, pages=35)
    assert set(dropped) == {"released"}
    assert numbers(spool) == list(range(1, 200))


def test_samples_are_thinned_to_one_an_hour_for_each_device_oldest_first(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(minute * 60, device_id=d, body=BODY) for minute in range(300) for d in ("a", "b")])
    dropped = squeeze(spool, pages=30)
    assert set(dropped) == {"dropped_thinned"}
    minutes: dict[str, list[int]] = {"a": [], "b": []}
    for device_id, received_ns in spool._db.execute("SELECT device_id, received_ns FROM rows ORDER BY number"):
        minutes[device_id].append((received_ns - START_NS) // SECOND_NS // 60)
    # START_NS is 13 min 20 s past the hour: hours turn before minutes 47, 107, 167, 227; the latest hour stays whole
    expected = [0, 47, 107, 167, 227, *range(239, 300)]
    assert minutes == {"a": expected, "b": expected}
    assert dropped["dropped_thinned"] == 600 - 2 * len(expected)


def test_thinning_stops_as_soon_as_there_is_room(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(minute * 60, body=BODY) for minute in range(6_000)])
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    squeeze(spool, pages=pages - 40)
    times = [(stored.received_ns - START_NS) // SECOND_NS // 60 for stored in all_waiting(spool)]
    assert times[-4_000:] == list(range(2_000, 6_000))
    assert len(times) < 6_000


def test_oldest_samples_go_only_when_thinning_was_not_enough(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=BODY) for i in range(1_000)])  # all within the latest hour: nothing to thin
    dropped = squeeze(spool, pages=60)
    assert set(dropped) == {"dropped_samples"}
    assert numbers(spool) == list(range(dropped["dropped_samples"] + 1, 1_001))


def test_events_and_the_newest_pulse_outlive_all_samples(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    rows: list[NewRow] = []
    for i in range(200):
        rows.append(row(i, device_id="sample", body=BODY))
        rows.append(row(i, device_id="pulse", lane=Lane.PULSE, body=BODY))
        rows.append(row(i, device_id="event", lane=Lane.EVENT, body=BODY))
    spool.append(rows)
    for pages in range(90, 10, -1):
        squeeze(spool, pages=pages)
        left = kept(spool)
        if left["event"] < 200:
            break
        last = left
    assert last == {"event": 200, "pulse": 1}
    assert {599, 600} <= set(numbers(spool))


def test_oldest_events_go_last(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, lane=Lane.EVENT, body=BODY) for i in range(400)])
    dropped = squeeze(spool, pages=30)
    assert set(dropped) == {"dropped_events"}
    assert numbers(spool) == list(range(dropped["dropped_events"] + 1, 401))


def test_a_full_spool_of_events_still_takes_new_ones(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    for i in range(2_500):
        spool.append([row(i, lane=Lane.EVENT, body=BODY)])
    state = spool.state()
    assert state.counters["dropped_events"] == state.rows_dropped > 0
    assert numbers(spool)[-1] == 2_500


def test_a_drop_is_logged_with_its_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    for start in range(0, 3_000, 500):
        spool.append([row(start + i, body=BODY) for i in range(500)])
    assert {record.message for record in caplog.records} == {"spool_rows_dropped"}


def test_one_batch_larger_than_the_room_left_is_taken(tmp_path: Path) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    spool.append([row(i, body=BODY) for i in range(1_200)])
    spool.append([row(2_000 + i, body=BODY) for i in range(600)])
    assert numbers(spool)[-600:] == list(range(1_201, 1_801))


def quiet_and_flood(*, lane: Lane, floods: int) -> list[NewRow]:
    """A week of five quiet devices, then one of them, or another, says the same thing again and again."""
    quiet = [row(hour * 3_600, device_id=f"quiet-{n}", body=BODY) for hour in range(7 * 24) for n in range(5)]
    alarm = [row(7 * 86_400, device_id="quiet-0", lane=Lane.EVENT, body=BODY)]
    flood = [row(7 * 86_400 + n / 10, device_id="flood", lane=lane, body=BODY) for n in range(floods)]
    return [*quiet, *alarm, *flood]


@pytest.mark.parametrize("lane", [Lane.SAMPLE, Lane.EVENT])
def test_a_device_that_floods_pays_for_it_alone(tmp_path: Path, lane: Lane) -> None:
    spool = open_spool(tmp_path, max_bytes=MIB)
    rows = quiet_and_flood(lane=lane, floods=5_000)
    for start in range(0, len(rows), 20):
        spool.append(rows[start : start + 20])
    left = kept(spool)
    assert {device_id: count for device_id, count in left.items() if device_id != "flood"} == {
        "quiet-0": 7 * 24 + 1,
        **{f"quiet-{n}": 7 * 24 for n in range(1, 5)},
    }
    assert left["flood"] > 300
    assert numbers(spool)[-200:] == list(range(len(rows) - 199, len(rows) + 1))
    counters = spool.state().counters
    assert counters["dropped_flood"] == len(rows) - sum(left.values())
    assert spool.state().rows_dropped == counters["dropped_flood"]


def test_a_flood_is_thinned_to_one_an_hour_and_its_newest(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0, device_id="other", body=BODY)])
    spool.append([row(minute * 60, device_id="flood", body=BODY) for minute in range(1_500)])
    with spool._writing() as db:
        thinned = make_room(db, pages_wanted=120, flooding="flood")
    assert set(thinned) == {"dropped_flood"}
    assert numbers(spool)[0] == 1
    minutes = [(each.received_ns - START_NS) // SECOND_NS // 60 for each in all_waiting(spool)[1:]]
    left_alone = range(minutes[-1] - 500, minutes[-1] + 1)
    assert minutes[-501:] == list(left_alone)
    hours = [minute for minute in minutes if minute < 400]
    assert hours == [0, *range(47, 400, 60)]


def test_a_device_alone_is_no_flood(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(minute * 60, device_id="only", body=BODY) for minute in range(1_500)])
    with spool._writing() as db:
        assert set(make_room(db, pages_wanted=120, flooding="only")) == {"dropped_thinned"}


def test_who_floods_is_who_sent_most_of_the_latest_rows() -> None:
    senders = Senders()
    senders.note([row(0, device_id="early") for _ in range(100)])
    assert senders.flooding() is None  # too few to say
    senders.note([row(0, device_id=name) for name in ("a", "b") for _ in range(400)])
    assert senders.flooding() is None
    senders.note([row(0, device_id="a") for _ in range(600)])
    assert senders.flooding() == "a"
    senders.note([row(0, device_id=f"d{n % 3}") for n in range(900)])
    assert senders.flooding() is None
