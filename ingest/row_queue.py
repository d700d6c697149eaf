"""A column to which values are added at the end and dropped at the front, in time that goes with what is added."""

from __future__ import annotations

from typing import Any

import numpy as np

_FIRST_ROOM = 16
_SPARE = 4  # one part in so many of the values is room for more


class RowQueue:
    """A numpy array that is pushed along through a room a little larger than itself."""

    def __init__(self, dtype: Any) -> None:
        """Begin empty."""
        self._room = np.empty(_FIRST_ROOM, dtype=dtype)
        self._start = self._end = 0

    def __len__(self) -> int:
        return self._end - self._start

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """The values (N,), as a view that may be written to; not valid after the next `add` or `cut`."""
        return self._room[self._start : self._end]

    def add(self, values: Any, *, count: int) -> None:
        """Put `count` values at the end: an array (count,), or one value for all of them."""
        if self._end + count > len(self._room):
            self._move(count)
        self._room[self._end : self._end + count] = values
        self._end += count

    def _move(self, count: int) -> None:
        kept = self.values
        needed = len(kept) + count
        self._room = np.empty(needed + needed // _SPARE, dtype=kept.dtype)
        self._room[: len(kept)] = kept
        self._start, self._end = 0, len(kept)

    def cut(self, count: int) -> None:
        """Drop the first `count` values."""
        self._start += count
