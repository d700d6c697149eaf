"""The pipeline's state in the journal: appended in the hot path, merged between commits, whole after every stop."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

import ingest.journal_state
from ingest.journal import JournalBatch, JournalWriter
from ingest.pipeline import Outcome, Pipeline
from tests.ingest.core_town import T0_NS, device, rule, town
from tests.ingest.journal_cases import batch, fill_disk
from tests.ingest.test_keeping import memory, old_snapshot, old_town, step

STEPS = 40


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


class Ingest:
    """A pipeline and its journal, which may be stopped without any farewell."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0
        self.open()

    def open(self) -> None:
        self.journal = JournalWriter.open(self.path, now_ns=T0_NS)
        self.pipeline = Pipeline(old_town(), snapshot=self.journal.read_snapshot())

    def kill(self) -> None:
        self.journal.abandon()

    def take(self) -> Outcome:
        readings = step(self.number)
        self.number += 1
        outcome = self.pipeline.process(readings, now_ns=readings[-1].received_ns)
        self.journal.commit(JournalBatch(outcome=outcome, now_ns=readings[-1].received_ns))
        return outcome

    def merge(self) -> None:
        while self.journal.tend(now_ns=T0_NS, is_forced=True):
            pass


def counts(path: Path) -> tuple[int, int]:
    """Entries of the log, and keys of the state."""
    with closing(sqlite3.connect(path)) as connection:
        (entries,) = connection.execute("SELECT count(*) FROM state_log").fetchone()
        (keys,) = connection.execute("SELECT count(*) FROM state").fetchone()
    return entries, keys


def test_a_commit_appends_one_entry(path: Path) -> None:
    ingest = Ingest(path)
    for _ in range(STEPS):
        assert list(ingest.take().changed_state) == [f"log/{ingest.number:012d}"]
    assert counts(path) == (STEPS, 0)
    before = memory(ingest.pipeline)
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


def test_merged_or_not_the_state_is_the_same(path: Path) -> None:
    ingest = Ingest(path)
    for _ in range(STEPS):
        ingest.take()
    ingest.merge()
    entries, keys = counts(path)
    assert (entries, keys > 10) == (0, True)
    before = memory(ingest.pipeline)
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


class Killed(BaseException):
    """The process ends here."""


def die_at_commit(writer: JournalWriter, number: int, *, is_before: bool) -> Callable[[], int]:
    """Make the commit of this number the last thing the process does; return how many there were."""
    seen = 0
    real = writer._connection

    class Dying:
        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            nonlocal seen
            if sql != "COMMIT":
                return real.execute(sql, *values)
            seen += 1
            if seen == number and is_before:
                raise Killed
            cursor = real.execute(sql, *values)
            if seen == number:
                raise Killed
            return cursor

        def __getattr__(self, name: str) -> object:
            return getattr(real, name)

    writer._connection = Dying()  # type: ignore[assignment]
    return lambda: seen


@pytest.mark.parametrize("is_before", [True, False])
def test_killed_at_any_step_of_a_merge(path: Path, monkeypatch: pytest.MonkeyPatch, is_before: bool) -> None:
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 1)
    ingest = Ingest(path)
    for _ in range(STEPS):
        ingest.take()
    steps = 0
    while counts(path)[0]:
        steps += 1
        die_at_commit(ingest.journal, steps, is_before=is_before)
        with suppress(Killed):
            ingest.merge()
        before = memory(ingest.pipeline)
        ingest.kill()
        ingest.open()
        assert memory(ingest.pipeline) == before
    assert steps > 10


def test_commits_between_the_slices_of_a_merge_are_kept(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 1)
    ingest = Ingest(path)
    for _ in range(4):
        ingest.take()
    while ingest.journal.tend(now_ns=T0_NS, is_forced=True) and ingest.journal._known.backlog.batches:
        pass
    slices = 0
    while ingest.journal.tend(now_ns=T0_NS, is_forced=True) and slices < 10:
        ingest.take()
        slices += 1
        while ingest.journal._known.backlog.batches:
            ingest.journal.tend(now_ns=T0_NS, is_forced=True)
    assert slices == 10
    before = memory(ingest.pipeline)
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


def test_merging_begins_at_its_bounds(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.journal_state, "MERGE_ENTRIES", 10)
    town = Ingest(path)
    while town.journal.tend(now_ns=T0_NS):
        pass
    for _ in range(10):
        town.take()
    assert not town.journal.tend(now_ns=T0_NS)
    town.take()
    assert town.journal.tend(now_ns=T0_NS)
    while town.journal.tend(now_ns=T0_NS):
        pass
    assert counts(path)[0] == 0


def test_many_bytes_are_merged_too_and_go_before_new_batches(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingest.journal_state, "LEAST_BYTES", 20_000)
    monkeypatch.setattr(ingest.journal_state, "MOST_BYTES", 20_000)
    town = Ingest(path)
    while town.journal.tend(now_ns=T0_NS):
        pass
    size, behind = 0, []
    while size <= 80_000:
        assert town.journal._known.state.is_due() == (size > 20_000)
        size += sum(map(len, town.take().changed_state.values()))
        behind.append(town.journal.is_behind)
    assert behind[-1]
    assert not any(behind[:-1])
    town.kill()
    town.open()
    assert town.journal.is_behind
    while town.journal.tend(now_ns=T0_NS):
        pass
    assert counts(path)[0] == 0
    assert not town.journal.is_behind


def test_a_full_disk_during_a_merge_costs_nothing(path: Path) -> None:
    ingest = Ingest(path)
    for _ in range(STEPS):
        ingest.take()
    while ingest.journal._known.backlog.batches:
        ingest.journal.tend(now_ns=T0_NS, is_forced=True)
    fill_disk(ingest.journal, path)
    with pytest.raises(Exception, match="full"):
        ingest.merge()
    ingest.journal._connection.execute("PRAGMA max_page_count = 1000000")
    ingest.merge()
    before = memory(ingest.pipeline)
    assert counts(path)[0] == 0
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


def test_state_of_schema_2_is_converted_by_the_first_commit(path: Path) -> None:
    journal = JournalWriter.open(path, now_ns=T0_NS)
    journal.commit(batch(state=old_snapshot()))
    journal.close()
    ingest = Ingest(path)
    ingest.number = 170
    ingest.take()
    entries, _ = counts(path)
    assert entries == 0
    assert not {"clock", "series/000000"} & ingest.journal.read_snapshot().keys()
    ingest.take()
    assert counts(path)[0] == 1
    before = memory(ingest.pipeline)
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


def test_a_log_that_cannot_be_read_ends(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ingest = Ingest(path)
    for _ in range(STEPS):
        ingest.take()
    ingest.journal._connection.execute("UPDATE state_log SET body = x'93' WHERE no = 7")
    ingest.merge()
    assert "state_log_unreadable" in caplog.messages
    assert counts(path) == (0, 0)
    ingest.take()
    ingest.kill()
    ingest.open()
    ingest.take()
    before = memory(ingest.pipeline)
    ingest.kill()
    ingest.open()
    assert memory(ingest.pipeline) == before


def test_a_merge_ends_when_everything_is_written_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The site was changed and the pipeline made anew while a merge was half done: its sheets hold no more."""
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 1)
    ingest = Ingest(path)
    for _ in range(STEPS):
        ingest.take()
    while ingest.journal._known.backlog.batches:
        ingest.journal.tend(now_ns=T0_NS, is_forced=True)
    for _ in range(3):
        assert ingest.journal.tend(now_ns=T0_NS, is_forced=True)
    site = town(device("first"), device("air"), rule("silent", "silent", params="intervals = 2.0"))
    ingest.pipeline = Pipeline(site, snapshot=ingest.journal.read_snapshot())
    ingest.take()
    assert counts(path)[0] == 0
    before = memory(ingest.pipeline)
    ingest.merge()
    assert memory(Pipeline(site, snapshot=ingest.journal.read_snapshot())) == before
