"""Instruments that speak only when they are asked: one line, one or several of them, each asked when it is due.

The dialogues are the models' own (`devices.polling`); this is the line under them. One that does not answer is tried
again every few seconds, after those that do: it delays the others by one try at most, and it is back within seconds
when it is well again. Times of measurements are the town's, deadlines on the line are monotonic.
"""

from __future__ import annotations

import logging
import termios
import time
from dataclasses import dataclass, field
from threading import Event

import serial

from devices.clock import Clock
from devices.model import SECOND_NS, Frame, PermanentError, SerialLine, TransientError
from devices.polling import Ask, Got, Polling, Rest, Session, Step
from gateway.decode import SerialArrival
from gateway.intake import Intake
from gateway.line_watch import Fault, WatchLimits
from gateway.sources.asking import Asker
from gateway.sources.kept_line import KeptLine, KeptOptions
from gateway.sources.ports import PortSettings
from gateway.sources.stamps import Stamps

log = logging.getLogger(__name__)

_AGAIN_S = (1.0, 2.0, 5.0)
_IDLE_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledDevice:
    """One instrument on the line; `address` is its bus address (empty = the model's default)."""

    device_id: str
    polling: Polling
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolledOptions:
    """One line of a gateway and who is on it. `port` is a path or a glob."""

    name: str
    gateway_id: str
    port: str
    line: SerialLine
    baud: int
    devices: tuple[PolledDevice, ...]
    limits: WatchLimits = field(default_factory=WatchLimits)


@dataclass(slots=True, kw_only=True)
class _Talker:
    """Where the dialogue with one instrument stands. `resume_s` is when it wants to go on, None = when it is due."""

    device: PolledDevice
    due_ns: int
    session: Session | None = None
    resume_s: float | None = None
    failures: int = 0
    has_heard: bool = False
    has_answer: bool = False

    @property
    def interval_ns(self) -> int:
        return int(self.device.polling.interval_s * SECOND_NS)


class PolledSource:
    """`run` serves the line until it is told to stop."""

    def __init__(self, options: PolledOptions, intake: Intake, *, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._stamps = Stamps()
        self._talkers: list[_Talker] = []
        kept = KeptOptions(
            name=options.name,
            gateway_id=options.gateway_id,
            settings=PortSettings(port=options.port, line=options.line, baud=options.baud),
            subjects=tuple(device.device_id for device in options.devices),
            limits=options.limits,
        )
        self._line = KeptLine(kept, intake, now_ns=clock.now_ns)

    def run(self, stop: Event) -> None:
        """Ask until `stop` is set; a line that is gone is opened again with growing pauses."""
        self._line.run(self._serve, stop)

    def _serve(self, port: serial.Serial, stop: Event) -> None:
        """Ask whoever is due. Raises OSError when the line is gone; returns when it should be opened afresh."""
        now_ns = self._clock.now_ns()
        # after a line was lost nobody waits for the next round: whether they are well is to be known at once
        self._talkers = [_Talker(device=device, due_ns=now_ns) for device in self._options.devices]
        asker = Asker(port, stop, tend=self._tend)
        while not stop.is_set():
            talker = self._whose_turn()
            if talker is None:
                asker.check()
                stop.wait(self._idle_s())
            else:
                self._talk(talker, asker, stop)
            self._tend()
            nobody_answers = all(talker.failures for talker in self._talkers)
            if nobody_answers and self._line.is_to_reopen(now_s=time.monotonic()):
                return

    def _whose_turn(self) -> _Talker | None:
        """Return who goes on in a dialogue, else who is due and well, else who is to be tried again."""
        now_s, now_ns = time.monotonic(), self._clock.now_ns()
        waiting = [t for t in self._talkers if t.resume_s is not None and t.resume_s <= now_s]
        under_way = [t for t in waiting if t.session is not None]
        due = [t for t in self._talkers if t.resume_s is None and _due_ns(t, now_ns) <= now_ns]
        for group in (under_way, due, waiting):
            if group:
                return min(group, key=lambda t: (t.resume_s or 0.0, t.due_ns))
        return None

    def _idle_s(self) -> float:
        now_s, now_ns = time.monotonic(), self._clock.now_ns()
        waits = [
            self._clock.real_seconds_until(_due_ns(t, now_ns)) if t.resume_s is None else t.resume_s - now_s
            for t in self._talkers
        ]
        return max(0.0, min([_IDLE_S, *waits]))

    def _talk(self, talker: _Talker, asker: Asker, stop: Event) -> None:
        """Go on with one dialogue until it rests, ends or fails."""
        try:
            self._steps(talker, asker, stop)
        except TransientError as error:
            self._failed(talker, error, "garbage" if talker.has_heard else "no_answer")
        except PermanentError as error:
            # nothing heard: not even the setting is one that this instrument can have
            is_garbage = talker.has_heard and not talker.has_answer
            self._failed(talker, error, "garbage" if is_garbage else "wrong_instrument")
        except (OSError, termios.error):
            raise
        except Exception as error:  # a driver's own mistake must not take the line from the others
            if not talker.failures:
                log.exception("driver_failed", extra={"device_id": talker.device.device_id})
            self._failed(talker, error, "garbage")

    def _steps(self, talker: _Talker, asker: Asker, stop: Event) -> None:
        step = self._next_step(talker, b"")
        while not stop.is_set():
            if step is None or isinstance(step, Rest):
                self._rest(talker, step)
                return
            reply = b""
            if isinstance(step, Ask):
                reply = asker.ask(step)
                if stop.is_set():
                    return
                talker.has_heard |= reply not in (b"", step.request)
                talker.has_answer |= bool(reply) and step.length(reply) > 0
            else:
                self._take(talker, step)
            step = self._next_step(talker, reply)

    def _next_step(self, talker: _Talker, reply: bytes) -> Step | None:
        if talker.session is None:
            talker.has_heard = talker.has_answer = False
            talker.session = talker.device.polling.session(talker.device.address)
            return next(talker.session, None)
        try:
            return talker.session.send(reply)
        except StopIteration:
            return None

    def _rest(self, talker: _Talker, step: Rest | None) -> None:
        if step is None:
            talker.session = None
        if step is not None and step.seconds is not None:
            talker.resume_s = time.monotonic() + step.seconds
            return
        talker.resume_s = None
        # rounds at whole multiples of the interval: what several instruments measure belongs to one time
        talker.due_ns = (self._clock.now_ns() // talker.interval_ns + 1) * talker.interval_ns

    def _take(self, talker: _Talker, got: Got) -> None:
        talker.failures = 0
        frame = Frame(
            gateway_id=self._options.gateway_id,
            transport="serial",
            address=self._options.port,
            payload=got.payload,
            received_ns=self._stamps.stamp(self._clock.now_ns()),
        )
        self._line.add(SerialArrival(frame=frame, device_id=talker.device.device_id))

    def _failed(self, talker: _Talker, error: Exception, fault: Fault) -> None:
        if talker.session is not None:
            talker.session.close()
        talker.session = None
        pause_s = _AGAIN_S[min(talker.failures, len(_AGAIN_S) - 1)]
        talker.failures += 1
        talker.resume_s = time.monotonic() + pause_s
        self._line.watch.failed(talker.device.device_id, fault)
        if talker.failures == 1:
            said = {"device_id": talker.device.device_id, "fault": fault, "error": str(error)}
            log.warning("poll_failed", extra=said)

    def _tend(self) -> None:
        self._line.tend(now_s=time.monotonic())


def _due_ns(talker: _Talker, now_ns: int) -> int:
    """Return when it is due. A clock that was set back does not stop the rounds: one interval at most is waited."""
    talker.due_ns = min(talker.due_ns, now_ns + talker.interval_ns)
    return talker.due_ns
