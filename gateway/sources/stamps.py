"""Receive times that never repeat within a source: two frames of one read are two observations, not one."""

from __future__ import annotations

from devices.model import SECOND_NS

_STEP_BACK_NS = SECOND_NS


class Stamps:
    """Gives times that differ. A clock that was set back (by more than our own nudging) is followed at once."""

    def __init__(self) -> None:
        self._last_ns = 0

    def stamp(self, now_ns: int) -> int:
        """Return `now_ns`, or one nanosecond after the last stamp when that would repeat or run back a little."""
        if self._last_ns - _STEP_BACK_NS < now_ns <= self._last_ns:
            now_ns = self._last_ns + 1
        self._last_ns = now_ns
        return now_ns
