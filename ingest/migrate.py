"""The whole history of the journal into a store, once, by hand: `satomori store migrate`.

It keeps a place of its own in `forward.db`, so that it can be interrupted, and may run while the forwarder works: the
same point twice is one point. When it is done and the forwarder was never at work, that one goes on from here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from threading import Event

from ingest.forward import ForwardOptions, open_parts
from ingest.forward_book import FORWARD_FILE, ForwardReader, Progress
from ingest.forwarder import Forwarder, ForwardParts, StoppedError
from ingest.journal_read import JournalReader
from ingest.run import JOURNAL_FILE
from ingest.store_check import forwarded_stores

_COUNTED = ("accepted", "refused", "too_old")


class Migration:
    """One copying; made by `Migration.begin`. `copied` of `total` rows are there: a figure for a bar."""

    def __init__(self, parts: ForwardParts, options: ForwardOptions, stop: Event) -> None:
        """Go on where the book says."""
        self._parts = parts
        self._book = ForwardReader(options.data_dir / FORWARD_FILE)
        self._forwarder = Forwarder(parts, stop)
        self._stop = stop
        counts = _row_counts(options)
        self.total = sum(counts.values())
        place = self._forwarder.place
        left = sum(count for series_id, count in counts.items() if place.is_copying and series_id >= place.series_id)
        self.copied = self.total - left

    @classmethod
    @contextmanager
    def begin(cls, options: ForwardOptions, *, to: str, again: bool, stop: Event) -> Iterator[Migration]:
        """Give a migration to store `to`; `again`: from the beginning though it was done before."""
        with open_parts(to, forwarded_stores(options.site)[to], options, place=f"migrate.{to}") as parts:
            if again:
                start = parts.feed.start()
                parts.book.advance(parts.name, Progress(reached=start, settled=start), counts={})
            yield cls(parts, options, stop)

    def is_done(self) -> bool:
        """Tell whether the whole history is there."""
        return not self._forwarder.place.is_copying

    @property
    def counts(self) -> dict[str, int]:
        """What became of the points, of all runs together."""
        found = self._book.counters().items()
        return {name: count for (store, name), count in found if store == self._parts.name and name in _COUNTED}

    def run(self) -> Iterator[int]:
        """Copy until done or stopped; yield how many rows are there after each portion.

        Raises TransientError when journal or book cannot be read or written.
        """
        before = self.copied - sum(self.counts.values())
        try:
            while not self.is_done() and not self._stop.is_set():
                self._forwarder.step()
                # a guess within a series that was begun before: rows that were counted in no run are not known
                self.copied = self.total if self.is_done() else min(self.total, before + sum(self.counts.values()))
                yield self.copied
        except StoppedError:
            return
        if self.is_done():
            self._finish()

    def _finish(self) -> None:
        done = Progress(reached=self._forwarder.place, settled=self._forwarder.place)
        book, store = self._parts.book, self._parts.store_name
        book.advance(self._parts.name, done, counts={})
        if book.progress(store) is None:
            book.advance(store, done, counts={})
        book.note(store, state="ok", said="", now_ns=self._parts.now_ns())


def _row_counts(options: ForwardOptions) -> dict[int, int]:
    """Return how many rows the journal has, by series."""
    with closing(JournalReader(options.data_dir / JOURNAL_FILE)) as reader:
        counts = reader.observation_counts()
        return {row.series_id: counts.get((row.device_id, row.quantity), 0) for row in reader.series()}
