"""Disks that refuse, files that are damaged: never fatal, never silent, nothing deleted, nothing half taken."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.model import TransientError
from gateway.spool import Spool
from tests.gateway.spools import START_NS, abandon, all_waiting, numbers, open_spool, row

BODY = b"y" * 900


def aside_files(folder: Path) -> list[str]:
    names = sorted(path.name for path in folder.iterdir() if "damaged" in path.name)
    return [name for name in names if not name.endswith(("-wal", "-shm"))]


def fill_disk(spool: Spool) -> None:
    """Let every page beyond the present ones fail with SQLITE_FULL, as a full disk does, far from our own bound."""
    pages = spool._db.execute("PRAGMA page_count").fetchone()[0]
    spool._db.execute(f"PRAGMA max_page_count = {pages}")


def empty_disk(spool: Spool) -> None:
    spool._db.execute("PRAGMA max_page_count = 10000")


def forbid_writing(spool: Spool) -> None:
    spool._db.execute("PRAGMA query_only = ON")


def allow_writing(spool: Spool) -> None:
    spool._db.execute("PRAGMA query_only = OFF")


FAULTS = pytest.mark.parametrize(
    ("break_it", "mend_it", "code"),
    [
        pytest.param(fill_disk, empty_disk, "SQLITE_FULL", id="disk full"),
        pytest.param(forbid_writing, allow_writing, "SQLITE_READONLY", id="read-only"),
    ],
)
Change = Callable[[Spool], None]


@FAULTS
@pytest.mark.lesson(4)
def test_a_disk_that_refuses_takes_nothing_and_recovers(
    tmp_path: Path, break_it: Change, mend_it: Change, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(0, body=BODY)])
    break_it(spool)
    for attempt in range(5):
        with pytest.raises(TransientError):
            spool.append([row(attempt * 20 + i, body=BODY) for i in range(20)])
    assert numbers(spool) == [1]
    assert [(r.message, r.__dict__["code"]) for r in caplog.records] == [("spool_fault", code)]
    mend_it(spool)
    assert list(spool.append([row(i, body=BODY) for i in range(20)])) == list(range(2, 22))
    assert [r.message for r in caplog.records] == ["spool_fault", "spool_fault_over"]


@FAULTS
def test_housekeeping_finds_out_that_the_fault_is_over(
    tmp_path: Path, break_it: Change, mend_it: Change, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path)
    break_it(spool)
    with pytest.raises(TransientError):
        spool.append([row(i, body=BODY) for i in range(20)])
    mend_it(spool)
    spool.tend(now_ns=START_NS)
    assert [r.message for r in caplog.records] == ["spool_fault", "spool_fault_over"], code


def test_counts_survive_a_failed_write(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.count("frames_quarantined", 7)
    forbid_writing(spool)
    with pytest.raises(TransientError):
        spool.append([row(0)])
    allow_writing(spool)
    spool.append([row(0)])
    spool.append([row(1)])
    assert spool.state().counters["frames_quarantined"] == 7


def filled(folder: Path, count: int = 400) -> Path:
    spool = open_spool(folder)
    spool.append([row(i, body=BODY) for i in range(count)])
    spool.confirm([(1, 100)], now_ns=START_NS)
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    abandon(spool)
    return folder / "spool-gw.db"


def truncated(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def zeroed_pages(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096 * 60)
        file.write(bytes(4096 * 6))


def wrong_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"not a database at all")


def nothing_but_noise(path: Path) -> None:
    path.write_bytes(bytes(i * 37 % 251 for i in range(50_000)))


def another_program(path: Path) -> None:
    path.unlink()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()


def missing_table(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("DROP TABLE facts")
    db.close()


@pytest.mark.parametrize(
    "damage", [truncated, zeroed_pages, wrong_header, nothing_but_noise, another_program, missing_table]
)
@pytest.mark.lesson(20)
def test_a_damaged_file_is_set_aside_at_start(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = filled(tmp_path)
    damage(path)
    before = path.read_bytes()
    spool = open_spool(tmp_path)
    assert aside_files(tmp_path) == ["spool-gw.db.damaged-20231114T221320Z"]
    assert (tmp_path / "spool-gw.db.damaged-20231114T221320Z").read_bytes()[:4096] == before[:4096]
    assert "spool_set_aside" in [r.message for r in caplog.records]
    salvaged = len(all_waiting(spool))
    assert list(spool.append([row(0)])) == [salvaged + 1]


@pytest.mark.parametrize(("damage", "at_least"), [(truncated, 50), (zeroed_pages, 250)])
@pytest.mark.lesson(20)
def test_readable_unsent_rows_of_a_damaged_file_are_taken_over(
    tmp_path: Path, damage: Callable[[Path], None], at_least: int
) -> None:
    damage(filled(tmp_path))
    spool = open_spool(tmp_path)
    stored = all_waiting(spool)
    assert [s.number for s in stored] == list(range(1, len(stored) + 1))
    assert at_least < len(stored) < 300
    assert {s.body for s in stored} == {BODY}
    # the rows that the hub had are not sent again under the new epoch
    assert stored[0].received_ns == START_NS + 100 * 1_000_000_000


def test_setting_aside_twice_in_a_second_keeps_both(tmp_path: Path) -> None:
    for _ in range(2):
        wrong_header(filled(tmp_path))
        abandon(open_spool(tmp_path))
    assert len(aside_files(tmp_path)) == 2


def test_a_file_closed_in_order_is_not_checked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway import spool_file

    open_spool(tmp_path).close()
    monkeypatch.setattr(spool_file, "_is_sound", lambda _db: pytest.fail("checked"))
    spool = open_spool(tmp_path)
    abandon(spool)
    monkeypatch.setattr(spool_file, "_is_sound", lambda _db: False)
    assert open_spool(tmp_path).epoch != spool.epoch


def test_damage_under_a_running_spool_is_replaced_by_housekeeping(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = open_spool(tmp_path)
    epoch = spool.epoch
    spool.append([row(i, body=BODY) for i in range(400)])
    spool._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spool._db.execute("PRAGMA cache_size = 0")
    with (tmp_path / "spool-gw.db").open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 4096 * 12)
    with pytest.raises(TransientError):
        spool.append([row(i, body=BODY) for i in range(40)])
    with pytest.raises(TransientError):
        spool.append([row(0)])
    spool.tend(now_ns=START_NS)
    assert spool.epoch != epoch
    first = spool.append([row(0)]).start
    assert numbers(spool) == list(range(1, first + 1))
    assert len(aside_files(tmp_path)) >= 1
    assert "spool_fault" in [r.message for r in caplog.records]


def test_starting_over_keeps_all_unsent_rows_under_a_new_epoch(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    spool.append([row(i, body=b"%d" % i) for i in range(10)])
    spool.confirm([(1, 4)], now_ns=START_NS)
    epoch = spool.epoch
    spool.start_over(now_ns=START_NS)
    assert spool.epoch != epoch
    assert [(s.number, s.body) for s in all_waiting(spool)] == [(i - 3, b"%d" % i) for i in range(4, 10)]


def test_starting_over_is_tried_again_when_the_disk_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway import spool_file

    spool = open_spool(tmp_path)
    spool.append([row(0), row(1)])

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(spool_file, "open_sound", refuse)
        with pytest.raises(TransientError):
            spool.start_over(now_ns=START_NS)
        with pytest.raises(TransientError):
            spool.append([row(2)])
        with pytest.raises(TransientError):
            spool.tend(now_ns=START_NS)
    spool.tend(now_ns=START_NS)
    assert list(spool.append([row(2)])) == [3]
    assert len(aside_files(tmp_path)) == 1


def test_a_folder_that_cannot_be_written_is_worth_trying_again(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        open_spool(tmp_path / "missing")


def test_bits_flipped_anywhere_in_the_file_never_give_a_wrong_row(tmp_path: Path) -> None:
    path = filled(tmp_path, count=200)
    good = path.read_bytes()
    logging.getLogger("gateway").setLevel(logging.CRITICAL)
    for step in range(60):
        bent = bytearray(good)
        bent[4096 + (step * 9_973) % (len(good) - 4096)] ^= 1 << step % 8
        folder = tmp_path / f"bent{step}"
        folder.mkdir()
        (folder / "spool-gw.db").write_bytes(bent)
        spool = open_spool(folder)
        assert {s.body for s in all_waiting(spool)} <= {BODY}
        abandon(spool)
