"""A serial instrument: opened, read, cut into frames, taken into the spool; opened again when it was unplugged.

Nothing upstream can be asked to repeat, so reading never waits for the disk: while the spool refuses, frames queue
up to a bound, then the oldest go and are counted.
"""

from __future__ import annotations

import logging
import termios
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from threading import Event

import serial

from devices.model import Frame, PermanentError, SerialLine, TransientError
from gateway.decode import SerialArrival
from gateway.intake import Intake, Prepared
from gateway.sources.framing import Cut, Framer
from gateway.sources.stamps import Stamps

log = logging.getLogger(__name__)

_READ_WAIT_S = 0.1
_READ_MOST_BYTES = 4_096
_BATCH = 500
_REOPEN_FIRST_S = 0.2
_REOPEN_MOST_S = 5.0
_RETRY_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialOptions:
    """One line of a gateway. `port` is a path or a glob; `queue_most` bounds the frames held while the disk refuses."""

    name: str
    gateway_id: str
    port: str
    device_id: str
    line: SerialLine
    baud: int
    queue_most: int = 2_000


class SerialSource:
    """`run` serves the line until it is told to stop. Times: `now_ns` is the town's, deadlines are monotonic."""

    def __init__(self, options: SerialOptions, intake: Intake, *, now_ns: Callable[[], int]) -> None:
        self._options = options
        self._intake = intake
        self._now_ns = now_ns
        self._stamps = Stamps()
        self._queue: deque[SerialArrival] = deque()
        self._prepared: Prepared | None = None
        self._retry_at_s = 0.0
        self._is_lost = False

    def run(self, stop: Event) -> None:
        """Read until `stop` is set; a line that is gone is opened again with growing pauses."""
        pause_s = _REOPEN_FIRST_S
        while not stop.is_set():
            began_s = time.monotonic()
            try:
                with self._open() as port:
                    self._listen(port, stop)
            except (OSError, termios.error) as error:  # SerialException is an OSError
                self._note_lost(error)
            self.flush(now_s=time.monotonic())
            if time.monotonic() - began_s > _REOPEN_MOST_S:
                pause_s = _REOPEN_FIRST_S
            stop.wait(pause_s)
            pause_s = min(_REOPEN_MOST_S, pause_s * 2)

    def take(self, cuts: list[Cut]) -> None:
        """Stamp and queue frames; beyond the bound the oldest are dropped and counted."""
        for cut in cuts:
            frame = Frame(
                gateway_id=self._options.gateway_id,
                transport="serial",
                address=self._options.port,
                payload=cut.payload,
                received_ns=self._stamps.stamp(self._now_ns()),
            )
            self._queue.append(
                SerialArrival(frame=frame, device_id=self._options.device_id, fault=cut.fault, is_first=cut.is_first)
            )
        surplus = len(self._queue) - self._options.queue_most
        for _ in range(surplus):
            self._queue.popleft()
        if surplus > 0:
            self._intake.count("serial_frames_dropped", surplus)

    def flush(self, *, now_s: float) -> bool:
        """Put what is queued into the spool; True when nothing is left. While the disk refuses, try twice a second."""
        if now_s < self._retry_at_s:
            return False
        while self._prepared is not None or self._queue:
            if self._prepared is None:
                batch = [self._queue.popleft() for _ in range(min(_BATCH, len(self._queue)))]
                self._prepared = self._intake.prepare(self._options.name, batch, now_s=now_s)
            try:
                self._intake.commit(self._prepared)
            except TransientError:  # logged by the spool at its start and at its end
                self._retry_at_s = now_s + _RETRY_S
                return False
            self._prepared = None
        return True

    def _listen(self, port: serial.Serial, stop: Event) -> None:
        # bytes from before belong to frames whose front is gone: pyserial's open has flushed them
        framer = Framer(self._options.line, baud=self._options.baud)
        self._note_back()
        while not stop.is_set():
            data = port.read(1)
            if data:
                data += port.read(min(_READ_MOST_BYTES, port.in_waiting))
            now_s = time.monotonic()
            self.take(framer.feed(data, now_s=now_s))
            if cut_bytes := framer.take_cut_bytes():
                self._intake.count("serial_bytes_cut", cut_bytes)
            self.flush(now_s=now_s)

    def _open(self) -> serial.Serial:
        line = self._options.line
        return serial.Serial(
            port=find_port(self._options.port),
            baudrate=self._options.baud,
            bytesize=line.bytesize,
            parity=line.parity,
            stopbits=line.stopbits,
            timeout=_READ_WAIT_S,
            exclusive=True,
        )

    def _note_lost(self, error: Exception) -> None:
        if not self._is_lost:
            log.warning("serial_lost", extra={"source": self._options.name, "error": str(error)})
        self._is_lost = True

    def _note_back(self) -> None:
        if self._is_lost:
            log.warning("serial_back", extra={"source": self._options.name})
        self._is_lost = False


def find_port(port: str) -> str:
    """Return the first path that `port` (a path or a glob) matches.

    Raises OSError naming the glob when nothing matches; PermanentError when it is empty.
    """
    if not port:
        raise PermanentError("a serial source needs a port")
    if not any(letter in port for letter in "*?["):
        return port
    path = Path(port)
    matches = sorted(islice(Path(path.anchor).glob(str(path.relative_to(path.anchor))), 100))
    if not matches:
        raise FileNotFoundError(f"no port matches {port!r}")
    return str(matches[0])
