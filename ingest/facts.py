"""Rows as they arrive, and as facts: with their device, their part in the timelines, and bits to compare values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.batch import NO_SEQ, Batch, Bools, Bytes, Floats, Int32s, Int64s, concat, empty_batch
from ingest.runs import Array, by_number, is_first, is_rising, starts_of

IN_OBSERVED, IN_RECEIVED, IN_CONTACT, IN_RECORD = 1, 2, 4, 8
"""Bits. In `member`: in which timelines a row may take part (it came in time, it is fresh), known when it arrives. In
`standing`: for what it stands among its copies, which may change."""

ALL_BITS = IN_OBSERVED | IN_RECEIVED | IN_CONTACT | IN_RECORD


def value_bits(values: Floats) -> Int64s:
    """Return (N,) int64 that are equal exactly for equal values; all NaN are equal, and so are 0.0 and -0.0."""
    bits: Int64s = np.where(np.isnan(values), np.nan, values + 0.0).view(np.int64)
    return bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """Rows (N,), sorted by (series, observed time, arrival), and the number of their device.

    `place` says as the how manieth each arrived; `is_by_time`: they arrived in the order of observed time.
    `starts` (R,) are the positions where rows of another device begin.
    """

    rows: Batch
    device: Int32s
    place: Int64s
    starts: Int64s
    is_by_time: bool

    def take(self, rows: Bools) -> Arrived:
        """Return what is where a mask (N,) is True."""
        device = self.device[rows]
        return Arrived(
            rows=self.rows.take(rows), device=device, place=self.place[rows], starts=starts_of(device),
            is_by_time=self.is_by_time,
        )  # fmt: skip


def arrived(rows: Batch, *, device_of: Int32s) -> Arrived:
    """Return rows (N,), which stand in the order of arrival; `device_of` is the device of each series."""
    is_by_time = is_rising(rows.observed_ns)
    if is_by_time and is_rising(rows.series):
        place = np.arange(len(rows))
    else:
        place = by_number(rows.series) if is_by_time else np.lexsort((rows.observed_ns, rows.series))
        rows = rows.take(place)
    device = device_of[rows.series]
    return Arrived(rows=rows, device=device, place=place, starts=starts_of(device), is_by_time=is_by_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Rows (N,), their timeline bits and the number of their device."""

    rows: Batch
    member: Bytes
    device: Int32s

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def bits(self) -> Int64s:
        """The value bits (N,)."""
        return value_bits(self.rows.value)

    def take(self, rows: Int64s | Bools) -> Facts:
        """Return the facts at positions (M,) or where a mask (N,) is True."""
        return Facts(rows=self.rows.take(rows), member=self.member[rows], device=self.device[rows])

    def where(self, is_wanted: Bools) -> Facts:
        """Return the facts where `is_wanted` (N,); themselves when that is all."""
        if is_wanted.all():
            return self
        return self.take(is_wanted) if is_wanted.any() else no_facts()

    @property
    def is_late(self) -> Bools:
        """Which rows (N,) came too late to be judged."""
        late: Bools = (self.member & IN_OBSERVED) == 0
        return late

    def preference(self) -> tuple[Array, ...]:
        """Return the columns (N,) by which copies are preferred, the first one decides; lower is better."""
        return (self.is_late, self.rows.observed_ns, self.rows.resent, self.rows.received_ns, self.bits)

    def heard_preference(self) -> tuple[Array, ...]:
        """Return the columns (N,) by which copies are preferred as a sign of life; lower is better."""
        is_stale = (self.member & IN_RECEIVED) == 0
        return (is_stale, self.rows.received_ns, self.rows.observed_ns, self.bits)

    def by_name(self, *, preference: tuple[Array, ...] | None = None) -> Int64s:
        """Return the order (N,) by series, observed time, seq, and then preference."""
        return self._order(*(preference or self.preference()))

    def in_order(self) -> Facts:
        """Return the facts, which must be sorted by (series, observed time), as `by_name` orders them."""
        series, observed_ns = self.rows.series, self.rows.observed_ns
        ties = np.flatnonzero((series[1:] == series[:-1]) & (observed_ns[1:] == observed_ns[:-1]))
        return self if self._are_in_order(ties) else self.take(self.by_name())

    def _are_in_order(self, ties: Int64s) -> bool:
        """Return whether each of the facts at `ties` (M,) may stand before the next one, whose name is the same."""
        ones, others = self.take(ties), self.take(ties + 1)
        columns = zip((ones.rows.seq, *ones.preference()), (others.rows.seq, *others.preference()), strict=True)
        is_decided = np.zeros(len(ties), dtype=np.bool_)
        for one, other in columns:
            if (~is_decided & (one > other)).any():
                return False
            is_decided |= one < other
        return True

    def by_value(self) -> Int64s:
        """Return the order (N,) by series, observed time, seq, value bits, and then preference."""
        return self._order(self.bits, *self.preference())

    def _order(self, *then: Array) -> Int64s:
        columns: list[Array] = [self.rows.series, self.rows.observed_ns, self.rows.seq, *then]
        return np.lexsort(columns[::-1])

    def has_counter(self) -> Bools:
        """Return which rows (N,) bear a frame counter."""
        has: Bools = self.rows.seq != NO_SEQ
        return has

    def begins_name(self) -> Bools:
        """Return for rows sorted by name where another (series, observed time, seq) begins."""
        rows = self.rows
        return is_first(rows.series) | is_first(rows.observed_ns) | is_first(rows.seq)


_NO_FACTS = Facts(rows=empty_batch(), member=np.empty(0, np.uint8), device=np.empty(0, np.int32))


def no_facts() -> Facts:
    """Return no facts at all."""
    return _NO_FACTS


def concat_facts(parts: Sequence[Facts]) -> Facts:
    """Return the facts of all parts one after the other."""
    return Facts(
        rows=concat([part.rows for part in parts]),
        member=np.concatenate([part.member for part in parts]),
        device=np.concatenate([part.device for part in parts]),
    )
