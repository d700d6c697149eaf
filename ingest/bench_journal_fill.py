"""A journal full of history, for `satomori bench`: written by the journal's own writer, a month in each commit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ingest.batch import NO_SEQ, Batch, SeriesIndex
from ingest.bench_core import SEED, START_NS, STEP_NS, Load
from ingest.bench_journal import fold_everything
from ingest.flags import GOOD
from ingest.journal import JournalBatch, JournalWriter
from ingest.pipeline import Outcome

_COMMIT_ROWS = 200_000


def fill_journal(path: Path, *, series: int, rows: int, first_series: int = 0) -> None:
    """Write `rows` good observations, one every ten minutes, of each of `series` from `first_series` on.

    Both are multiples of 4.
    """
    index, random = SeriesIndex(), np.random.default_rng(SEED)
    Load(first_series + series).name_series(index)
    numbers = np.arange(first_series, first_series + series, dtype=np.int32)
    journal = JournalWriter.open(path, now_ns=START_NS)
    steps = max(1, _COMMIT_ROWS // series)
    for number, first in enumerate(range(0, rows, steps)):
        count = min(steps, rows - first)
        at_ns = START_NS + (first + np.arange(count)) * STEP_NS
        batch = _batch(np.repeat(numbers, count), np.tile(at_ns, series), random)
        outcome = Outcome(
            observations=batch, duplicates=0, conflicts=(), quarantine=(), events=(), changed_state={}, series=index
        )
        journal.commit(JournalBatch(outcome=outcome, now_ns=int(at_ns[-1]), batch_id=f"fill-{first_series}-{number}"))
        fold_everything(journal, now_ns=int(at_ns[-1]))
    journal.close()


def _batch(series: np.ndarray, at_ns: np.ndarray, random: np.random.Generator) -> Batch:
    size = len(series)
    return Batch(
        series=series, observed_ns=at_ns, received_ns=at_ns + 10**9, seq=np.full(size, NO_SEQ),
        value=random.normal(2.0, 0.5, size).round(3), flag=np.full(size, GOOD, np.uint8),
        resent=np.zeros(size, np.bool_), clock=np.zeros(size, np.uint8),
    )  # fmt: skip
