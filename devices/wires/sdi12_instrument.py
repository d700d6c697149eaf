"""A stand-in for any SDI-12 instrument on a simulated line. Source: SDI-12 specification v1.4 (https://www.sdi-12.org).

It answers `a!`, `?!`, `aI!`, `aAb!`, the measurements M, MC, C, CC, R and RC that its model has, and D0 to D9. An M
measurement ends in a service request; D before any measurement, or after an abort, brings the address alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from devices.model import Decoded, PermanentError
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour, on_the_line
from devices.wires.sdi12 import Command, command_of, crc_text

_REQUEST = re.compile(r"([0-9A-Za-z?])([A-Z][0-9A-Za-z]{0,3})?!")
_ANSWER_S = 0.02
_MAX_KEPT = 64
_M_CHARS, _C_CHARS = 35, 75


@dataclass(frozen=True, slots=True, kw_only=True)
class Sdi12StandIn:
    """What an instrument is: `identification` without address; `measure` gives the value texts of a command.

    `measure` raises PermanentError for a command the model does not have: the stand-in then promises zero values.
    `serves`: sends the service request of M. `aborts`: loses every measurement before it is fetched.
    """

    identification: str
    measure: Callable[[Command, Decoded], list[str]]
    ready_s: int = 0
    serves: bool = True
    aborts: bool = False
    faults: Misbehaviour = WELL_BEHAVED


def data_lines(command: Command, texts: list[str], *, address: str) -> list[str]:
    """Return the data lines that carry `texts`, each as long as the specification lets it be, with CRC when asked."""
    room = _C_CHARS if command.kind == "C" else _M_CHARS
    lines = [address]
    for text in texts:
        if command.kind != "R" and len(lines[-1]) - 1 + len(text) > room:
            lines.append(address)
        lines[-1] += text
    return [line + crc_text(line) for line in lines] if command.has_crc else lines


class Sdi12Instrument:
    """Keeps its address (changeable by `aAb!`) and the values of the last measurement."""

    def __init__(self, address: str, stand_in: Sdi12StandIn) -> None:
        self.address = address
        self._stand_in = stand_in
        self._unread = ""
        self._lines: list[str] = []

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Take bytes from the line; answer each whole command for this address."""
        self._unread += bytes(byte & 0x7F for byte in data).decode("ascii")
        answers: list[tuple[float, bytes]] = []
        end = 0
        for match in _REQUEST.finditer(self._unread):
            end = match.end()
            if match[1] in (self.address, "?"):
                answers += self._answers(match, says)
        self._unread = self._unread[end:][-_MAX_KEPT:]
        return answers

    def _answers(self, match: re.Match[str], says: Decoded) -> list[tuple[float, bytes]]:
        command = match[2] or ""
        request = match[0].encode("ascii")
        faults = self._stand_in.faults
        body, served_s = self._body(command, says)
        line = (faults.answers_as or self.address) + body
        answers = [(_ANSWER_S, on_the_line(f"{line}\r\n".encode("ascii"), request=request, faults=faults))]
        if served_s and not faults.is_silent:
            answers.append((served_s, f"{self.address}\r\n".encode("ascii")))
        return answers

    def _body(self, command: str, says: Decoded) -> tuple[str, float]:
        """Return the answer behind the address, and after how long a service request follows (0 = none)."""
        if command == "I":
            return self._stand_in.identification, 0.0
        if command.startswith("A") and len(command) == 2:
            self.address = command[1]
            return "", 0.0
        if re.fullmatch("D[0-9]", command):
            index = int(command[1])
            return (self._lines[index][1:] if index < len(self._lines) else ""), 0.0
        if not command:
            return "", 0.0
        return self._measured(command, says)

    def _measured(self, text: str, says: Decoded) -> tuple[str, float]:
        try:
            command = command_of(text)
            texts = self._stand_in.measure(command, says)
        except PermanentError:
            return "00000" if text.startswith("C") else "0000", 0.0
        lines = data_lines(command, texts, address=self.address)
        if self._stand_in.faults.has_wrong_checksum and command.has_crc:
            lines = [line[:-1] + chr(ord(line[-1]) ^ 1) for line in lines]
        if command.kind == "R":
            return lines[0][1:], 0.0
        self._lines = [] if self._stand_in.aborts else lines
        ready_s = self._stand_in.ready_s
        is_served = ready_s > 0 and command.kind == "M" and self._stand_in.serves
        return f"{ready_s:03d}{len(texts):0{2 if command.kind == 'C' else 1}d}", ready_s - 0.1 if is_served else 0.0
