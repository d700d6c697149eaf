"""Folding: readers see folded and unfolded rows alike, whatever the order of commits, folds, kills and looks."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from devices.model import Reading
from ingest import journal_fold
from ingest.batch import SeriesIndex, batch_from_readings, empty_batch
from ingest.journal import JournalWriter
from ingest.journal_blob import DamagedBatchError, decode
from ingest.journal_encode import WITH_NUMPY, encode
from ingest.journal_fold import fold_all
from ingest.journal_read import JournalReader
from tests.ingest.journal_cases import READINGS, T0_NS, batch, connection_of, reading, stored_readings

Name = tuple[str, int, int]


def name_of(one: Reading) -> Name:
    return one.device_id, one.observed_ns, -1 if one.seq is None else one.seq


@dataclass(slots=True)
class Model:
    """The journal as one dict of rows and one of newest ones."""

    rows: dict[Name, Reading] = field(default_factory=dict)
    newest: dict[str, Name] = field(default_factory=dict)

    def commit(self, readings: list[Reading], removed: list[Reading]) -> None:
        for one in removed:
            self.rows.pop(name_of(one), None)
        for one in readings:
            self.rows[name_of(one)] = one
        for device_id in {one.device_id for one in (*readings, *removed)}:
            names = [name for name in self.rows if name[0] == device_id]
            # a series whose every row was taken back shows none
            self.newest[device_id] = max(names, default=(device_id, -1, -1))


@st.composite
def commits(draw: st.DrawFn) -> tuple[str, list[Reading], int]:
    return "commit", draw(READINGS), draw(st.sampled_from([0, 0, 0, 1, 2]))


STEPS = st.lists(
    st.one_of(commits(), st.sampled_from([("fold", [], 0), ("kill", [], 0), ("look", [], 0), ("failing fold", [], 0)])),
    max_size=14,
)


def shown(one: Reading) -> tuple[object, ...]:
    return (*name_of(one), repr(one.value), one.received_ns)


@settings(deadline=None, max_examples=60)
@example([("commit", [reading("a", at_s=1)], 0), ("commit", [], 1), ("commit", [reading("a")], 0)], 1)
@given(STEPS, st.integers(1, 5))
def test_any_sequence_gives_what_a_plain_dict_gives(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, list[Reading], int]], slice_rows: int
) -> None:
    path = tmp_path_factory.mktemp("fold") / "journal.db"
    model, reader = Model(), JournalReader(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journal_fold, "SLICE_ROWS", slice_rows)
        writer = JournalWriter.open(path, now_ns=T0_NS)
        for kind, readings, removals in steps:
            if kind == "commit":
                names = {name_of(one) for one in readings}
                removed = [one for name, one in model.rows.items() if name not in names][:removals]
                writer.commit(batch(readings, removed=removed))
                model.commit(readings, removed)
            elif kind == "fold":
                writer.tend(now_ns=T0_NS, is_forced=True)
            elif kind == "failing fold":
                fail_to_fold(writer)
            elif kind == "kill":
                writer.abandon()
                writer = JournalWriter.open(path, now_ns=T0_NS)
            else:
                assert_alike(model, reader)
        assert_alike(model, reader)
        while writer.tend(now_ns=T0_NS, is_forced=True):
            pass
        assert_alike(model, reader)
        assert_alike(model, JournalReader(path))
    writer.close()
    reader.close()


def fail_to_fold(writer: JournalWriter) -> None:
    """The disk is full in the middle of a fold: nothing of it is there."""
    connection = connection_of(writer)
    connection.execute(
        "CREATE TEMP TRIGGER full BEFORE UPDATE OF folded_no ON main.pulse BEGIN SELECT RAISE(ABORT, 'planted'); END"
    )
    try:
        writer.tend(now_ns=T0_NS, is_forced=True)
    except sqlite3.IntegrityError:
        writer._must_reopen = False
    connection.execute("DROP TRIGGER temp.full")


def assert_alike(model: Model, reader: JournalReader) -> None:
    expected = sorted(shown(one) for one in model.rows.values())
    assert [shown(one) for one in stored_readings(reader)] == expected
    counts = {device_id: n for (device_id, _), n in reader.observation_counts().items()}
    assert counts == {d: n for d in ("a", "b") if (n := sum(name[0] == d for name in model.rows))}
    newest = {row.device_id: (row.device_id, row.observed_ns) for row in reader.latest()}
    assert newest == {device_id: name[:2] for device_id, name in model.newest.items() if name[1] >= 0}
    for device_id in counts:
        good = [one.value for one in model.rows.values() if one.device_id == device_id and not math.isnan(one.value)]
        points = reader.observation_points(device_id, "snow_depth", from_ns=T0_NS, to_ns=T0_NS + 10**10, points=3)
        assert sum(point.count for point in points) == len(good)
        if good:
            assert (min(p.min for p in points), max(p.max for p in points)) == (min(good), max(good))
    changes = reader.changes_after(0, limit=10**6)
    assert not changes.is_cut
    told: set[tuple[int, int, int]] = set()
    for commit in changes.commits:
        told -= set(zip(commit.removed.series_id, commit.removed.observed_ns, commit.removed.seq, strict=True))
        told |= set(zip(commit.rows.series_id, commit.rows.observed_ns, commit.rows.seq, strict=True))
    names = {row.series_id: row.device_id for row in reader.series()}
    assert {(names[series_id], *rest) for series_id, *rest in told} == set(model.rows)


@settings(deadline=None, max_examples=40)
@given(st.lists(READINGS, max_size=6), st.integers(1, 4))
def test_newest_and_their_numbers_are_the_same_folded_or_not(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Reading]], slice_rows: int
) -> None:
    path = tmp_path_factory.mktemp("newest") / "journal.db"
    writer, reader = JournalWriter.open(path, now_ns=T0_NS), JournalReader(path)
    for number, readings in enumerate(batches):
        number_no = writer.commit(batch(readings)).commit_no
        before = reader.latest(), reader.latest(after_commit_no=number_no - 1)
        if number % 2:
            with writer._transaction() as connection:
                fold_all(connection, None, now_ns=0)
            writer._known.backlog.batches = 0
            assert repr((reader.latest(), reader.latest(after_commit_no=number_no - 1))) == repr(before)
    writer.close()
    reader.close()


class TestBlob:
    @given(
        READINGS,
        st.lists(st.integers(-(2**63), 2**63 - 1), min_size=8, max_size=8),
        st.lists(st.tuples(st.sampled_from([1, 2, 3, 4, 9]), st.integers(0, 1)), min_size=8, max_size=8),
    )
    def test_what_was_written_comes_back(
        self, readings: list[Reading], times: list[int], marks: list[tuple[int, int]]
    ) -> None:
        rows = batch_from_readings(readings, SeriesIndex())
        rows.received_ns[:] = times[: len(rows)]
        rows.flag[:] = [flag for flag, _ in marks[: len(rows)]]
        rows.clock[:] = [clock for _, clock in marks[: len(rows)]]
        blob = encode(rows, rows, series_ids=rows.series.astype(np.int64), removed_ids=rows.series.astype(np.int64))
        for block in (decode(blob), decode(blob, WITH_NUMPY)):
            for name in ("observed_ns", "received_ns", "seq", "flag", "resent", "clock"):
                assert list(getattr(block.rows, name)) == getattr(rows, name).tolist()
            assert repr(list(map(float, block.rows.value))) == repr(rows.value.tolist())
            assert list(block.rows.series_id) == rows.series.tolist() == list(block.removed.series_id)
            assert list(block.removed.observed_ns) == rows.observed_ns.tolist()

    def test_every_changed_byte_is_noticed(self) -> None:
        rows = batch_from_readings([reading(seq=5), reading("b", at_s=9)], SeriesIndex())
        nothing = np.empty(0, np.int64)
        blob = encode(rows, empty_batch(), series_ids=np.array([1, 2]), removed_ids=nothing)
        for place in range(len(blob)):
            with pytest.raises(DamagedBatchError):
                decode(blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :])
            with pytest.raises(DamagedBatchError):
                decode(blob[:place])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(path, now_ns=T0_NS)
    yield writer
    writer.close()


def test_a_damaged_batch_is_told_and_the_others_are_there(path: Path, writer: JournalWriter) -> None:
    for at_s in range(3):
        writer.commit(batch([reading(at_s=at_s, value=float(at_s))]))
    connection_of(writer).execute(
        "UPDATE batches SET body = x'00112233445566' WHERE rowid = (SELECT max(rowid) - 1 FROM batches)"
    )
    reader = JournalReader(path)
    assert [one.value for one in stored_readings(reader)] == [0.0, 2.0]
    assert writer.tend(now_ns=T0_NS, is_forced=True)
    assert [one.value for one in stored_readings(reader)] == [0.0, 2.0]
    assert reader.counters()["damaged_batches"] == 1
    assert [row.reason for row in reader.quarantine(limit=9)] == ["damaged_batch"]
    assert len(reader.changes_after(0, limit=100).commits) == 2


def test_folding_begins_by_itself_when_enough_waits(
    path: Path, writer: JournalWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_fold, "FOLD_BATCHES", 3)
    monkeypatch.setattr(journal_fold, "SLICE_ROWS", 2)
    for at_s in range(2):
        writer.commit(batch([reading(at_s=at_s)]))
        writer.tend(now_ns=T0_NS)
    assert writer._known.backlog.batches == 2
    writer.commit(batch([reading(at_s=at_s) for at_s in range(2, 9)]))
    steps = 0
    while writer.tend(now_ns=T0_NS):
        steps += 1
        assert len(stored_readings(JournalReader(path))) == 9
    assert steps >= 9 / 2
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM observations").fetchone() == (9,)


def test_changes_come_in_pieces_and_say_when_the_beginning_is_gone(path: Path, writer: JournalWriter) -> None:
    numbers = [writer.commit(batch([reading(at_s=at_s), reading("b", at_s=at_s)])).commit_no for at_s in range(4)]
    reader = JournalReader(path)
    first = reader.changes_after(0, limit=4)
    assert [commit.commit_no for commit in first.commits] == numbers[:2]
    rest = reader.changes_after(first.last_commit_no, limit=100)
    assert [commit.commit_no for commit in rest.commits] == numbers[2:]
    assert reader.changes_after(rest.last_commit_no, limit=100).commits == ()
    assert len(reader.changes_after(0, limit=1).commits) == 1
    writer.commit(batch(quarantine=[]))
    connection_of(writer).execute("DELETE FROM batches WHERE commit_no <= ?", (numbers[0],))
    connection_of(writer).execute("UPDATE pulse SET cut_no = ?", (numbers[0],))
    assert reader.changes_after(numbers[0] - 1, limit=1).is_cut
    assert not reader.changes_after(numbers[0], limit=1).is_cut
