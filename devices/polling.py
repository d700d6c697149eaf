"""Instruments that speak only when they are asked: the dialogue, without a line, a clock or a thread.

A driver is a generator. It yields what it wants of the line and gets back what came; the gateway (or `identify`, or a
test with plain bytes) does the waiting. Its counterpart for the simulator is an `Instrument`, which hears bytes and
answers. Neither knows about ports, so both are tested as pure functions and against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol

from devices.model import Decoded


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Send `request` and wait up to `wait_s` for the answer; an empty request only listens.

    `length(buffer)` is how many bytes at the front of what has come so far belong to the answer, 0 while it is not
    complete. The generator is resumed with exactly these bytes; with all that came when `wait_s` is over (b"" = not
    a byte). What came before the request was sent is thrown away, unless `keeps_unread`. `quiet_s` is the silence the
    line needs before the request; `has_break` sends a break condition first (SDI-12 without an adapter).
    """

    request: bytes
    wait_s: float
    length: Callable[[bytes], int]
    quiet_s: float = 0.0
    has_break: bool = False
    keeps_unread: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Got:
    """One whole measurement: `payload` is what the model's `decode` reads (raw answers, so that it can be replayed)."""

    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """Nothing to do for `seconds` on this instrument's behalf; others on the same line may be asked meanwhile.

    `None` = until the next measurement is due.
    """

    seconds: float | None = None


Step = Ask | Got | Rest
Session = Generator[Step, bytes, None]
"""Yields `Ask` (is sent the answer), `Got` and `Rest` (are sent b"").

Ends by raising: TransientError = the instrument does not answer or the session is lost; PermanentError = what it says
is not what it should be (another model, a wrong setting). The gateway reports the fault for the device, closes the
generator and begins a new session after a pause. A session without end measures once between two `Rest()`.
"""


class Instrument(Protocol):
    """The stand-in of an instrument on a simulated line; keeps what a real one would (addresses, settings)."""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Take bytes from the line; return what it answers as (seconds after hearing, bytes), in order.

        `says` is what it measures now. Bytes that do not complete a request are kept for the next call.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Polling:
    """How a model is asked.

    `interval_s` between two measurements unless the site says otherwise (`device.poll_interval_s`). `session(address)`
    begins a dialogue with the instrument at that bus address (empty = the model's default); `instrument(address)`
    makes its stand-in. `probe(address)` is a dialogue of at most a few requests that harm no instrument and end in
    `Got` with the identification, or in an error when there is none: for `satomori devices identify`. `addresses` are
    the bus addresses worth a probe.
    """

    interval_s: float
    session: Callable[[str], Session]
    instrument: Callable[[str], Instrument]
    probe: Callable[[str], Session]
    addresses: tuple[str, ...] = ("",)


def run_offline(session: Session, answer: Callable[[bytes], bytes], *, measurements: int) -> list[bytes]:
    """Drive `session` against `answer` without a line or waiting; return the payloads of that many measurements.

    What `answer` gives for a request is cut by the step's `length` as a line would be. Errors of the session pass.
    """
    payloads: list[bytes] = []
    reply = b""
    step = next(session)
    while True:
        if isinstance(step, Ask):
            heard = answer(step.request)
            reply = heard[: step.length(heard)] or heard
        else:
            reply = b""
            if isinstance(step, Got):
                payloads.append(step.payload)
                if len(payloads) == measurements:
                    session.close()
                    return payloads
        step = session.send(reply)
