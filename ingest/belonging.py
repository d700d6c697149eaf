"""Which subjects belong to which units: found in one look-up for any number of units."""

from __future__ import annotations

import numpy as np

from ingest.batch import Int32s, Int64s
from ingest.runs import by_number

_NOWHERE = np.empty(0, np.int64)


class Belonging:
    """The places of subjects by unit, as of the last `learn`."""

    def __init__(self) -> None:
        """Know no subject."""
        self.learn(np.empty(0, np.int32))

    def learn(self, unit: Int32s) -> None:
        """Take in the unit of each subject (S,)."""
        self.subjects = len(unit)
        # the last entry stands for all units that have no subject
        self._count = np.bincount(unit, minlength=int(unit.max(initial=-1)) + 2)
        self._start = np.cumsum(self._count) - self._count
        self._places = by_number(unit)
        self._only: Int32s | None = None
        if self._count.max() <= 1:
            self._only = np.full(len(self._count), -1, dtype=np.int32)
            self._only[unit] = np.arange(len(unit), dtype=np.int32)

    def places(self, units: Int64s) -> Int64s:
        """Return the places (M,) of all subjects of `units` (U,), which must differ; by unit, in their order."""
        if not self.subjects or not len(units):
            return _NOWHERE
        if self._only is not None:
            only = self._only.take(units, mode="clip")
            return only[only >= 0].astype(np.int64)
        count = self._count.take(units, mode="clip")
        end = np.cumsum(count)
        first = np.repeat(self._start.take(units, mode="clip") - end + count, count)
        found: Int64s = self._places[first + np.arange(end[-1])]
        return found
