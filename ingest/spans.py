"""Spans of time that do not count towards a deadline: when the hub itself was away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ingest.batch import Bools, Int64s

_MOST = 100


@dataclass(frozen=True, slots=True)
class Spans:
    """Disjoint spans (start, end) in order of time, integer nanoseconds."""

    items: tuple[tuple[int, int], ...] = ()

    def with_span(self, start_ns: int, end_ns: int) -> Spans:
        """Return these spans and one that begins after all of them; the oldest ones beyond 100 are forgotten."""
        return Spans((*self.items, (start_ns, end_ns))[-_MOST:])

    def until(self, end_ns: int) -> Spans:
        """Return these spans as far as they lie before `end_ns`."""
        return Spans(tuple((start_ns, min(last_ns, end_ns)) for start_ns, last_ns in self.items if start_ns < end_ns))

    def deadlines(self, since_ns: Int64s, *, after_ns: Int64s) -> Int64s:
        """Return the instants (N,) at which `after_ns` (N,) of counting time have passed since `since_ns` (N,)."""
        deadline_ns = since_ns + after_ns
        for start_ns, end_ns in self.items:
            is_hit = (deadline_ns > start_ns) & (since_ns < end_ns)
            deadline_ns = np.where(is_hit, deadline_ns + end_ns - np.maximum(since_ns, start_ns), deadline_ns)
        return deadline_ns

    def contain(self, at_ns: Int64s) -> Bools:
        """Return which instants (N,) lie in a span (its start included, its end not)."""
        inside = np.zeros(at_ns.shape, dtype=np.bool_)
        for start_ns, end_ns in self.items:
            inside |= (at_ns >= start_ns) & (at_ns < end_ns)
        return inside
