"""Asking a Modbus RTU unit for the registers of a map, and a stand-in of such a unit.

The payload of a measurement is each request followed by its answer, as both stood on the line.
"""

from __future__ import annotations

from collections.abc import Generator

from devices.model import Decoded, PermanentError, TransientError
from devices.polling import Ask, Got, Rest, Session, Step
from devices.wires.misbehaviour import WELL_BEHAVED, Misbehaviour, on_the_line
from devices.wires.modbus import (
    FUNCTIONS,
    REQUEST_BYTES,
    Read,
    Refusal,
    answer_in,
    has_good_crc,
    read_of,
    refusal_answer,
    registers_answer,
    registers_of,
    request_bytes,
    why_none,
)
from devices.wires.modbus_map import Image, RegisterMap, encode_image

_TRIES = 3
_QUIET_S = 0.02
"""Longer than 3.5 characters at every rate from 2400 baud."""

_PROBE_S = 0.5
_STAND_IN_ANSWER_S = 0.02
_MAX_KEPT_BYTES = 300
_ILLEGAL_FUNCTION, _ILLEGAL_ADDRESS = 1, 2


def measuring(register_map: RegisterMap, unit: int) -> Session:
    """Begin the session: read the whole map between two rests."""
    while True:
        payload = b""
        for read in register_map.reads(unit):
            payload += yield from _asked(read, answer_s=register_map.answer_s)
        yield Got(payload=payload)
        yield Rest()


def _asked(read: Read, *, answer_s: float) -> Generator[Step, bytes, bytes]:
    reason = ""
    for _ in range(_TRIES):
        heard = yield _ask(read, answer_s)
        frame, _end = answer_in(read, heard)
        if not frame:
            reason = why_none(read, heard)
            continue
        answer = registers_of(read, frame)
        if not isinstance(answer, Refusal):
            return request_bytes(read) + frame
        reason = f"exception {answer.code} ({answer.text})"
        if answer.is_lasting:
            raise PermanentError(f"{_what(read)}: {reason}")
    raise TransientError(f"{_what(read)} after {_TRIES} tries: {reason}")


def _ask(read: Read, answer_s: float) -> Ask:
    return Ask(
        request=request_bytes(read),
        wait_s=answer_s,
        length=lambda buffer: answer_in(read, buffer)[1],
        quiet_s=_QUIET_S,
    )


def _what(read: Read) -> str:
    return (
        f"Modbus unit {read.unit} function {read.function} registers {read.address} to {read.address + read.count - 1}"
    )


def probing(unit: int) -> Session:
    """Ask once for one input register; any answer, also a refusal, tells that a Modbus unit is there."""
    read = Read(unit=unit, function=4, address=0, count=1)
    heard = yield _ask(read, _PROBE_S)
    frame, _end = answer_in(read, heard)
    if not frame:
        raise TransientError(f"{_what(read)}: {why_none(read, heard)}")
    yield Got(payload=request_bytes(read) + frame)


def read_measurement(payload: bytes) -> Image:
    """Return the registers of a payload. Raises PermanentError for anything but requests with their good answers."""
    image: Image = {}
    start = 0
    while start < len(payload):
        read = read_of(payload[start : start + REQUEST_BYTES])
        start += REQUEST_BYTES
        size = 5 + 2 * read.count
        answer = registers_of(read, payload[start : start + size])
        if isinstance(answer, Refusal):
            raise PermanentError(f"{_what(read)}: exception {answer.code} ({answer.text})")
        start += size
        image |= {(read.function, read.address + index): word for index, word in enumerate(answer)}
    return image


def measurement_bytes(register_map: RegisterMap, unit: int, image: Image) -> bytes:
    """Return the payload of a measurement of a unit that holds `image`: the inverse of `read_measurement`."""
    return b"".join(request_bytes(read) + _answer(read, image) for read in register_map.reads(unit))


def _answer(read: Read, image: Image) -> bytes:
    try:
        words = [image[read.function, read.address + index] for index in range(read.count)]
    except KeyError:
        return refusal_answer(unit=read.unit, function=read.function, code=_ILLEGAL_ADDRESS)
    return registers_answer(read, words)


class ModbusInstrument:
    """A stand-in of a Modbus unit on a simulated line: it has the registers of its map and refuses all others."""

    def __init__(self, register_map: RegisterMap, unit: int, faults: Misbehaviour = WELL_BEHAVED) -> None:
        self._map = register_map
        self._unit = unit
        self._faults = faults
        self._unread = b""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        """Take bytes from the line; answer each whole request to this unit."""
        self._unread = (self._unread + data)[-_MAX_KEPT_BYTES:]
        answers: list[tuple[float, bytes]] = []
        start = 0
        while start + REQUEST_BYTES <= len(self._unread):
            request = self._unread[start : start + REQUEST_BYTES]
            if not has_good_crc(request):
                start += 1
                continue
            start += REQUEST_BYTES
            if request[0] == self._unit:
                answers.append((_STAND_IN_ANSWER_S, self._answer(request, says)))
        self._unread = self._unread[start:]
        return answers

    def _answer(self, request: bytes, says: Decoded) -> bytes:
        unit = int(self._faults.answers_as or self._unit)
        if request[1] not in FUNCTIONS:
            answer = refusal_answer(unit=unit, function=request[1] & 0x7F, code=_ILLEGAL_FUNCTION)
        else:
            read = read_of(request)
            answer = _answer(
                Read(unit=unit, function=read.function, address=read.address, count=read.count), self._image(says)
            )
        if self._faults.has_wrong_checksum:
            answer = answer[:-1] + bytes((answer[-1] ^ 1,))
        return on_the_line(answer, request=request, faults=self._faults)

    def _image(self, says: Decoded) -> Image:
        try:
            return encode_image(self._map, says)
        except PermanentError:  # it is told to measure what its registers cannot hold
            return {}
