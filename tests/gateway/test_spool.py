from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

import pytest

from devices.model import SECOND_NS, TransientError
from gateway.spool_types import Lane, Want
from tests.gateway.spools import ALL, START_NS, abandon, all_waiting, numbers, open_spool, row


def test_numbers_begin_at_one_and_have_no_gap(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert list(spool.append([row(0), row(1)])) == [1, 2]
    assert list(spool.append([row(2)])) == [3]
    assert numbers(spool) == [1, 2, 3]
    assert (spool.newest(), spool.floor()) == (3, 1)


def test_an_empty_spool_says_the_next_number_is_its_floor(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert (spool.newest(), spool.floor(), all_waiting(spool)) == (0, 1, [])


def test_rows_come_back_byte_for_byte(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    body = bytes(range(256))
    spool.append([row(1.5, body=body)])
    (stored,) = all_waiting(spool)
    assert (stored.body, stored.received_ns) == (body, START_NS + 1_500_000_000)


@pytest.mark.lesson(3)
def test_a_committed_row_survives_the_process(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0), row(1)])
    abandon(spool)
    again = open_spool(tmp_path)
    assert again.epoch == spool.epoch
    assert numbers(again) == [1, 2]
    assert list(again.append([row(2)])) == [3]


def test_two_files_have_different_epochs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert open_spool(tmp_path / "a").epoch != open_spool(tmp_path / "b").epoch


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pytest.raises(TransientError, match="another process"):
        open_spool(tmp_path)
    spool.close()
    open_spool(tmp_path).close()


def test_confirmed_rows_are_not_sent_again_but_stay_for_a_day(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i) for i in range(5)])
    assert spool.confirm([(1, 2), (4, 4)], now_ns=START_NS) == 3
    assert spool.confirm([(1, 2), (4, 4)], now_ns=START_NS) == 0
    assert numbers(spool) == [3, 5]
    spool.tend(now_ns=START_NS + 24 * 3600 * SECOND_NS)
    assert spool.floor() == 1
    spool.tend(now_ns=START_NS + 24 * 3600 * SECOND_NS + 1)
    assert spool.floor() == 3
    assert not spool.holds(4)


def test_unconfirmed_rows_wait_again(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i) for i in range(6)])
    spool.confirm([(1, 6)], now_ns=START_NS)
    assert spool.done_within([(3, 4), (6, 9)]) == 3
    assert spool.unconfirm([(3, 4), (6, 9)]) == 3
    assert numbers(spool) == [3, 4, 6]


def test_release_deletes_only_what_the_hub_has(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i) for i in range(4)])
    spool.confirm([(1, 1), (3, 4)], now_ns=START_NS)
    assert spool.release(up_to=3) == 2
    assert numbers(spool) == [2]
    assert spool.floor() == 2
    assert spool.holds(4)


@pytest.mark.parametrize(
    ("want", "expected"),
    [
        pytest.param(ALL, [1, 2, 3, 4], id="all"),
        pytest.param(Want(first=2, last=3, most_records=9, most_bytes=999), [2, 3], id="range of numbers"),
        pytest.param(Want(first=1, last=9, most_records=2, most_bytes=999), [1, 2], id="records"),
        pytest.param(Want(first=1, last=9, most_records=9, most_bytes=30), [1, 2, 3], id="bytes"),
        pytest.param(Want(first=1, last=9, most_records=9, most_bytes=5), [1], id="one row however large"),
    ],
)
def test_waiting_keeps_within_what_is_wanted(tmp_path: Path, want: Want, expected: list[int]) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=b"0123456789") for i in range(4)])
    assert [stored.number for stored in spool.waiting(want)] == expected


def test_first_waiting_since_skips_rows_that_are_done_or_older(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i) for i in range(5)])
    spool.confirm([(3, 3)], now_ns=START_NS)
    assert spool.first_waiting_since(START_NS + 2 * SECOND_NS) == 4
    assert spool.first_waiting_since(START_NS + 9 * SECOND_NS) is None


def test_notes_and_counts_come_with_the_rows(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.count("frames_quarantined", 2)
    spool.append([row(0)], notes={"clock/a": "1", "clock/b": "2", "other": "3"})
    spool.append([], notes={"clock/a": "4"})
    spool.count("frames_quarantined")
    assert spool.state().counters["frames_quarantined"] == 3
    abandon(spool)
    again = open_spool(tmp_path)
    assert again.notes("clock/") == {"a": "4", "b": "2"}
    assert again.state().counters["frames_quarantined"] == 2


def test_state_tells_what_waits_and_how_often_it_was_started(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    assert spool.state().oldest_ns is None
    spool.append([row(i) for i in range(3)])
    spool.confirm([(1, 1)], now_ns=START_NS)
    spool.close()
    state = open_spool(tmp_path).state()
    assert (state.rows_waiting, state.oldest_ns, state.starts) == (2, START_NS + SECOND_NS, 2)


def test_a_row_with_a_flipped_bit_is_set_aside_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=b"body %d" % i) for i in range(3)])
    spool._db.execute("UPDATE rows SET body = ? WHERE number = 2", (b"bodz 1",))
    with caplog.at_level(logging.ERROR):
        assert numbers(spool) == [1, 3]
    assert [record.message for record in caplog.records] == ["spool_rows_damaged"]
    (damaged,) = spool.found_damaged()
    assert (damaged.number, damaged.body) == (2, b"bodz 1")
    spool.forget_damaged(1)
    assert spool.found_damaged() == []
    assert spool.state().rows_dropped == 1
    assert spool._db.execute("SELECT number, body FROM damaged").fetchall() == [(2, b"bodz 1")]


@pytest.mark.parametrize(
    "change",
    [
        "lane = 2",
        "lane = 77",
        "device_id = 'snow-02'",
        "received_ns = received_ns + 1",
        "records = 9",
        "crc = crc + 1",
        "number = 7",
        "body = x'00'",
        "body = 'text'",
    ],
)
def test_every_column_is_under_the_checksum(tmp_path: Path, change: str) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0, body=b"x")])
    spool._db.execute(f"UPDATE rows SET {change}")
    assert all_waiting(spool) == []
    assert len(spool.found_damaged()) == 1


@pytest.mark.lesson(3)
def test_durability_settings_are_on(tmp_path: Path) -> None:
    db = open_spool(tmp_path)._db
    settings = {name: db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert settings == {"journal_mode": "wal", "synchronous": 2}


def test_a_failed_append_takes_nothing_and_uses_no_number(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0)])
    spool._db.execute(
        "CREATE TRIGGER stop BEFORE INSERT ON rows WHEN NEW.number = 3 BEGIN SELECT RAISE(ABORT, ''); END"
    )
    with pytest.raises(TransientError):
        spool.append([row(1), row(2)])
    spool._db.execute("DROP TRIGGER stop")
    assert numbers(spool) == [1]
    assert list(spool.append([row(3)])) == [2]


def test_rows_are_readable_by_a_second_reader_while_open(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0, lane=Lane.EVENT)])
    reader = sqlite3.connect(f"file:{tmp_path / 'spool-gw.db'}?mode=ro", uri=True)
    assert reader.execute("SELECT number, lane FROM rows").fetchall() == [(1, 2)]
    reader.close()
