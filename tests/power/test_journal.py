"""A power cut on the hub: every commit that returned is in the journal, whole, once, and work goes on."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

import pytest

from ingest import journal, journal_schema
from ingest.journal import JournalBatch, JournalWriter
from tests.ingest.journal_cases import T0_NS, Dump, bad_input, batch, dump, event, reading, rows_of
from tests.power.cutting import Recording, assert_nothing_set_aside, assert_whole, record, try_cuts
from tests.power.disk import Cut, SyncFolder, Truncate, Write
from tests.power.recorder import Recorder

COMMITS = 70
ENDS = (3, 40, 55)
"""Commits after which the writer is closed and opened again."""
READINGS = 20
CUTS = 220
TABLES = ("series", "observations", "latest", "event_log", "state", "receipts", "gaps", "quarantine")


def make_batch(number: int) -> JournalBatch:
    """The commit of that number, from 1: readings, an event, state of 80 kB, a receipt, at times a bad message."""
    readings = [reading(f"d{n % 5}", at_s=number * 100 + n, value=number + n / 100) for n in range(READINGS)]
    return batch(
        readings,
        at_s=number,
        events=[event(f"e{number}", at_s=number)],
        state={f"rule-{number % 3}": bytes([number]) * 80_000},
        receipts=(rows_of(number),),
        quarantine=[bad_input(at_s=number)] if number % 7 == 0 else (),
        batch_id=f"batch-{number}",
    )


def work(folder: Path, recorder: Recorder) -> None:
    writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS)
    for number in range(1, COMMITS + 1):
        writer.commit(make_batch(number))
        recorder.told(number)
        if number % 2 == 0:
            writer.tend(now_ns=T0_NS, is_forced=number % 4 == 0)
        if number in ENDS:
            writer.close()
            writer = JournalWriter.open(folder / "journal.db", now_ns=T0_NS)
    writer.close()


def without_numbers(content: Dump) -> Mapping[str, object]:
    """Leave out the numbers of commits and events, which depend on how often the file was opened."""
    columns = {"latest": slice(0, 7), "event_log": slice(2, None)}
    return {table: [row[columns.get(table, slice(None))] for row in rows] for table, rows in content.items()}


@pytest.fixture(scope="module")
def recording() -> Recording:
    return record(work)


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[Mapping[str, object]]:
    """What a journal holds after 0, 1, 2 … commits."""
    path = tmp_path_factory.mktemp("undisturbed") / "journal.db"
    writer = JournalWriter.open(path, now_ns=T0_NS)
    found = [without_numbers(dump(path, TABLES))]
    for number in range(1, COMMITS + 2):
        writer.commit(make_batch(number))
        found.append(without_numbers(dump(path, TABLES)))
    writer.close()
    return found


class CheckJournal:
    """Opens what a cut left: all that was told is there, perhaps the commit in flight, and the next one goes in."""

    def __init__(self, contents: list[Mapping[str, object]]) -> None:
        self._contents = contents

    def __call__(self, folder: Path, cut: Cut) -> None:
        path = folder / "journal.db"
        writer = JournalWriter.open(path, now_ns=T0_NS)
        found = without_numbers(dump(path, TABLES))
        assert found in (self._contents[cut.told], self._contents[cut.told + 1]), "not what was told"
        writer.commit(make_batch(cut.told + 1))
        writer.tend(now_ns=T0_NS, is_forced=True)
        writer.close()
        assert without_numbers(dump(path, TABLES)) == self._contents[cut.told + 1]
        assert_nothing_set_aside(folder)
        assert_whole(path)


def test_the_recording_holds_what_a_cut_can_hurt(recording: Recording) -> None:
    """Else the other tests would prove nothing: checkpoints, logs begun anew, new names."""
    main = [change for change in recording.changes if isinstance(change, Write) and change.file == 1]
    assert len(main) > 300
    assert sum(isinstance(change, Truncate) for change in recording.changes) >= len(ENDS)
    assert sum(isinstance(change, SyncFolder) for change in recording.changes) > len(ENDS)


def test_every_commit_that_was_told_survives(recording: Recording, contents: list[Mapping[str, object]]) -> None:
    assert try_cuts(recording, CheckJournal(contents), count=CUTS) == []


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_a_journal_that_does_not_sync_is_found_out(
    contents: list[Mapping[str, object]], monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    def connect_carelessly(path: Path) -> sqlite3.Connection:
        connection = journal_schema.connect_writer(path)
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    monkeypatch.setattr("ingest.journal_open.connect_writer", connect_carelessly)
    monkeypatch.setattr(journal, "connect_writer", connect_carelessly)
    careless = record(work)
    monkeypatch.undo()
    assert len(try_cuts(careless, CheckJournal(contents), count=30)) > 20
