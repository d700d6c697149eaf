"""The rows of the last day or two, as they came in: what late rows and duplicates are compared with.

Facts are only ever added at the end and dropped at the front. A commit writes only the new ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ingest.batch import Batch, Bools, Bytes, Int64s, concat
from ingest.facts import Facts, concat_facts, no_facts
from ingest.flags import UNKNOWN
from ingest.keeping_old import RAW_ROWS
from ingest.layout import Layout
from ingest.row_queue import RowQueue
from ingest.state_log import ShelfEntry

CHUNK_ROWS = 128

_ROW = np.dtype(
    [("series", "<i4"), ("observed_ns", "<i8"), ("received_ns", "<i8"), ("seq", "<i8"), ("value", "<f8"),
     ("resent", "?"), ("clock", "u1"), ("member", "u1"), ("arrived_ns", "<i8")]
)  # fmt: skip
_COLUMNS = b"\x01"  # the rows of a body stand column by column; in old journals (RAW_ROWS) as records
_BATCH_FIELDS = ("series", "observed_ns", "received_ns", "seq", "value", "resent", "clock")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Rows are kept for `age_ns` of the clock, and at most `rows` of them."""

    age_ns: int
    rows: int


class RecentRows:
    """A shelf of rows in order of arrival. Places (int) are valid until the next `drop`.

    `member` and `standing` are bits, see `ingest.facts`; 0 is the standing of a mere copy.
    """

    def __init__(self, name: str, bounds: Bounds) -> None:
        """Begin empty. `name` distinguishes the saved rows of several shelves."""
        self.name = name
        self._bounds = bounds
        self._columns = {field: RowQueue(_ROW[field]) for field in _ROW.names or ()}
        self._standing = RowQueue(np.uint8)
        self._dropped = 0  # rows that once stood before the first one
        self._saved = 0  # rows, counted from the very first one, that are saved
        self._told_dropped = 0  # how many were said to be dropped

    def __len__(self) -> int:
        return len(self._standing)

    @property
    def standing(self) -> Bytes:
        """For what each row (N,) stands; may be written to."""
        return self._standing.values

    @property
    def member(self) -> Bytes:
        """Timeline bits (N,)."""
        return self._columns["member"].values

    def add(self, facts: Facts, *, standing: Bytes, arrived_ns: int) -> None:
        """Put rows at the end."""
        count, columns = len(facts), self._columns
        # a clock that was set back must not make rows older than those before them
        newest_ns = int(self._arrived_ns[-1]) if len(self) else arrived_ns
        for field in _BATCH_FIELDS:
            columns[field].add(getattr(facts.rows, field), count=count)
        columns["member"].add(facts.member, count=count)
        columns["arrived_ns"].add(max(arrived_ns, newest_ns), count=count)
        self._standing.add(standing, count=count)

    @property
    def _arrived_ns(self) -> Int64s:
        return self._columns["arrived_ns"].values

    def find(self, is_wanted: Bools, *, arrived_since_ns: int) -> Int64s:
        """Return the places (M,) of rows whose series `is_wanted` (S,), arrived since then, in order of arrival."""
        start = int(np.searchsorted(self._arrived_ns, arrived_since_ns))
        return start + np.flatnonzero(is_wanted[self._columns["series"].values[start:]])

    def take(self, places: Int64s) -> Batch:
        """Return the rows at `places` (M,), not sorted; flags UNKNOWN."""
        fields: dict[str, Any] = {field: self._columns[field].values[places] for field in _BATCH_FIELDS}
        return Batch(**fields, flag=np.full(len(places), UNKNOWN, dtype=np.uint8))

    def outdated(self, now_ns: int) -> int:
        """Return how many rows at the front are older than the bounds allow, in whole chunks.

        0 until they are a quarter of all: dropping moves all the others.
        """
        old = int(np.searchsorted(self._arrived_ns, now_ns - self._bounds.age_ns))
        old = max(old, len(self) - self._bounds.rows)
        old = old // CHUNK_ROWS * CHUNK_ROWS
        return old if 4 * old >= len(self) else 0

    def drop(self, count: int) -> None:
        """Forget the first `count` rows."""
        for column in (*self._columns.values(), self._standing):
            column.cut(count)
        self._dropped += count

    def change(self) -> ShelfEntry | None:
        """Return what changed since the last call; None when nothing did."""
        end = self._dropped + len(self)
        first = max(self._saved, self._dropped)
        if end == self._saved and self._dropped == self._told_dropped:
            return None
        columns = [column.values[first - self._dropped :] for column in self._columns.values()]
        self._saved, self._told_dropped = end, self._dropped
        body = b"".join([_COLUMNS, *(column.tobytes() for column in columns)])
        return ShelfEntry(first, end, self._dropped, body)

    def take_up(self, bodies: Sequence[bytes], *, first_row: int, dropped_rows: int) -> None:
        """Hold the rows of the bodies that `change` gave, in their order, from `dropped_rows` on.

        `first_row` is that of the first body. No row stands for anything until told otherwise.
        """
        counts = [(len(body) - 1) // _ROW.itemsize for body in bodies]
        rows = max(0, first_row + sum(counts) - dropped_rows)
        for number, column in enumerate(self._columns.values()):
            parts = [_column(body, number, count=count) for body, count in zip(bodies, counts, strict=True)]
            column.add(np.concatenate([column.values, *parts])[dropped_rows - first_row :], count=rows)
        self._standing.add(0, count=rows)
        self._dropped = self._told_dropped = dropped_rows
        self._saved = dropped_rows + rows


def _column(body: bytes, number: int, *, count: int) -> np.ndarray[Any, Any]:
    """Return column `number` (count,) of a body: after one byte its columns, or its rows, one after the other."""
    if body[:1] == RAW_ROWS:
        return np.frombuffer(body, _ROW, count=count, offset=1)[(_ROW.names or ())[number]]
    sizes = [_ROW[field].itemsize for field in _ROW.names or ()]
    return np.frombuffer(body, _ROW[number], count=count, offset=1 + count * sum(sizes[:number]))


class RecentShelves:
    """Two shelves as one: rows of contacts are kept for longer, because they are told even when very late.

    Places on the shelf of contacts are negative: -1 is its first row.
    """

    def __init__(self, layout: Layout, *, most: RecentRows, contacts: RecentRows) -> None:
        """Put rows whose series is a contact on `contacts`, all others on `most`."""
        self._layout, self._most, self._contacts = layout, most, contacts

    @property
    def shelves(self) -> tuple[RecentRows, RecentRows]:
        """Both shelves."""
        return self._most, self._contacts

    def add(self, facts: Facts, *, standing: Bytes, arrived_ns: int) -> None:
        """Put rows (N,) and for what they stand (N,) at the end of their shelves."""
        is_contact = self._layout.is_contact[facts.rows.series]
        if not is_contact.any():
            self._most.add(facts, standing=standing, arrived_ns=arrived_ns)
            return
        for shelf, mine in ((self._most, ~is_contact), (self._contacts, is_contact)):
            shelf.add(facts.take(mine), standing=standing[mine], arrived_ns=arrived_ns)

    def find(self, is_wanted: Bools, *, arrived_since_ns: int) -> Int64s:
        """Return the places (M,) of rows whose series `is_wanted` (S,) that arrived since then."""
        most = self._most.find(is_wanted, arrived_since_ns=arrived_since_ns)
        return np.concatenate([most, -1 - self._contacts.find(is_wanted, arrived_since_ns=arrived_since_ns)])

    def take(self, places: Int64s) -> Batch:
        """Return the rows at `places` (M,): those of `most` first, not sorted."""
        return concat([shelf.take(found) for shelf, found in self._split(places)])

    def member(self, places: Int64s) -> Bytes:
        """Return the timeline bits (M,) of `places`, in the order of `take`."""
        return np.concatenate([shelf.member[found] for shelf, found in self._split(places)])

    def facts(self, places: Int64s) -> Facts:
        """Return the facts at `places` (M,), those of `most` first."""
        rows = self.take(places)
        return Facts(rows=rows, member=self.member(places), device=self._layout.device_of[rows.series])

    def drop_outdated(self, now_ns: int) -> Facts:
        """Forget rows beyond the bounds and return them (M,); usually none."""
        dropped: list[Facts] = []
        for shelf in self.shelves:
            count = shelf.outdated(now_ns)
            if count:
                places = np.arange(count)
                dropped.append(self.facts(places if shelf is self._most else -1 - places))
                shelf.drop(count)
        return concat_facts(dropped) if dropped else no_facts()

    def standing(self, places: Int64s) -> Bytes:
        """Return for what the rows at `places` (M,) stand, in the order of `take`."""
        return np.concatenate([shelf.standing[found] for shelf, found in self._split(places)])

    def set_standing(self, places: Int64s, standing: Bytes) -> None:
        """Note for what the rows at `places` (M,) stand; those of `most` must come first."""
        start = 0
        for shelf, found in self._split(places):
            shelf.standing[found] = standing[start : start + len(found)]
            start += len(found)

    def _split(self, places: Int64s) -> tuple[tuple[RecentRows, Int64s], tuple[RecentRows, Int64s]]:
        return (self._most, places[places >= 0]), (self._contacts, -1 - places[places < 0])
