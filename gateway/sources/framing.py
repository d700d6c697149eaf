"""Cuts the bytes of a serial line into frames, with a bound in bytes and a deadline in time for each frame."""

from __future__ import annotations

from dataclasses import dataclass

from devices.model import SerialLine

_BITS_PER_BYTE = 10
_PATIENCE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A piece of the line. `fault`: `oversize` or `incomplete` when it was cut by force, else empty.

    `is_first`: nothing is known of what came before, so its front may be missing.
    """

    payload: bytes
    fault: str = ""
    is_first: bool = False


class Framer:
    """State between two reads: the unfinished rest and since when it waits.

    The deadline counts for a whole frame, not for each byte: a line that dribbles cannot hold a frame open for ever.
    """

    def __init__(self, line: SerialLine, *, baud: int) -> None:
        self._line = line
        self._deadline_s = _PATIENCE_S + line.max_frame_bytes * _BITS_PER_BYTE / baud
        self._rest = b""
        self._since_s = 0.0
        self._is_first = True
        self._in_run = False
        self._cut_bytes = 0

    def feed(self, data: bytes, *, now_s: float) -> list[Cut]:
        """Take bytes read at monotonic time `now_s` (none = only look at the deadline); return the frames they end.

        A run without an end gives one Cut, however long it is; its other bytes are counted (`take_cut_bytes`).
        """
        cuts: list[Cut] = []
        if self._rest and now_s - self._since_s > self._deadline_s:
            cuts += self._force(self._rest, "incomplete")
        if not data:
            return cuts
        if not self._rest:
            self._since_s = now_s
        frames, rest = self._line.split(self._rest + data)
        for frame in frames:
            cuts += self._whole(frame)
        if frames:
            self._since_s = now_s
        self._rest = rest
        if len(rest) > self._line.max_frame_bytes:
            cuts += self._force(rest, "oversize")
        return cuts

    def take_cut_bytes(self) -> int:
        """Return how many bytes of endless runs were thrown away since the last call."""
        count, self._cut_bytes = self._cut_bytes, 0
        return count

    def _whole(self, frame: bytes) -> list[Cut]:
        if len(frame) > self._line.max_frame_bytes:
            cuts = self._force(frame, "oversize")
            self._in_run = False
            return cuts
        cut = Cut(payload=frame, is_first=self._is_first)
        self._is_first = self._in_run = False
        return [cut]

    def _force(self, piece: bytes, fault: str) -> list[Cut]:
        # what follows up to the next frame end belongs to this piece, so that one has no front again
        cuts = [] if self._in_run else [Cut(payload=piece, fault=fault)]
        if self._in_run:
            self._cut_bytes += len(piece)
        self._rest = b""
        self._is_first = self._in_run = True
        return cuts
