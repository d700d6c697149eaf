"""Many frames of a free-running instrument become one reading set an interval: the memory between them.

Windows go by receive time in the town's clock and follow each other without a hole while frames come; after a pause
the next one begins with its first frame. What is gathered is only in memory: a crash costs at most one interval of
frames, never a reading that was made.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from threading import Lock

from devices.model import SECOND_NS, Decoded, Gathering

_FRAMES_MOST = 10_000
_READY_MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The frames of one window; `received_ns` is the receipt of the last of them."""

    device_id: str
    gathering: Gathering
    frames: tuple[Decoded, ...]
    received_ns: int

    def combined(self) -> Decoded:
        """Return the one reading set that the frames make. What the model's `combine` raises passes."""
        return self.gathering.combine(self.frames)


@dataclass(slots=True, kw_only=True)
class _Window:
    gathering: Gathering
    start_ns: int
    last_ns: int
    frames: deque[Decoded] = field(default_factory=lambda: deque(maxlen=_FRAMES_MOST))

    @property
    def interval_ns(self) -> int:
        return int(self.gathering.interval_s * SECOND_NS)

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.interval_ns

    def holds(self, now_ns: int) -> bool:
        """Whether `now_ns` is inside; a clock that was set back by more than a window is not."""
        return self.start_ns - self.interval_ns <= now_ns < self.end_ns


class Gatherer:
    """Shared by the threads of a gateway."""

    def __init__(self) -> None:
        self._windows: dict[str, _Window] = {}
        self._ends_ns: dict[str, int] = {}
        self._ready: deque[Gathered] = deque(maxlen=_READY_MOST)
        self._lock = Lock()

    def add(self, device_id: str, gathering: Gathering, decoded: Decoded, received_ns: int) -> None:
        """Keep what a frame says for the window it falls into; the window before it is ready then."""
        with self._lock:
            window = self._windows.get(device_id)
            if window is not None and not window.holds(received_ns):
                self._close(device_id)
                window = None
            if window is None:
                window = self._open(device_id, gathering, received_ns)
            window.frames.append(decoded)
            window.last_ns = received_ns

    def due(self, now_ns: int) -> list[Gathered]:
        """Return the windows that are over at `now_ns`, each once. Without a frame there is none."""
        with self._lock:
            for device_id in [key for key, window in self._windows.items() if not window.holds(now_ns)]:
                self._close(device_id)
            return self._take()

    def flush(self) -> list[Gathered]:
        """Return what was gathered so far, over or not: the process ends."""
        with self._lock:
            for device_id in list(self._windows):
                self._close(device_id)
            return self._take()

    def _open(self, device_id: str, gathering: Gathering, received_ns: int) -> _Window:
        window = _Window(gathering=gathering, start_ns=received_ns, last_ns=received_ns)
        end_before_ns = self._ends_ns.get(device_id, received_ns)
        if end_before_ns <= received_ns < end_before_ns + window.interval_ns:
            window.start_ns = end_before_ns
        self._windows[device_id] = window
        return window

    def _close(self, device_id: str) -> None:
        window = self._windows.pop(device_id)
        self._ends_ns[device_id] = window.end_ns
        self._ready.append(
            Gathered(
                device_id=device_id,
                gathering=window.gathering,
                frames=tuple(window.frames),
                received_ns=window.last_ns,
            )
        )

    def _take(self) -> list[Gathered]:
        taken = list(self._ready)
        self._ready.clear()
        return taken
