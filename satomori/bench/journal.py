"""Durable commits of the journal, against a bare append of the same bytes."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator

from ingest import bench_core
from ingest.journal import JournalBatch, JournalWriter
from satomori.bench.model import Bench, Goal, Measure, in_ms, median_ratio

_BATCH = 256


def journal_ratio(bench: Bench) -> Iterator[Measure]:
    """Commits of 256 readings with their events and rule state, against append and fdatasync of the same bytes."""
    core = bench_core.Core(bench.size(full=1_000, quick=40))
    core.take(core.load.batch(bench.size(full=1_000, quick=40)))
    journal = JournalWriter.open(bench.folder / "journal.db", now_ns=bench_core.START_NS)
    file = os.open(bench.folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    reference_s, subject_s = [], []
    try:
        for turn in range(bench.size(full=60, quick=2)):
            rows = core.load.batch(_BATCH)
            outcome = core.take(rows)
            data = bench_core.bytes_of(outcome)
            batch = JournalBatch(outcome=outcome, now_ns=int(rows.received_ns[-1]), batch_id=f"bench-{turn}")
            began_s = time.perf_counter()
            os.write(file, data)
            os.fdatasync(file)
            reference_s.append(time.perf_counter() - began_s)
            began_s = time.perf_counter()
            journal.commit(batch)
            subject_s.append(time.perf_counter() - began_s)
    finally:
        journal.close()
        os.close(file)
    yield Measure(
        name="journal_ratio",
        value=median_ratio(reference_s, subject_s),
        unit=f"x, {_BATCH / statistics.median(subject_s):,.0f} readings/s",
        reference=f"append and fdatasync of {len(data):,} bytes {in_ms(reference_s)}",
        goal=Goal(limit=0.4, is_most=False),
    )
