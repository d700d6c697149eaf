"""A serial line that is kept open for ever: opened again when it is lost, watched, and what it brings is held.

What every kind of line shares, so that unplugging, another name, an adapter that hangs and a disk that refuses are
treated alike for instruments that speak by themselves, polled ones and radio sticks.
"""

from __future__ import annotations

import logging
import termios
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event

import serial

from gateway.decode import Arrival
from gateway.intake import Intake, Verdict
from gateway.line_watch import LineReporter, LineWatch, WatchLimits
from gateway.sources.held import Held, HeldOptions
from gateway.sources.ports import PortFinder, PortSettings

log = logging.getLogger(__name__)

_REOPEN_FIRST_S = 0.2
_REOPEN_MOST_S = 5.0
_MOVED_EVERY_S = 3.0
_AFRESH_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptOptions:
    """`subjects` are whose fault a fault of the line is: the devices on it, or the gateway for a radio stick.

    `fault_quantity` is the channel of `line_fault` that it is told by; `queue_most` bounds what is held while the disk
    refuses.
    """

    name: str
    gateway_id: str
    settings: PortSettings
    subjects: tuple[str, ...]
    limits: WatchLimits = field(default_factory=WatchLimits)
    fault_quantity: str = "line_fault"
    queue_most: int = 2_000


class KeptLine:
    """Used by the one thread that serves the line. `watch` is told by it what only it can know."""

    def __init__(self, options: KeptOptions, intake: Intake, *, now_ns: Callable[[], int]) -> None:
        self._options = options
        self._finder = PortFinder(options.settings)
        held_options = HeldOptions(source=options.name, queue_most=options.queue_most)
        self._held = Held(held_options, intake, judge=self._judge)
        self._reporter = LineReporter(options.gateway_id, intake, now_ns=now_ns, quantity=options.fault_quantity)
        self._is_lost = False
        self._opened_s = 0.0
        self._look_at_s = 0.0
        self.watch = LineWatch(options.subjects, options.limits, now_s=time.monotonic())

    def run(self, serve: Callable[[serial.Serial, Event], None], stop: Event) -> None:
        """Open the line and let `serve` use it until `stop` is set; again with growing pauses when that ends."""
        self._reporter.remind(self.watch)
        pause_s = _REOPEN_FIRST_S
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                with self._finder.open() as port:
                    self._note_back()
                    serve(port, stop)
            except (OSError, termios.error) as error:  # SerialException is an OSError
                self._note_lost(error)
            self.tend(now_s=time.monotonic())
            if time.monotonic() - began_s > _REOPEN_MOST_S:
                pause_s = _REOPEN_FIRST_S
            stop.wait(pause_s)
            pause_s = min(_REOPEN_MOST_S, pause_s * 2)

    def add(self, arrival: Arrival) -> None:
        """Hold an arrival for the spool."""
        self._held.add(arrival)

    def flush(self, *, now_s: float) -> bool:
        """Put what is held into the spool; True when nothing is left."""
        return self._held.flush(now_s=now_s)

    def tend(self, *, now_s: float) -> None:
        """Put what is held into the spool, and what is new about the line; to be called a few times a second."""
        self._held.flush(now_s=now_s)
        self._reporter.tell(self.watch, now_s=now_s)

    def is_to_reopen(self, *, now_s: float) -> bool:
        """Whether a line on which nothing comes should be opened afresh; looks every few seconds.

        It may have come back under another name while the old one was not seen to go, or its adapter hangs.
        """
        if now_s < self._look_at_s:
            return False
        self._look_at_s = now_s + _MOVED_EVERY_S
        hangs = self.watch.is_all_faulty() and now_s - self._opened_s >= _AFRESH_EVERY_S
        return hangs or self._finder.has_moved()

    def _judge(self, verdict: Verdict, now_s: float) -> None:
        say = self.watch.good if verdict.is_good else self.watch.bad
        say(verdict.device_id or self._options.gateway_id, now_s=now_s)

    def _note_lost(self, error: Exception) -> None:
        self.watch.lost(now_s=time.monotonic())
        if not self._is_lost:
            log.warning("serial_lost", extra={"source": self._options.name, "error": str(error)})
        self._is_lost = True

    def _note_back(self) -> None:
        self._opened_s = time.monotonic()
        self.watch.opened(now_s=self._opened_s)
        if self._is_lost:
            log.warning("serial_back", extra={"source": self._options.name})
        self._is_lost = False
