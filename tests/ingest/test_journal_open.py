"""Starting on whatever file is there: sound, unclean, damaged, foreign, newer."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from devices.model import PermanentError
from ingest import journal_open
from ingest.journal import JournalWriter
from ingest.journal_faults import StorageError
from ingest.journal_read import JournalReader
from ingest.journal_schema import MIGRATIONS, SCHEMA, SCHEMA_VERSION, connect_writer
from ingest.receipts import ReceiptRows
from tests.ingest.journal_cases import SECOND_NS, T0_NS, batch, dump, event, reading

PAGE = 4096
READINGS = 3_000
NOW_NS = T0_NS + 10_000 * SECOND_NS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def write_history(path: Path) -> None:
    """Three series of 1,000 observations, an event, rule state and a receipt; then a kill."""
    writer = JournalWriter.open(path, now_ns=T0_NS)
    for device_id in ("a", "b", "c"):
        readings = [reading(device_id, at_s=second) for second in range(READINGS // 3)]
        writer.commit(
            batch(
                readings,
                events=[event(f"event-{device_id}")],
                state={device_id: b"1"},
                receipts=(ReceiptRows(publisher="gw-01", epoch="e", rows=(1,)),),
            )
        )
    writer._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    writer.abandon()


def set_aside_in(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if ".damaged-" in p.name and not p.name.endswith(("-shm", "-wal")))


def overwrite(path: Path, *, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def truncate(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE * PAGE)


def drop_table(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE state")


def zero_pages(path: Path) -> None:
    pages = path.stat().st_size // PAGE
    for page in range(pages // 2, pages // 2 + 8):
        overwrite(path, at=page * PAGE, content=bytes(PAGE))


def foreign_database(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE somebody_elses (x)")


def only_the_log_is_left(path: Path) -> None:
    path.unlink()
    path.with_name(path.name + "-wal").write_bytes(b"x" * 100)


def garbage(path: Path) -> None:
    path.write_bytes(b"not a database " * 1000)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "header overwritten": lambda path: overwrite(path, at=0, content=b"\xff" * 100),
    "first page zeroed": lambda path: overwrite(path, at=0, content=bytes(PAGE)),
    "garbage": garbage,
    "cut in half": truncate,
    "pages in the middle zeroed": zero_pages,
    "a table missing": drop_table,
    "somebody else's database": foreign_database,
    "only the log is left": only_the_log_is_left,
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_damaged_file_is_set_aside_and_work_goes_on(path: Path, damage: Callable[[Path], None]) -> None:
    write_history(path)
    numbers = [row.event_no for row in JournalReader(path).events_after(0)]
    damage(path)
    writer = JournalWriter.open(path, now_ns=NOW_NS)
    assert list(path.parent.glob("*.damaged-*"))
    reader = JournalReader(path)
    assert reader.counters()["journal_damaged"] == 1
    assert "journal_damaged" in {row.reason for row in reader.quarantine(limit=10)}
    assert writer.read_snapshot() == {}
    assert dict(writer.ledgers) == {}
    writer.commit(batch([reading("d", at_s=5_000)], events=[event("after")], at_s=5_000))
    assert [row.event.event_id for row in reader.events_after(numbers[-1])] == ["after"]
    writer.close()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert reader.counters()["journal_damaged"] == 1


@pytest.mark.lesson(20, 59)
def test_what_can_be_read_is_taken_over(path: Path) -> None:
    write_history(path)
    drop_table(path)
    before = dump(path, ("observations", "event_log", "latest", "series"))
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert dump(path, ("observations", "event_log", "latest", "series")) == before


def test_zeroed_pages_cost_only_their_own_series(path: Path) -> None:
    write_history(path)
    zero_pages(path)
    JournalWriter.open(path, now_ns=NOW_NS).close()
    counts = JournalReader(path).observation_counts()
    assert sum(counts.values()) >= READINGS // 3
    assert sum(counts.values()) < READINGS


def test_the_damaged_file_keeps_its_bytes_and_its_log(path: Path) -> None:
    write_history(path)
    writer = JournalWriter.open(path, now_ns=T0_NS)
    writer.commit(batch([reading("z", at_s=1)]))  # only in the log
    copy = path.with_name("copy.db")
    shutil.copy(path, copy)
    shutil.copy(path.with_name("journal.db-wal"), path.with_name("copy.db-wal"))
    writer.abandon()
    path.unlink()
    for suffix in ("", "-wal"):
        shutil.copy(path.with_name(f"copy.db{suffix}"), path.with_name(f"journal.db{suffix}"))
    overwrite(path, at=0, content=b"\xff" * 16)
    damaged = path.read_bytes(), path.with_name("journal.db-wal").read_bytes()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    (name,) = set_aside_in(path.parent)
    assert name == "journal.db.damaged-20231115T010000Z"
    assert path.with_name(name).read_bytes() == damaged[0]
    assert path.with_name(f"{name}-wal").read_bytes() == damaged[1]


def test_damaged_twice_in_a_second_overwrites_nothing(path: Path) -> None:
    for _ in range(3):
        path.write_bytes(b"garbage " * 1000)
        JournalWriter.open(path, now_ns=NOW_NS).abandon()
        for side in path.parent.glob("journal.db-*"):
            side.unlink()
    assert len(set_aside_in(path.parent)) == 3


def test_unclean_stop_is_counted_and_costs_nothing(path: Path) -> None:
    write_history(path)
    before = dump(path, ("observations", "event_log", "state", "receipts"))
    JournalWriter.open(path, now_ns=NOW_NS).close()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert dump(path, ("observations", "event_log", "state", "receipts")) == before
    assert JournalReader(path).counters() == {
        **JournalReader(path).counters(), "starts": 3, "unclean_starts": 1,
    }  # fmt: skip
    assert set_aside_in(path.parent) == []


def test_a_check_that_takes_too_long_does_not_keep_the_town_blind(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_history(path)
    monkeypatch.setattr(journal_open, "CHECK_LIMIT_S", -1.0)
    monkeypatch.setattr(journal_open, "_CHECK_STEP", 10)
    writer = JournalWriter.open(path, now_ns=NOW_NS)
    assert "journal_check_unfinished" in caplog.messages
    assert writer.read_snapshot() == {"a": b"1", "b": b"1", "c": b"1"}
    writer.close()


def test_a_newer_journal_is_refused_and_left_alone(path: Path) -> None:
    write_history(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(PermanentError, match="schema 99"):
        JournalWriter.open(path, now_ns=NOW_NS)
    assert set_aside_in(path.parent) == []
    assert path.exists()


def test_killed_before_the_first_commit_is_a_new_journal(path: Path) -> None:
    connect_writer(path).close()
    assert path.stat().st_size > 0
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert JournalReader(path).counters() == {"starts": 1}
    assert set_aside_in(path.parent) == []


def test_a_disk_without_write_ahead_log_is_told() -> None:
    with pytest.raises(StorageError, match="journal mode 'memory'"):
        connect_writer(Path(":memory:"))


def test_an_empty_file_is_a_new_journal(path: Path) -> None:
    path.touch()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert JournalReader(path).counters() == {"starts": 1}


OLD_SCHEMA = (
    "CREATE TABLE pulse (id INTEGER PRIMARY KEY CHECK (id = 1), commit_no INTEGER NOT NULL, event_no INTEGER NOT NULL,"
    " heartbeat_ns INTEGER NOT NULL, started_ns INTEGER NOT NULL, batch_id TEXT NOT NULL, is_open INTEGER NOT NULL)",
    *(
        statement
        for statement in SCHEMA
        if not statement.startswith(
            (
                "CREATE TABLE pulse",
                "CREATE TABLE batches",
                "CREATE TABLE hours",
                "CREATE TABLE thinned",
                "CREATE TABLE state_log",
                "INSERT",
                "PRAGMA user",
            )
        )
    ),
    "INSERT INTO pulse VALUES (1, 7, 3, 0, 0, 'old', 0)",
    "INSERT INTO series VALUES (1, 'snow-1', 'snow_depth')",
    f"INSERT INTO observations VALUES (1, {T0_NS}, -1, {T0_NS}, 1.25, 1, 0, 0)",
    f"INSERT INTO latest VALUES (1, 1.25, 1, {T0_NS}, -1, {T0_NS}, {T0_NS}, 7)",
    "INSERT INTO receipts VALUES ('gw-01', 'e', 5, '[]', 0)",
    "INSERT INTO state VALUES ('rule', x'01')",
    "PRAGMA user_version = 1",
)


SCHEMA_2 = (
    *(
        statement.replace(",\n        journal_id TEXT NOT NULL DEFAULT ''", "")
        for statement in SCHEMA
        if not statement.startswith(("CREATE TABLE state_log", "INSERT", "PRAGMA user"))
    ),
    "INSERT INTO pulse VALUES (1, 7, 3, 0, 0, 'old', 0, 7, 0)",
    "INSERT INTO state VALUES ('rule', x'01')",
    "PRAGMA user_version = 2",
)


def write_old(path: Path, schema: Iterable[str] = OLD_SCHEMA) -> None:
    """A journal as it was before batches, or of another `schema`."""
    with closing(connect_writer(path)) as connection:
        for statement in schema:
            connection.execute(statement)


def test_a_journal_of_schema_2_is_converted_in_place(path: Path) -> None:
    write_old(path, SCHEMA_2)
    assert JournalReader(path).journal_id() == ""
    writer = JournalWriter.open(path, now_ns=NOW_NS)
    assert set_aside_in(path.parent) == []
    assert writer.read_snapshot() == {"rule": b"\x01"}
    writer.commit(batch([reading(at_s=60)], state={"log/000000000001": b"x"}))
    assert writer.read_snapshot() == {"rule": b"\x01", "log/000000000001": b"x"}
    assert len(JournalReader(path).journal_id()) == 16
    writer.close()


def test_each_file_has_an_id_that_its_copies_share(path: Path) -> None:
    JournalWriter.open(path, now_ns=NOW_NS).close()
    first = JournalReader(path).journal_id()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    copy, other = path.with_name("copy.db"), path.with_name("other.db")
    shutil.copy(path, copy)
    JournalWriter.open(other, now_ns=NOW_NS).close()
    assert set(first) <= set("0123456789abcdef")
    assert (len(first), JournalReader(copy).journal_id()) == (16, first)
    assert JournalReader(other).journal_id() not in ("", first)
    overwrite(path, at=0, content=b"\xff" * 4096)
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert JournalReader(path).journal_id() not in ("", first)


def test_an_old_journal_is_converted_in_place(path: Path) -> None:
    write_old(path)
    writer = JournalWriter.open(path, now_ns=NOW_NS)
    assert set_aside_in(path.parent) == []
    assert writer.read_snapshot() == {"rule": b"\x01"}
    assert writer.ledgers["gw-01", "e"].watermark == 5
    writer.commit(batch([reading(at_s=60, value=2.0)]))
    for _ in range(2):
        reader = JournalReader(path)
        rows = reader.observations("snow-1", "snow_depth", from_ns=0, to_ns=2**62, limit=9)
        assert [row.value for row in rows] == [1.25, 2.0]
        assert [row.value for row in reader.latest()] == [2.0]
        assert reader.changes_after(0, limit=9).is_cut
        assert not reader.changes_after(7, limit=9).is_cut
        writer.tend(now_ns=NOW_NS, is_forced=True)
    writer.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


def test_killed_while_it_is_converted_it_is_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_old(path)
    broken = {1: (*MIGRATIONS[1][:-1], "SELECT no_such_function()")}
    monkeypatch.setattr(journal_open, "MIGRATIONS", broken)
    with pytest.raises(sqlite3.OperationalError):
        JournalWriter.open(path, now_ns=NOW_NS)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'batches'").fetchone() == (0,)
    monkeypatch.undo()
    JournalWriter.open(path, now_ns=NOW_NS).close()
    assert len(JournalReader(path).latest()) == 1


@pytest.mark.parametrize("is_folded", [False, True])
def test_rows_are_taken_over_folded_or_not(path: Path, is_folded: bool) -> None:
    write_history(path)
    if is_folded:
        writer = JournalWriter.open(path, now_ns=T0_NS)
        while writer.tend(now_ns=T0_NS, is_forced=True):
            pass
        writer.close()
    drop_table(path)
    JournalWriter.open(path, now_ns=NOW_NS).close()
    reader = JournalReader(path)
    assert reader.observation_counts() == {(device_id, "snow_depth"): READINGS // 3 for device_id in "abc"}
    assert len(reader.latest()) == 3
    assert reader.changes_after(0, limit=9).is_cut
