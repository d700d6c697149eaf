"""When which unit of a timeline must be looked at although nothing came from it. Costs what has changed, not the town.

Of each unit the first deadline is kept, and a lower bound of all of them: until it is reached nothing is searched.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ingest.batch import Int64s
from ingest.plugins import RuleRunner

_NONE_NS = np.iinfo(np.int64).max


class Agenda:
    """The next deadline of each unit of one timeline."""

    def __init__(self, rules: Sequence[RuleRunner], *, units: int) -> None:
        """Begin with no deadline; `refresh` all units before the first question."""
        self._rules = rules
        self._next_ns = np.full(units, _NONE_NS)
        self._least_ns = _NONE_NS

    def refresh(self, units: Int64s, *, after_ns: int) -> None:
        """Ask the rules anew for `units` (U,), which were judged; deadlines up to `after_ns` were met."""
        if not self._rules or not len(units):
            return
        self._next_ns[units] = _NONE_NS
        for rule in self._rules:
            deadline_ns, unit = rule.deadlines(units)
            if len(unit):
                is_ahead = deadline_ns > after_ns
                np.minimum.at(self._next_ns, unit[is_ahead], deadline_ns[is_ahead])
        self._least_ns = min(self._least_ns, int(self._next_ns[units].min()))

    def due(self, until_ns: int) -> Int64s:
        """Return the units (U,), in rising order, with a deadline up to `until_ns`."""
        if until_ns < self._least_ns:
            return np.empty(0, np.int64)
        self._least_ns = int(self._next_ns.min())
        return np.flatnonzero(self._next_ns <= until_ns)

    def next_ns(self) -> int | None:
        """Return the first deadline of all, None when there is none."""
        self._least_ns = int(self._next_ns.min(initial=_NONE_NS))
        return None if self._least_ns == _NONE_NS else self._least_ns
