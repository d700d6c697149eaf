"""A stand-in of a Wi-SUN stick and the smart meter behind it, on a simulated line."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from devices.model import Decoded, PermanentError
from devices.wires.b_route import FAILED, JOINED, SCAN_OVER
from devices.wires.echonet import (
    ANSWER,
    CONTROLLER,
    METER,
    PARTIAL_ANSWER,
    STAND_IN_DIGITS,
    STAND_IN_STEP_J,
    Echonet,
    frame_bytes,
    meter_properties,
    read_frame,
)
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour

_OWN = "FE80:0000:0000:0000:1234:5678:1234:5678"
_METER = "FE80:0000:0000:0000:9876:5432:9876:5432"
_MAC = "1234567812345678"
_SEND = re.compile(rb"SKSENDTO 1 [0-9A-F:]{39} 0E1A 1 (?P<side>0 )?(?P<length>[0-9A-F]{4}) ")
_SOON_S, _RADIO_S = 0.02, 0.5
_MAX_KEPT_BYTES = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class StickHabits:
    """How this stick and meter behave: data in hexadecimal or raw, one stack or two, joins or not."""

    is_binary: bool = False
    has_side: bool = False
    joins: bool = True
    hears_meter: bool = True
    faults: Misbehaviour = WELL_BEHAVED


class BRouteStick:
    """Answers every command of the session; a meter that was not joined does not answer."""

    def __init__(self, habits: StickHabits | None = None) -> None:
        self._habits = habits or StickHabits()
        self._unread = b""
        self._is_joined = False

    def expire(self) -> bytes:
        """End the session, as a meter does after a day; return what the stick says of it."""
        self._is_joined = False
        return self._lines(f"EVENT 29 {_METER}")

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Take bytes from the line; answer each whole command."""
        self._unread += data
        answers: list[tuple[float, bytes]] = []
        while (taken := self._take()) is not None:
            echo, answer = taken[0] if self._habits.faults.has_echo else b"", self._answer(*taken, says)
            if echo:
                answers.append((0.0, echo + b"\r\n"))
            answers += [] if self._habits.faults.is_silent else answer
        self._unread = self._unread[-_MAX_KEPT_BYTES:]
        return answers

    def _take(self) -> tuple[bytes, bytes] | None:
        """Take the next command off the buffer: its text, and the data of a datagram."""
        match = _SEND.match(self._unread)
        if match is not None:
            end = match.end() + int(match["length"], 16)
            if len(self._unread) < end:
                return None
            command, data = match[0], self._unread[match.end() : end]
            self._unread = self._unread[end:]
            return command, data
        line, separator, rest = self._unread.partition(b"\n")
        if not separator:
            return None
        self._unread = rest
        return line.rstrip(b"\r"), b""

    def _answer(self, command: bytes, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        name, *words = command.decode("ascii", errors="replace").split()[:6] or [""]
        if name == "SKVER":
            return [(_SOON_S, self._lines("EVER 1.2.10", "OK"))]
        if name in ("SKSREG", "SKSETPWD", "SKSETRBID"):
            return [(_SOON_S, self._lines("OK"))]
        if name == "SKSCAN":
            return self._scan(has_side=len(words) == 4)
        if name == "SKLL64":
            return [(_SOON_S, self._lines(_METER))]
        if name == "SKJOIN":
            self._is_joined = self._habits.joins
            end = f"EVENT {JOINED if self._is_joined else FAILED:02X} {_METER}"
            return [(_SOON_S, self._lines("OK")), (_RADIO_S, self._lines(f"EVENT 21 {_METER} 02", end))]
        if name == "SKSENDTO" and data:
            return self._send(data, says)
        return [(_SOON_S, self._lines("FAIL ER04"))]

    def _scan(self, *, has_side: bool) -> list[tuple[float, bytes]]:
        if has_side != self._habits.has_side:
            return [(_SOON_S, self._lines("FAIL ER06"))]
        side = ("  Side:0",) if self._habits.has_side else ()
        fields = ("  Channel:39", "  Channel Page:09", "  Pan ID:9876", f"  Addr:{_MAC}", "  LQI:2D", *side)
        found = (f"EVENT 20 {_OWN}", "EPANDESC", *fields, "  PairID:12345678") if self._habits.hears_meter else ()
        return [(_SOON_S, self._lines("OK")), (_RADIO_S, self._lines(*found, f"EVENT {SCAN_OVER:02X} {_OWN}"))]

    def _send(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        sent = self._lines(f"EVENT 21 {_METER} {'00' if self._is_joined else '01'}", "OK")
        if not self._is_joined:
            return [(_SOON_S, sent)]
        try:
            reply = meter_answer(read_frame(data).tid, says)
        except PermanentError:  # no request, or a value that no meter can say
            return [(_SOON_S, sent)]
        return [(_SOON_S, sent), (_RADIO_S, self._datagram(reply))]

    def _datagram(self, data: bytes) -> bytes:
        side = " 0" if self._habits.has_side else ""
        head = f"ERXUDP {_METER} {_OWN} 0E1A 0E1A {_MAC} 1{side} {len(data):04X} ".encode("ascii")
        body = data if self._habits.is_binary else data.hex().upper().encode("ascii")
        return head + body + b"\r\n"

    @staticmethod
    def _lines(*lines: str) -> bytes:
        return "".join(f"{line}\r\n" for line in lines).encode("ascii")


def meter_answer(tid: int, says: Decoded) -> bytes:
    """Return the answer of a meter that measures `says`; its counters wrap as real ones do.

    Raises PermanentError for power or current beyond what a meter can say.
    """
    around_j = STAND_IN_STEP_J * 10**STAND_IN_DIGITS
    wrapped = {
        key: value % around_j if key.startswith("energy") and not math.isnan(value) else value
        for key, value in says.values.items()
    }
    return answer_frame(tid, meter_properties(wrapped))


def answer_frame(tid: int, properties: dict[int, bytes]) -> bytes:
    """Return the answer with these properties; one that lacks some says so."""
    service = ANSWER if all(properties.values()) else PARTIAL_ANSWER
    frame = Echonet(tid=tid, speaker=METER, to=CONTROLLER, service=service, properties=properties)
    return frame_bytes(frame)
