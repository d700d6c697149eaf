"""Which frames of one device are copies of each other, and where its frame counter began anew.

A frame counter `seq` names a frame only until the device restarts it (reboot, join, 16-bit wrap 65535 -> 0). Frames are
looked at in order of (observed time, seq), all together and as often as one arrives out of order, so that the answer
is a function of the set of frames:

* a frame above the highest counter so far (the head) is progress;
* any other is a **copy** (or a straggler that was not there yet), heard by another gateway or sent again, and gets the
  identity (device, quantity, seq) of the first one, unless the counter was **restarted**, which is recognised by
  (1) a quantity that has another value than the frame with the same seq had (radio levels aside), or the same seq more
  than 24 h ago; (2) a pause: no progress for 1 h, or 1.5 expected intervals if that is longer; copies come within the
  hour; (3) a counter that runs again: one more than in the frame before, at least half an expected interval later,
  both below the head; (4) the device says so (`restarted`), in a frame that is no copy. Frames of a rising run that led
  up to the restart then count as new, too.

Never by equal value alone: a flat gauge is good news. What stays undecidable is the very first frame after a restart
that says exactly what the frame of that seq said within the hour before; it counts as a copy until (3) is met.

Sources: devices notes 4.5 and 4.6 (24 h window for LoRaWAN), lessons 46 (copies 48 s to an hour later).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from devices.model import SECOND_NS

WINDOW_NS = 24 * 3_600 * SECOND_NS
COPY_NS = 3_600 * SECOND_NS

Name = tuple[int, int]
"""Series and seq."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a frame: its number, series, canonical value bits. Lower rank = preferred among copies.

    `is_restart`: by this row the device says that it has just started.
    """

    number: int
    series: int
    bits: int
    rank: tuple[int, ...]
    heard_rank: tuple[int, ...]
    is_link_level: bool
    is_restart: bool = False


@dataclass(slots=True)
class Frame:
    """All rows of a device with one observed time and one seq.

    `epoch` counts restarts; `decided_ns` is the time of the frame that settled it (its own, or that of the restart).
    `copied` are the series whose rows were taken for copies until then; the others have been readings all along.
    """

    observed_ns: int
    seq: int
    rows: list[Row] = field(default_factory=list)
    epoch: int = 0
    decided_ns: int = 0
    copied: frozenset[int] = frozenset()


@dataclass(slots=True)
class Head:
    """How far a device's counter is: highest seq of this epoch, when it got there, newest frame of all."""

    seq: int = -1
    moved_ns: int = 0
    newest_ns: int = 0


class FrameReader:
    """Goes through the frames of one device, sorted by (observed time, seq)."""

    def __init__(self, interval_ns: int) -> None:
        """Begin before the first frame. `interval_ns` is the device's expected interval."""
        self.head = Head()
        self._pause_ns = pause_ns(interval_ns)
        self._step_ns = interval_ns // 2
        self._epoch = 0
        self._known: dict[Name, tuple[int, int]] = {}
        self._behind: list[Frame] = []

    def read(self, frame: Frame) -> None:
        """Give `frame` its epoch, and perhaps also the ones just before it."""
        frame.decided_ns = frame.observed_ns
        if frame.seq <= self.head.seq and not self._is_restart(frame):
            frame.epoch = self._epoch
            if frame.seq < self.head.seq:
                frame.copied = frozenset(row.series for row in frame.rows if (row.series, frame.seq) in self._known)
                self._behind.append(frame)
        else:
            if frame.seq <= self.head.seq:
                self._restart(frame)
            frame.epoch = self._epoch
            self.head.seq, self.head.moved_ns = frame.seq, frame.observed_ns
            self._behind.clear()
        self.head.newest_ns = frame.observed_ns
        self._learn(frame)

    def _is_restart(self, frame: Frame) -> bool:
        before = self._behind[-1] if self._behind else None
        runs_again = (
            before is not None
            and before.seq + 1 == frame.seq < self.head.seq
            and frame.observed_ns - before.observed_ns >= self._step_ns
        )
        is_late = frame.observed_ns - self.head.moved_ns > self._pause_ns
        return runs_again or is_late or self._says_so(frame) or self._differs(frame)

    def _says_so(self, frame: Frame) -> bool:
        return any(row.is_restart and (row.series, frame.seq) not in self._known for row in frame.rows)

    def _differs(self, frame: Frame) -> bool:
        for row in frame.rows:
            observed_ns, bits = self._known.get((row.series, frame.seq), (frame.observed_ns, row.bits))
            if frame.observed_ns - observed_ns > WINDOW_NS or (bits != row.bits and not row.is_link_level):
                return True
        return False

    def _restart(self, frame: Frame) -> None:
        self._epoch += 1
        self._known.clear()
        led_up: list[Frame] = []
        while self._behind and self._leads_up(self._behind[-1], led_up[-1] if led_up else frame):
            led_up.append(self._behind.pop())
        for earlier in reversed(led_up):
            earlier.epoch, earlier.decided_ns = self._epoch, frame.observed_ns
            self._learn(earlier)

    def _leads_up(self, earlier: Frame, frame: Frame) -> bool:
        """Return whether `earlier` may be of the run that goes on with `frame`, or another gateway's copy of it."""
        if earlier.seq != frame.seq:
            return earlier.seq < frame.seq
        said = {row.series: row.bits for row in earlier.rows if not row.is_link_level}
        is_soon = frame.observed_ns - earlier.observed_ns <= self._pause_ns
        return is_soon and all(said.get(row.series, row.bits) == row.bits for row in frame.rows)

    def _learn(self, frame: Frame) -> None:
        for row in frame.rows:
            self._known.setdefault((row.series, frame.seq), (frame.observed_ns, row.bits))


def pause_ns(interval_ns: int) -> int:
    """Return how long after its counter last moved a device with this expected interval may still be copied.

    Example: 600 s: one hour. 3,600 s: one and a half hours.
    """
    return max(3 * interval_ns // 2, COPY_NS)


@dataclass(slots=True)
class Chosen:
    """Of all copies of one reading: the row that stands for it, and the row by which the device was heard."""

    kept: Row
    heard: Row
    observed_ns: int
    decided_ns: int


def chosen_rows(frames: Sequence[Frame]) -> Iterable[Chosen]:
    """Return what stands for each reading: one for each (epoch, series, seq)."""
    best: dict[tuple[int, int, int], Chosen] = {}
    for frame in frames:
        for row in frame.rows:
            name = (frame.epoch, row.series, frame.seq)
            chosen = best.get(name)
            decided_ns = frame.decided_ns if row.series in frame.copied else frame.observed_ns
            if chosen is None:
                best[name] = Chosen(row, row, frame.observed_ns, decided_ns)
                continue
            if row.heard_rank < chosen.heard.heard_rank:
                chosen.heard = row
            if row.rank < chosen.kept.rank:
                chosen.kept, chosen.observed_ns, chosen.decided_ns = row, frame.observed_ns, decided_ns
    return best.values()
