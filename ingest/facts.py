"""Rows as facts: columns, their part in the timelines, and value bits, which can be compared where NaN cannot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ingest.batch import NO_SEQ, Batch, Bools, Bytes, Floats, Int64s, concat, empty_batch
from ingest.runs import Array, is_first

IN_OBSERVED, IN_RECEIVED, IN_CONTACT, IN_RECORD = 1, 2, 4, 8
"""Bits. In `member`: in which timelines a row may take part (it came in time, it is fresh), known when it arrives. In
`standing`: for what it stands among its copies, which may change."""

ALL_BITS = IN_OBSERVED | IN_RECEIVED | IN_CONTACT | IN_RECORD


def value_bits(values: Floats) -> Int64s:
    """Return (N,) int64 that are equal exactly for equal values; all NaN are equal, and so are 0.0 and -0.0."""
    bits: Int64s = np.where(np.isnan(values), np.nan, values + 0.0).view(np.int64)
    return bits


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Rows (N,), their timeline bits and value bits."""

    rows: Batch
    member: Bytes
    bits: Int64s

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, rows: Int64s | Bools) -> Facts:
        """Return the facts at positions (M,) or where a mask (N,) is True."""
        return Facts(rows=self.rows.take(rows), member=self.member[rows], bits=self.bits[rows])

    def where(self, is_wanted: Bools) -> Facts:
        """Return the facts where `is_wanted` (N,); themselves when that is all."""
        return self if is_wanted.all() else self.take(is_wanted)

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


def facts_of(rows: Batch, *, member: Bytes) -> Facts:
    """Return rows (N,) with their timeline bits as facts."""
    return Facts(rows=rows, member=member, bits=value_bits(rows.value))


def no_facts() -> Facts:
    """Return no facts at all."""
    return facts_of(empty_batch(), member=np.empty(0, np.uint8))


def concat_facts(parts: Sequence[Facts]) -> Facts:
    """Return the facts of all parts one after the other."""
    return Facts(
        rows=concat([part.rows for part in parts]),
        member=np.concatenate([part.member for part in parts]),
        bits=np.concatenate([part.bits for part in parts]),
    )
