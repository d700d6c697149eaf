"""The journal under load, for `satomori bench`: durable commits against a bare append and sync of the same bytes.

Two kinds of batch: `plain` ones, rows, two events and a receipt made up; and those of the real pipeline, which bring
the rule state of every device they touch. The reference writes what the commit has to make durable, in one append to
a file of its own, and syncs it; both take turns. Seconds are those of the wall: here the disk is what is measured.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from devices.model import SECOND_NS, Event, EventState, Severity
from ingest.batch import SeriesIndex
from ingest.bench_core import START_NS, Core, Load, Timed
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_encode import encode
from ingest.journal_schema import connect_reader
from ingest.pipeline import Outcome
from ingest.receipts import ReceiptRows

_EVENTS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Commits:
    """What the commits of one batch size took. `rest_s`: folding and upkeep between them, not in `timed`."""

    timed: Timed
    rest_s: float
    body_bytes: int


def commits_against_append(folder: Path, *, batch: int, rounds: int, is_real: bool = False) -> Commits:
    """Time `rounds` commits of `batch` rows each against an append and sync of the same bytes."""
    outcomes = _real_outcomes(batch) if is_real else _plain_outcomes(batch)
    journal = JournalWriter.open(folder / f"commits-{batch}-{is_real}.db", now_ns=START_NS)
    file = os.open(folder / f"append-{batch}-{is_real}.bin", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    reference_s, subject_s, rest_s, sizes = [], [], 0.0, []
    try:
        for number in range(rounds + 3):
            made = _journal_batch(next(outcomes), number)
            content = _bytes_of(made)
            turns = [_append(file, content)] if number % 2 else []
            subject = _timed_commit(journal, made)
            turns = turns or [_append(file, content)]
            rest_s += _tend(journal, now_ns=made.now_ns)
            if number >= 3:
                reference_s.append(turns[0])
                subject_s.append(subject)
                sizes.append(len(content))
    finally:
        os.close(file)
        journal.close()
    timed = Timed(reference_s=tuple(reference_s), subject_s=tuple(subject_s))
    return Commits(timed=timed, rest_s=rest_s, body_bytes=int(np.median(sizes)))


def fold_everything(journal: JournalWriter, *, now_ns: int) -> float:
    """Fold all that waits; return how many seconds that took."""
    began_s = time.perf_counter()
    while journal.tend(now_ns=now_ns, is_forced=True):
        pass
    return time.perf_counter() - began_s


def _timed_commit(journal: JournalWriter, made: JournalBatch) -> float:
    began_s = time.perf_counter()
    journal.commit(made)
    return time.perf_counter() - began_s


def _append(file: int, content: bytes) -> float:
    began_s = time.perf_counter()
    os.write(file, content)
    os.fdatasync(file)
    return time.perf_counter() - began_s


def _tend(journal: JournalWriter, *, now_ns: int) -> float:
    began_s = time.perf_counter()
    while journal.tend(now_ns=now_ns):
        pass
    return time.perf_counter() - began_s


def _journal_batch(outcome: Outcome, number: int) -> JournalBatch:
    rows = tuple(range(number * 16 + 1, number * 16 + 17))
    return JournalBatch(
        outcome=outcome, receipts=(ReceiptRows(publisher="gw-01", epoch="e", rows=rows),), batch_id=f"bench-{number}",
        now_ns=START_NS + number * SECOND_NS, counts={"messages": 16, "readings": len(outcome.observations)},
    )  # fmt: skip


def _bytes_of(made: JournalBatch) -> bytes:
    """Return all that the commit makes durable, in the shortest form at hand."""
    outcome = made.outcome
    body = encode(
        outcome.observations, outcome.removed,
        series_ids=outcome.observations.series, removed_ids=outcome.removed.series,
    )  # fmt: skip
    events = json.dumps([str(event) for event in outcome.events]).encode()
    return b"".join((body, events, *outcome.changed_state.values(), json.dumps(dict(made.counts)).encode()))


def _plain_outcomes(batch: int) -> Iterator[Outcome]:
    series = 1_000
    load, index = Load(series), SeriesIndex()
    load.name_series(index)
    number = 0
    while True:
        rows = load.batch(batch)
        rows = rows.take(np.lexsort((rows.observed_ns, rows.series)))
        events = tuple(_event(number * _EVENTS + place) for place in range(_EVENTS))
        number += 1
        yield Outcome(
            observations=rows, duplicates=0, conflicts=(), quarantine=(), events=events, changed_state={}, series=index
        )


def _real_outcomes(batch: int) -> Iterator[Outcome]:
    core = Core(1_000)
    while True:
        yield core.take(core.load.batch(batch))


def _event(number: int) -> Event:
    return Event(
        event_id=f"deep/d{number:06d}/{number}", rule_id="deep", subject=f"d{number:06d}", device_id=f"d{number:06d}",
        quantity="snow_depth", state=EventState.RAISED, severity=Severity.WARNING, observed_ns=START_NS + number,
        detected_ns=START_NS + number, value=1.7, limit=1.6,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Bytes a reading: in batches (kept a month), and in the table after folding; rows folded a second."""

    batch_bytes: float
    folded_bytes: float
    folded_per_s: float


def bytes_a_reading(path: Path, *, series: int, rows: int, commit_rows: int) -> Size:
    """Write `rows` readings of `series` in commits of `commit_rows`, folding as it comes; return what they take."""
    load, index = Load(series), SeriesIndex()
    load.name_series(index)
    journal = JournalWriter.open(path, now_ns=START_NS)
    stored, folding_s, now_ns = 0, 0.0, START_NS
    while stored < rows:
        batch = load.batch(commit_rows)
        batch = batch.take(np.lexsort((batch.observed_ns, batch.series)))
        now_ns = int(batch.received_ns.max())
        outcome = Outcome(
            observations=batch, duplicates=0, conflicts=(), quarantine=(), events=(), changed_state={}, series=index
        )
        journal.commit(JournalBatch(outcome=outcome, now_ns=now_ns))
        folding_s += _tend(journal, now_ns=START_NS)  # no hour passes: upkeep is not what is measured
        stored += len(batch)
    folding_s += fold_everything(journal, now_ns=now_ns)
    journal.close()
    with closing(connect_reader(path)) as connection:
        pages = dict(connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name"))
    return Size(
        batch_bytes=pages["batches"] / stored, folded_bytes=pages["observations"] / stored,
        folded_per_s=stored / folding_s,
    )  # fmt: skip
