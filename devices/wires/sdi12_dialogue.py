"""SDI-12 master as a dialogue without a line: identification, M, C and R measurements, retries, adapters' habits.

Every request is tried three times. An M measurement keeps the bus until it is ready: any command meanwhile would abort
it. After C the bus is free for others. Source: SDI-12 specification v1.4, sections 4.4 and 7 (https://www.sdi-12.org).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from devices.model import PermanentError, TransientError
from devices.polling import Ask, Got, Rest, Session, Step
from devices.wires.sdi12 import (
    ADDRESSES,
    Command,
    Identification,
    identification_of,
    promise_of,
    transcript_bytes,
    values_of,
)

Accepted = TypeVar("Accepted")
Exchange = tuple[str, str]

_TRIES = 3
_DATA_COMMANDS = 10
_NEW_BREAK_S = 0.1
"""After 87 ms of silence an adapter begins with a new break, which ends whatever went wrong before."""

_READY_MARGIN_S = 0.5
_PROBE_ANSWER_S = 1.0
_ENDINGS = {"": b"", "cr": b"\r", "lf": b"\n", "crlf": b"\r\n"}
_LINE = re.compile(rb"([^\r\n]*)(\r\n|\n|\r(?=[^\n]))")
_LINE_CR = re.compile(rb"([^\r\n]*)(\r\n?|\n)")


class Sdi12Adapter(BaseModel):
    """`adapter` in the options of every SDI-12 model: habits of the box between the port and the bus.

    `command_prefix` stands in front of each command, `command_ending` behind it. `answer_ending` = "cr" for a box that
    ends answers with CR alone. `prompt` is a text the box puts in front of answers. `eighth_bit`: "none" = bytes of
    0x80 and more are garbage; "parity" = it is the bus's even parity, checked and removed; "ignore" = removed.
    `answer_s` is how long the box may take; an answer itself lasts up to 0.7 s. `sends_break`: the gateway itself must
    send the break (a bare level converter). An echo of the command needs no option: no answer looks like one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command_prefix: Annotated[str, Field(max_length=16, pattern=r"^[\x20-\x7e]*$")] = ""
    command_ending: Literal["", "cr", "lf", "crlf"] = ""
    answer_ending: Literal["lf", "cr"] = "lf"
    prompt: Annotated[str, Field(max_length=16, pattern=r"^[\x20-\x7e]*$")] = ""
    eighth_bit: Literal["none", "parity", "ignore"] = "none"
    answer_s: Annotated[float, Field(ge=0.05, le=30.0)] = 1.0
    sends_break: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """With whom, through which adapter, and how often a request is tried."""

    address: str
    adapter: Sdi12Adapter
    tries: int = _TRIES


def talk_with(address: str, adapter: Sdi12Adapter) -> Talk:
    """Return the talk with `address`, `0` (the factory's) when empty. Raises PermanentError for no SDI-12 address."""
    if len(address or "0") != 1 or (address or "0") not in ADDRESSES:
        raise PermanentError(f"bus_address {address!r} is no SDI-12 address; use one of 0-9, A-Z, a-z")
    return Talk(address=address or "0", adapter=adapter)


def measuring(talk: Talk, command: Command, fits: Callable[[Identification], None]) -> Session:
    """Begin the session with an instrument: identify it once, then measure by `command` between two rests.

    `fits` raises PermanentError when the instrument is not the model that the site says.
    """
    ident_line = yield from _identified(talk, fits)
    while True:
        exchanges = yield from _measured(talk, command)
        yield Got(payload=transcript_bytes(talk.address, [("I", ident_line), *exchanges]))
        yield Rest()


def probing(talk: Talk, fits: Callable[[Identification], None]) -> Session:
    """Ask once for the identification, nothing else; `Got` holds the answer line."""
    hurried = talk.adapter.model_copy(update={"answer_s": min(talk.adapter.answer_s, _PROBE_ANSWER_S)})
    once = Talk(address=talk.address, adapter=hurried, tries=1)
    line = yield from _identified(once, fits)
    yield Got(payload=line.encode("ascii"))


def _identified(talk: Talk, fits: Callable[[Identification], None]) -> Generator[Step, bytes, str]:
    def accept(line: str) -> Identification:
        return identification_of(line, address=talk.address)

    line, identification = yield from _asked(talk, "I", accept)
    fits(identification)
    return line


def _measured(talk: Talk, command: Command) -> Generator[Step, bytes, list[Exchange]]:
    for _ in range(_TRIES):
        exchanges = yield from _measured_once(talk, command)
        if exchanges:
            return exchanges
    raise TransientError(f"SDI-12 address {talk.address}: {command.text} was aborted {_TRIES} times")


def _measured_once(talk: Talk, command: Command) -> Generator[Step, bytes, list[Exchange]]:
    """Return the exchanges of one measurement, none when it was aborted."""
    if command.kind == "R":
        line, _ = yield from _asked(
            talk, command.text, lambda line: values_of(line, address=talk.address, has_crc=command.has_crc)
        )
        return [(command.text, line)]
    line, promise = yield from _asked(
        talk, command.text, lambda line: promise_of(line, address=talk.address, kind=command.kind)
    )
    if promise.count == 0:
        return [(command.text, line)]
    if promise.ready_s and command.kind == "C":
        yield Rest(seconds=promise.ready_s + _READY_MARGIN_S)
    elif promise.ready_s:
        yield _service_request(talk, wait_s=promise.ready_s + _READY_MARGIN_S)
    data = yield from _collected(talk, command, count=promise.count)
    return [(command.text, line), *data] if data else []


def _service_request(talk: Talk, *, wait_s: float) -> Ask:
    """Listen until the instrument says that it is ready. When it never does, its data are asked for all the same."""
    line = re.compile(rb"(?:\A|[\r\n])" + re.escape(talk.address.encode()) + rb"(?:\r\n|\n|\r(?=[^\n]))")

    def length(buffer: bytes) -> int:
        match = line.search(_seven_bits(buffer))
        return match.end() if match else 0

    return Ask(request=b"", wait_s=wait_s, length=length, keeps_unread=True)


def _collected(talk: Talk, command: Command, *, count: int) -> Generator[Step, bytes, list[Exchange]]:
    """Ask for D0, D1 … until `count` values are there; return nothing when the first brings none (aborted).

    D0 has a second chance: a service request that comes late looks like an empty answer to it.
    """
    exchanges: list[Exchange] = []
    got = 0

    def accept(line: str) -> tuple[float, ...]:
        return values_of(line, address=talk.address, has_crc=command.has_crc)

    for index in range(_DATA_COMMANDS):
        line, values = yield from _asked(talk, f"D{index}", accept)
        if not values and index == 0:
            line, values = yield from _asked(talk, f"D{index}", accept)
        if not values:
            break
        exchanges.append((f"D{index}", line))
        got += len(values)
        if got >= count:
            break
    if exchanges and got != count:
        raise TransientError(f"SDI-12 address {talk.address}: {command.text} promised {count} values, {got} came")
    return exchanges


def _asked(talk: Talk, command: str, accept: Callable[[str], Accepted]) -> Generator[Step, bytes, tuple[str, Accepted]]:
    """Send `command` until an answer is acceptable; return its line and what `accept` made of it."""
    sent = f"{talk.address}{command}!"
    request = (talk.adapter.command_prefix + sent).encode("ascii") + _ENDINGS[talk.adapter.command_ending]
    reason = ""
    for _ in range(talk.tries):
        heard = yield Ask(
            request=request,
            wait_s=talk.adapter.answer_s,
            length=lambda buffer: _answer_bytes(talk.adapter, buffer, sent=sent),
            quiet_s=_NEW_BREAK_S,
            has_break=talk.adapter.sends_break,
        )
        try:
            line = answer_line(talk.adapter, heard, sent=sent)
            return line, accept(line)
        except PermanentError as error:
            reason = str(error)
    raise TransientError(f"SDI-12 {sent} after {talk.tries} tries: {reason}")


def answer_line(adapter: Sdi12Adapter, heard: bytes, *, sent: str) -> str:
    """Return the answer within what was heard after `sent`: without echo, prompt, eighth bit and line ends.

    Raises PermanentError for silence, for an answer without an end, and for bytes the bus cannot carry.
    """
    if not heard:
        raise PermanentError("no answer")
    for content, _ in _lines(adapter, _without_eighth_bit(heard, adapter.eighth_bit) + b"\0"):
        if line := _without_echo(adapter, content.decode("ascii"), sent=sent):
            return line
    raise PermanentError(f"{len(heard)} bytes without a whole line of answer")


def _answer_bytes(adapter: Sdi12Adapter, buffer: bytes, *, sent: str) -> int:
    for content, end in _lines(adapter, _seven_bits(buffer)):
        if _without_echo(adapter, content.decode("ascii"), sent=sent):
            return end
    return 0


def _lines(adapter: Sdi12Adapter, buffer: bytes) -> list[tuple[bytes, int]]:
    """Cut `buffer` into whole lines, each with where it ends. A CR at the very end may still get its LF."""
    pattern = _LINE_CR if adapter.answer_ending == "cr" else _LINE
    return [(match[1], match.end()) for match in pattern.finditer(buffer)]


def _without_echo(adapter: Sdi12Adapter, line: str, *, sent: str) -> str:
    """Remove what is not the answer: NULs of a break, the prompt, the echoed command; in any order they come."""
    shorter = line.lstrip("\0")
    for text in (adapter.prompt, adapter.command_prefix + sent, adapter.prompt):
        shorter = shorter.removeprefix(text)
    return shorter


def _seven_bits(data: bytes) -> bytes:
    return bytes(byte & 0x7F for byte in data)


def _without_eighth_bit(data: bytes, habit: str) -> bytes:
    if habit == "none" and not data.isascii():
        raise PermanentError(f"bytes of 0x80 and more in {len(data)} bytes; see the adapter's option eighth_bit")
    if habit == "parity" and any(byte.bit_count() % 2 for byte in data):
        raise PermanentError(f"wrong parity in {len(data)} bytes")
    return _seven_bits(data)
