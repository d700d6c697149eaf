"""What a line brought and the spool has not taken yet: bounded, so that reading never waits for the disk.

Nothing upstream can be asked to repeat. While the spool refuses, arrivals queue up to a bound, then the oldest go and
are counted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from devices.model import TransientError
from gateway.decode import Arrival
from gateway.intake import Intake, Prepared, Verdict

_BATCH = 500
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOptions:
    """`source` names the line in counters; `queue_most` bounds the arrivals held."""

    source: str
    queue_most: int = 2_000


class Held:
    """Used by the one thread that serves the line; `judge` is told whether each arrival was understood."""

    def __init__(
        self, options: HeldOptions, intake: Intake, *, judge: Callable[[Verdict, float], None] | None = None
    ) -> None:
        self._options = options
        self._intake = intake
        self._judge = judge
        self._queue: deque[Arrival] = deque()
        self._prepared: Prepared | None = None
        self._retry_at_s = 0.0

    def add(self, arrival: Arrival) -> None:
        """Queue an arrival; beyond the bound the oldest is dropped and counted."""
        self._queue.append(arrival)
        if len(self._queue) > self._options.queue_most:
            self._queue.popleft()
            self._intake.count("serial_frames_dropped", 1)

    def flush(self, *, now_s: float) -> bool:
        """Put what is queued into the spool; True when nothing is left. While the disk refuses, try twice a second."""
        if now_s < self._retry_at_s:
            return False
        while self._prepared is not None or self._queue:
            if self._prepared is None:
                self._prepared = self._prepare(now_s)
            try:
                self._intake.commit(self._prepared)
            except TransientError:  # logged by the spool at its start and at its end
                self._retry_at_s = now_s + _RETRY_S
                return False
            self._prepared = None
        return True

    def _prepare(self, now_s: float) -> Prepared:
        batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
        prepared = self._intake.prepare(self._options.source, batch, now_s=now_s)
        if self._judge is not None:
            for verdict in prepared.verdicts:
                self._judge(verdict, now_s)
        return prepared
