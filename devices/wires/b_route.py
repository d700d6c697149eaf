"""The B-route session: find the meter with a Wi-SUN stick, join its network, ask it every now and then.

Source: https://www.rohm.co.jp (BP35A1 command reference, chapter 10), and the guideline for the B-route: at least 20 s
between requests, one at a time.

    step                                        until
    SKVER · SKSREG SFE 0                        OK (version; echo off)
    SKSETPWD C password · SKSETRBID id          OK
    SKSCAN 2 FFFFFFFF 4 … 7 [0]                 EVENT 22, with a description of the meter's network
    SKSREG S2 channel · SKSREG S3 network       OK
    SKLL64 address                              its IPv6 address
    SKJOIN address                              EVENT 25
    SKSENDTO 1 address 0E1A 1 [0] length data   ERXUDP with the same TID

Identification and password appear in no error text: those name the command without its arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from devices.model import PermanentError, TransientError
from devices.polling import Ask, Got, Rest, Session, Step
from devices.wires.echonet import get_request, meter_values, read_frame
from devices.wires.skstack import Heard, heard_in, network_of, send_command

FAILED, JOINED, EXPIRED, NO_AIRTIME, AIRTIME = 0x24, 0x25, 0x29, 0x32, 0x33
SCAN_OVER = 0x22

_COMMAND_S = 3.0
_SCAN_S = 90.0
_JOIN_S = 60.0
_ANSWER_S = 20.0
BETWEEN_REQUESTS_S = 20.0
_AFTER_FAILURE_S = 60.0
_AIRTIME_S = 300.0
_AIRTIME_RESTS = 15
_TRIES = 4
_SCAN_DURATIONS = (4, 5, 6, 7)
_ADDRESS = re.compile(r"[0-9A-F]{4}(?::[0-9A-F]{4}){7}")
_LAST_TID = 0xFFFF
_LINE_ENDS = (0x0A, 0x0D)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """The identification (32 hexadecimal digits) and password (12 characters) that the power company sent."""

    rbid: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Meter:
    address: str
    side: str


def metering(credentials: Credentials) -> Session:
    """Begin the session with the meter; each measurement is the ECHONET Lite frame of its answer.

    A session that fails rests for a minute before it says so: scans and joins cost the meter's network airtime.
    """
    _version((yield from _done("SKVER")))
    try:
        yield from _metering(credentials)
    except TransientError:
        yield Rest(seconds=_AFTER_FAILURE_S)
        raise


def _metering(credentials: Credentials) -> Session:
    meter = yield from _joined(credentials)
    tid = 0
    while True:
        data, tid = yield from _measured(meter, tid)
        yield Got(payload=data)
        yield Rest(seconds=BETWEEN_REQUESTS_S)
        yield Rest()


def probing() -> Session:
    """Ask the stick for its version, nothing else; `Got` holds the line."""
    heard = yield from _done("SKVER")
    yield Got(payload=_version(heard).encode("ascii"))


def _version(heard: list[Heard]) -> str:
    for item in heard:
        if item.text.startswith("EVER ") and item.text.isascii():
            return item.text
    raise PermanentError("what answers SKVER is no SKSTACK-IP stick: no EVER line came")


def _joined(credentials: Credentials) -> Generator[Step, bytes, _Meter]:
    yield from _done("SKSREG SFE 0")
    yield from _done(f"SKSETPWD C {credentials.password}")
    yield from _done(f"SKSETRBID {credentials.rbid}")
    network, side = yield from _scanned()
    yield from _done(f"SKSREG S2 {network['Channel']}")
    yield from _done(f"SKSREG S3 {network['Pan ID']}")
    address = yield from _address(network["Addr"])
    meter = _Meter(address=address, side=side)
    yield from _join(meter)
    return meter


def _done(command: str) -> Generator[Step, bytes, list[Heard]]:
    """Send `command` until the stick says OK. Errors name the command without its arguments."""
    name = command.split(" ", 1)[0]
    for _ in range(_TRIES - 1):
        heard = yield from _said(command, wait_s=_COMMAND_S, is_last=lambda item: item.text == "OK" or item.is_fail)
        if any(item.text == "OK" for item in heard):
            return heard
        failed = next((item.text for item in heard if item.is_fail), "")
        if failed:
            raise PermanentError(f"the stick refuses {name}: {failed[:10]}")
    raise TransientError(f"the stick does not answer {name}")


def _said(command: str, *, wait_s: float, is_last: Callable[[Heard], bool]) -> Generator[Step, bytes, list[Heard]]:
    heard = yield Ask(request=f"{command}\r\n".encode("ascii"), wait_s=wait_s, length=_until(is_last))
    return heard_in(heard)


def _until(is_last: Callable[[Heard], bool]) -> Callable[[bytes], int]:
    return lambda buffer: next((item.end for item in heard_in(buffer) if is_last(item)), 0)


def _scanned() -> Generator[Step, bytes, tuple[dict[str, str], str]]:
    """Scan longer and longer; a stick that refuses the command has two stacks and wants the side with it."""
    side = ""
    for duration in _SCAN_DURATIONS:
        heard = yield from _scan(duration, side)
        if any(item.is_fail for item in heard) and not side:
            side = "0"
            heard = yield from _scan(duration, side)
        if any(item.is_fail for item in heard):
            raise PermanentError("the stick refuses SKSCAN")
        network = network_of(heard)
        if network:
            return network, "0" if "Side" in network else side
    raise TransientError("no meter was heard; is it within reach, and the B-route agreed on with the power company?")


def _scan(duration: int, side: str) -> Generator[Step, bytes, list[Heard]]:
    command = f"SKSCAN 2 FFFFFFFF {duration} {side}".rstrip()
    return (yield from _said(command, wait_s=_SCAN_S, is_last=lambda item: item.event == SCAN_OVER or item.is_fail))


def _address(mac: str) -> Generator[Step, bytes, str]:
    def is_last(item: Heard) -> bool:
        return _ADDRESS.fullmatch(item.text) is not None or item.is_fail

    heard = yield from _said(f"SKLL64 {mac}", wait_s=_COMMAND_S, is_last=is_last)
    for item in heard:
        if _ADDRESS.fullmatch(item.text):
            return item.text
    raise TransientError("the stick does not answer SKLL64 with an address")


def _join(meter: _Meter) -> Generator[Step, bytes, None]:
    def is_last(item: Heard) -> bool:
        return item.event in (FAILED, JOINED) or item.is_fail

    heard = yield from _said(f"SKJOIN {meter.address}", wait_s=_JOIN_S, is_last=is_last)
    if any(item.event == JOINED for item in heard):
        return
    if any(item.event == FAILED for item in heard):
        raise TransientError("the meter does not let us in: identification or password wrong, or the radio too weak")
    raise TransientError("joining the meter's network did not end in time")


def _measured(meter: _Meter, tid: int) -> Generator[Step, bytes, tuple[bytes, int]]:
    """Ask until an answer is there; rejoin when the session has expired, wait while there is no airtime left."""
    tries = rests = 0
    while tries < _TRIES:
        if tries or rests:
            yield Rest(seconds=_AIRTIME_S if rests and not tries else BETWEEN_REQUESTS_S)
        tid = next_tid(tid)
        heard = yield from _sent(meter, tid)
        answer = next((item.data for item in heard if _is_answer(item, tid=tid)), b"")
        if answer:
            return answer, tid
        if _last_of(heard, (NO_AIRTIME, AIRTIME)) == NO_AIRTIME and rests < _AIRTIME_RESTS:
            rests, tries = rests + 1, 0
            continue
        if _last_of(heard, (FAILED, JOINED, EXPIRED)) in (FAILED, EXPIRED):
            yield from _join(meter)
        tries += 1
    raise TransientError(f"the meter does not answer, or refuses; asked {_TRIES} times")


def _sent(meter: _Meter, tid: int) -> Generator[Step, bytes, list[Heard]]:
    request = send_command(address=meter.address, side=meter.side, data=get_request(tid))

    def is_last(item: Heard) -> bool:
        return _is_answer(item, tid=tid) or item.is_fail or item.event == EXPIRED

    # what came since the last answer is read too: the end of a session and of the airtime are told only once
    heard = yield Ask(request=request, wait_s=_ANSWER_S, length=_until(is_last), keeps_unread=True)
    return heard_in(heard)


def _is_answer(item: Heard, *, tid: int) -> bool:
    try:
        frame = read_frame(item.data) if item.data else None
        if frame is None or frame.tid != tid:
            return False
        meter_values(frame)
    except PermanentError:
        return False
    return True


def _last_of(heard: list[Heard], events: tuple[int, ...]) -> int:
    return next((item.event for item in reversed(heard) if item.event in events), 0)


def next_tid(tid: int) -> int:
    """Return the next request's number, without the bytes of CR and LF: an echo of the request stays one line."""
    following = tid % _LAST_TID + 1
    while following >> 8 in _LINE_ENDS or following & 0xFF in _LINE_ENDS:
        following = following % _LAST_TID + 1
    return following
