"""Modbus RTU: requests, answers and their checksums, cut by their expected length. Framing, CRC and PDUs by pymodbus.

Source: https://www.modbus.org/specs.php (application protocol V1.1b3, serial line V1.02).

    byte     request 03/04         answer                     exception
    0        unit 1..247           unit                       unit
    1        function 3 or 4       function                   function | 0x80
    2        address, high byte    number of bytes, 2 × n     code
    3        address, low byte     n registers, high byte     CRC, low byte
    4 …      number of registers   first …                    CRC, high byte
    then     CRC, low byte first   CRC

On a computer nobody can trust the silence between frames, so an answer is known by unit, function, length and CRC
wherever it stands in what was heard: behind the own echo, behind a late answer to somebody else, before a second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devices.model import PermanentError

if TYPE_CHECKING:
    from pymodbus.pdu import ModbusPDU

MAX_REGISTERS = 125
REQUEST_BYTES = 8
FUNCTIONS = (3, 4)

_AROUND_BYTES = 5
_EXCEPTION_BYTES = 5
_UNITS = range(1, 248)
_EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "device failure",
    5: "acknowledge",
    6: "busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target failed to respond",
}
_LASTING = (1, 2, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """Read `count` registers of `unit` from `address` (0-based, as on the line) by `function` 3 or 4."""

    unit: int
    function: int
    address: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An exception answer. `is_lasting`: asking again cannot help (no such function, address or value)."""

    code: int
    text: str
    is_lasting: bool


def crc_bytes(data: bytes) -> bytes:
    """Return the two CRC bytes in their order on the line: `01 04 02 FF FF` gives `B8 80`."""
    from pymodbus.framer.rtu import FramerRTU

    return FramerRTU.compute_CRC(data).to_bytes(2, "big")


def has_good_crc(frame: bytes) -> bool:
    """Return whether the last two bytes are the CRC of the others."""
    return len(frame) > 2 and crc_bytes(frame[:-2]) == frame[-2:]


def unit_of(text: str) -> int:
    """Return the unit id of a `bus_address`; 1 when empty. Raises PermanentError outside 1 to 247."""
    number = int(text) if text.isascii() and text.isdecimal() else (0 if text else 1)
    if number not in _UNITS:
        raise PermanentError(f"bus_address {text!r} is no Modbus unit; use 1 to 247 (0 is for all and has no answer)")
    return number


def request_bytes(read: Read) -> bytes:
    """Return the frame that asks for `read`. Raises PermanentError for what no request can ask."""
    from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, ReadInputRegistersRequest

    is_possible = read.function in FUNCTIONS and 1 <= read.count <= MAX_REGISTERS and read.address >= 0
    if not is_possible or read.address + read.count > 0x1_0000:
        raise PermanentError(f"function {read.function} cannot read {read.count} registers from {read.address}")
    kind = ReadHoldingRegistersRequest if read.function == FUNCTIONS[0] else ReadInputRegistersRequest
    return _frame(kind(address=read.address, count=read.count, dev_id=read.unit))


def read_of(frame: bytes) -> Read:
    """Return what a request frame asks for. Raises PermanentError when it is no request of function 3 or 4."""
    if len(frame) != REQUEST_BYTES or not has_good_crc(frame) or frame[1] not in FUNCTIONS:
        raise PermanentError(f"{len(frame)} bytes are no Modbus request of function 3 or 4")
    address, count = int.from_bytes(frame[2:4], "big"), int.from_bytes(frame[4:6], "big")
    if not 1 <= count <= MAX_REGISTERS or frame[0] not in _UNITS:
        raise PermanentError(f"Modbus request to unit {frame[0]} for {count} registers")
    return Read(unit=frame[0], function=frame[1], address=address, count=count)


def registers_answer(read: Read, registers: list[int]) -> bytes:
    """Return the frame that answers `read` with `registers` (0 to 65535 each)."""
    from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

    kind = ReadHoldingRegistersResponse if read.function == FUNCTIONS[0] else ReadInputRegistersResponse
    return _frame(kind(registers=registers, dev_id=read.unit))


def refusal_answer(*, unit: int, function: int, code: int) -> bytes:
    """Return the exception frame of `unit` to `function`: `01 84 02 C2 C1` for (1, 4, 2)."""
    from pymodbus.pdu import ExceptionResponse

    return _frame(ExceptionResponse(function, code, device_id=unit))


def _frame(pdu: ModbusPDU) -> bytes:
    from pymodbus.framer.rtu import FramerRTU
    from pymodbus.pdu import DecodePDU

    return FramerRTU(DecodePDU(False)).buildFrame(pdu)


def answer_at(read: Read, heard: bytes, start: int) -> bytes:
    """Return the whole frame at `start` that answers `read`, good or exception; empty when none stands there."""
    head = heard[start : start + 3]
    if len(head) < 3 or head[0] != read.unit:
        return b""
    if head[1] == read.function and head[2] == 2 * read.count:
        size = _AROUND_BYTES + head[2]
    elif head[1] == read.function | 0x80:
        size = _EXCEPTION_BYTES
    else:
        return b""
    frame = heard[start : start + size]
    return frame if len(frame) == size and has_good_crc(frame) else b""


def answer_in(read: Read, heard: bytes) -> tuple[bytes, int]:
    """Return the first frame within `heard` that answers `read`, and where it ends; (b"", 0) when there is none."""
    for start in range(len(heard)):
        frame = answer_at(read, heard, start)
        if frame:
            return frame, start + len(frame)
    return b"", 0


def registers_of(read: Read, frame: bytes) -> list[int] | Refusal:
    """Return the registers of an answer, or the refusal. Raises PermanentError when `frame` does not answer `read`."""
    from pymodbus.pdu import DecodePDU

    if not frame or answer_at(read, frame, 0) != frame:
        raise PermanentError(f"{len(frame)} bytes do not answer function {read.function} of unit {read.unit}")
    pdu = DecodePDU(False).decode(frame[1:-2])
    if pdu is None:
        raise PermanentError(f"Modbus answer of {len(frame)} bytes does not decode")
    if pdu.isError():
        code = pdu.exception_code
        return Refusal(code=code, text=_EXCEPTIONS.get(code, "unknown"), is_lasting=code in _LASTING)
    return list(pdu.registers)


def why_none(read: Read, heard: bytes) -> str:
    """Return in a few words why nothing in `heard` answers `read`."""
    if not heard:
        return "no answer"
    if heard == request_bytes(read):
        return "only the own echo"
    if has_good_crc(heard) and heard[0] != read.unit:
        return f"unit {heard[0]} answers"
    if heard[0] == read.unit and heard[1:2] and heard[1] & 0x7F == read.function:
        return f"{len(heard)} bytes with a wrong CRC, or not the length of {read.count} registers"
    return f"{len(heard)} bytes that are no answer"
