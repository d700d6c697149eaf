"""Figures of what is read: a year of one series, the first load of the page, a winter once more."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from ingest import bench_core
from ingest.backtest import run_backtest
from ingest.bench_journal_fill import fill_journal
from ingest.journal_read import JournalReader
from satomori.bench.model import Bench, Goal, Measure, in_ms, percentile

_YEAR_NS = 365 * 86_400 * 10**9
_POINTS = 500
_MOST_ROWS, _FILL_S = 50_000_000, 60


def history_year_ms(bench: Bench) -> Iterator[Measure]:
    """One series, a year at 10 minutes, to 500 points (min, max, mean); reading the same rows raw is the reference.

    As much of the 50 million rows is written as a minute allows; the figure says how much.
    """
    series, rows = bench.size(full=20, quick=4), bench.size(full=52_560, quick=500)
    path = bench.folder / "journal.db"
    stored = _fill(path, series=series, rows=rows, seconds=bench.size(full=_FILL_S, quick=0))
    reader = JournalReader(path)
    from_ns, to_ns = bench_core.START_NS, bench_core.START_NS + _YEAR_NS
    reference_s, subject_s = [], []
    for turn in range(bench.size(full=40, quick=2)):
        key = f"d{turn % series // 4:06d}", bench_core.MEASURED[turn % 4]
        began_s = time.perf_counter()
        raw = reader.observations(*key, from_ns=from_ns, to_ns=to_ns, limit=10**6)
        reference_s.append(time.perf_counter() - began_s)
        began_s = time.perf_counter()
        points = reader.observation_points(*key, from_ns=from_ns, to_ns=to_ns, points=_POINTS)
        subject_s.append(time.perf_counter() - began_s)
        if sum(point.count for point in points) != len(raw):
            raise AssertionError(f"{len(raw)} rows, {sum(point.count for point in points)} in the points")
    yield Measure(
        name="history_year_ms",
        value=percentile(subject_s, 99) * 1e3,
        unit=f"ms p99 of {len(raw):,} rows, {stored:,} stored",
        reference=f"the same rows raw {in_ms(reference_s)}",
        goal=Goal(limit=100),
    )


def _fill(path: Path, *, series: int, rows: int, seconds: int) -> int:
    """Write `series` with `rows` each, and other series as long as `seconds` have not passed; return all rows."""
    began_s, written = time.monotonic(), 0
    while not written or (time.monotonic() - began_s < seconds and written * rows < _MOST_ROWS):
        fill_journal(path, series=series, rows=rows, first_series=written)
        written += series
    return written * rows


def latest_1000_ms(bench: Bench) -> Iterator[Measure]:
    """The newest value of 1,000 series, as the page asks for them at its first load."""
    path = bench.folder / "journal.db"
    fill_journal(path, series=bench.size(full=1_000, quick=40), rows=2)
    reader = JournalReader(path)
    found = []
    for _ in range(bench.size(full=50, quick=2)):
        began_s = time.perf_counter()
        count = len(reader.latest())
        found.append(time.perf_counter() - began_s)
    yield Measure(
        name="latest_1000_ms", value=statistics.median(found) * 1e3, unit=f"ms for {count} series", goal=Goal(limit=50)
    )


def replay_winter_s_per_mio(bench: Bench) -> Iterator[Measure]:
    """`backtest` of a winter, all checks and rules, against reading the same file into columns."""
    series, steps = bench.size(full=40, quick=8), bench.size(full=5_000, quick=20)
    path = bench.folder / "winter.csv"
    count = bench_core.write_recording(path, series=series, steps=steps)
    site = bench_core.town_of(series)
    reference_s, subject_s = [], []
    for _ in range(bench.size(full=3, quick=1)):
        began_s = time.process_time()
        bench_core.read_recording(site, path)
        reference_s.append(time.process_time() - began_s)
        began_s = time.process_time()
        run_backtest(site, [path])
        subject_s.append(time.process_time() - began_s)
    per_mio = 1e6 / count
    read = statistics.median(reference_s) * per_mio
    yield Measure(
        name="replay_winter_s_per_mio",
        value=statistics.median(subject_s) * per_mio,
        unit=f"s for a million rows ({count:,} measured)",
        reference=f"reading the file into columns {read:.3g} s",
        goal=Goal(limit=round(5 * read, 2)),
    )
