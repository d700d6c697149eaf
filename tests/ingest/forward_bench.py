"""A journal of plain lists, a store that can be told to fail, and the forwarder between them."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.feed import JournalFeed
from ingest.forward_book import FORWARD_FILE, Doubles, ForwardBook, ForwardReader
from ingest.forwarder import Forwarder, ForwardParts, Pace
from ingest.journal_read import LatestRow, ObservationRow, SeriesRow
from ingest.stores.influx import InfluxParams, InfluxStore
from tests.ingest.stores.fault_server import FaultServer

T_NS = 1_767_225_600_000_000_000
FAST = Pace(backoff_first_s=0.01, backoff_most_s=0.05, settle_s=0.2)


Name = tuple[int, int] | tuple[int, int, int]
"""Series, time and frame counter; without the last: of a device that has none."""


@dataclass(frozen=True)
class Columns:
    series_id: Sequence[int] = ()
    observed_ns: Sequence[int] = ()
    value: Sequence[float] = ()
    flag: Sequence[int] = ()
    seq: Sequence[int] = ()


def columns(names: Sequence[Name], said: Sequence[tuple[float, int]] = ()) -> Columns:
    return Columns(
        series_id=[name[0] for name in names],
        observed_ns=[name[1] for name in names],
        seq=[seq_of(name) for name in names],
        value=[value for value, _ in said],
        flag=[flag for _, flag in said],
    )


def seq_of(name: Name) -> int:
    return name[2] if len(name) == 3 else -1


@dataclass(frozen=True)
class Commit:
    commit_no: int
    rows: Columns
    removed: Columns


@dataclass(frozen=True)
class Changes:
    commits: tuple[Commit, ...]
    last_commit_no: int
    is_cut: bool


@dataclass
class Journal:
    """A journal in memory: what it holds now, and the commits that made it so."""

    held: dict[tuple[int, int, int], tuple[float, int]] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    forgotten: int = 0

    def write(self, rows: Mapping[Any, tuple[float, int]], *, removed: Sequence[Name] = ()) -> None:
        for name in removed:
            self.held.pop((name[0], name[1], seq_of(name)), None)
        self.held.update({(name[0], name[1], seq_of(name)): said for name, said in rows.items()})
        commit = Commit(self.commit_no() + 1, rows=columns(list(rows), list(rows.values())), removed=columns(removed))
        self.commits.append(commit)

    def add(self, count: int, *, series: int = 1) -> None:
        """Write so many new readings of one series, a commit each 7."""
        first = 1 + max((t for s, t, _ in self.held if s == series), default=T_NS)
        for start in range(0, count, 7):
            times = range(first + start, first + min(count, start + 7))
            self.write({(series, t): (float(t - T_NS), 1) for t in times})

    def commit_no(self) -> int:
        return self.commits[-1].commit_no if self.commits else 0

    def series(self) -> list[SeriesRow]:
        numbers = {s for commit in self.commits for c in (commit.rows, commit.removed) for s in c.series_id}
        return [SeriesRow(series_id=s, device_id=f"d-{s}", quantity="distance") for s in sorted(numbers)]

    def observations(
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int
    ) -> list[ObservationRow]:
        series_id = int(device_id.removeprefix("d-"))
        found = sorted((t, q, said) for (s, t, q), said in self.held.items() if s == series_id and from_ns <= t < to_ns)
        return [
            ObservationRow(observed_ns=t, received_ns=t, value=v, flag=f, seq=None if q < 0 else q)
            for t, q, (v, f) in found[:limit]
        ]

    def latest(self) -> list[LatestRow]:
        return [
            LatestRow(
                device_id=row.device_id, quantity=row.quantity, value=0.0, flag=1, received_ns=0, heard_ns=0,
                commit_no=0, observed_ns=max((t for s, t, _ in self.held if s == row.series_id), default=0),
            )
            for row in self.series()
        ]  # fmt: skip

    def changes_after(self, commit_no: int, *, limit: int) -> Changes:
        taken: list[Commit] = []
        rows = 0
        for commit in self.commits:
            if commit.commit_no > commit_no and rows < limit:
                taken.append(commit)
                rows += len(commit.rows.series_id)
        is_cut = commit_no < self.forgotten
        return Changes(tuple(taken), taken[-1].commit_no if taken else commit_no, is_cut)

    def as_stored(self) -> dict[tuple[str, str], str]:
        """What a store must hold, as the server of the test remembers it."""
        found: dict[tuple[str, str], str] = {}
        for (s, t, _), (v, f) in sorted(self.held.items()):
            nth = 1
            while (key := (_tags(s, nth), str(t))) in found:
                nth += 1
            found[key] = f"value={v!r},flag={f}i,bad=f" if math.isfinite(v) else f"flag={f}i,bad=t"
        return found


def _tags(series: int, nth: int) -> str:
    return (
        f"observation,device=d-{series}"
        + (f",nth={nth}" if nth > 1 else "")
        + f",quantity=distance,station=st-{series}"
    )


@dataclass
class Bench:
    folder: Path
    journal: Journal
    server: FaultServer
    stop: threading.Event = field(default_factory=threading.Event)
    batch_points: int = 50
    pace: Pace = FAST

    @contextmanager
    def forwarder(self) -> Iterator[Forwarder]:
        book = ForwardBook(self.folder / FORWARD_FILE)
        store = InfluxStore(InfluxParams(url=self.server.url, bucket="b", timeout_s=0.3))
        stations = book.stations({f"d-{s}": f"st-{s}" for s in range(9)}, now_ns=T_NS)
        feed = JournalFeed(self.journal, stations, Doubles(self.folder / FORWARD_FILE))
        parts = ForwardParts(
            name="influx", store_name="influx", store=store, feed=feed, book=book,
            now_ns=lambda: T_NS, batch_points=self.batch_points, pace=self.pace,
        )  # fmt: skip
        try:
            yield Forwarder(parts, self.stop)
        finally:
            store.close()
            book.close()

    def run(self) -> None:
        """Forward until there is nothing left, as a process that was just started does."""
        with self.forwarder() as forwarder:
            while forwarder.step():
                pass

    @property
    def book(self) -> ForwardReader:
        return ForwardReader(self.folder / FORWARD_FILE)

    def counter(self, name: str) -> int:
        return self.book.counters().get(("influx", name), 0)
