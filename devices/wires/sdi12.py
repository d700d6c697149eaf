"""SDI-12 v1.3/1.4: what stands on the line, without the line: checksum, values, identification, transcript.

Source: the SDI-12 specification v1.4, section 4.4 (https://www.sdi-12.org). `a` is the address, one of 0-9 A-Z a-z.

    command          answer (without CR LF)
    a!               a
    aI!              a, 2 digits SDI-12 version, 8 vendor, 6 model, 3 version, up to 13 free
    aM! aM1! … aM9!  a, 3 digits seconds until ready, 1 digit number of values; then `a` alone when ready earlier
    aC! aC1! … aC9!  a, 3 digits seconds until ready, 2 digits number of values; the bus is free meanwhile
    aMC! aCC!        the same, and the data carry a CRC
    aD0! … aD9!      a, values; without data (aborted, none) `a` alone
    aR0! … aRC9!     a, values, at once

A value is a sign, up to 7 digits and at most one point; there is nothing between values. The CRC is three characters
0x40..0x7F behind the values. Half of its characters are letters or signs, so it is cut off by position.

A measurement is kept as a transcript: what was asked and what came, one exchange a line, ended by CR LF, as an adapter
with echo would show it: `0I!013CAMPBELLSR50A 2.0`, `0MC1!00012`, `0D0!0+1.838+194…`.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

from devices.model import PermanentError
from devices.wires.crc import crc_table

ADDRESSES = string.digits + string.ascii_uppercase + string.ascii_lowercase
MAX_VALUE_CHARS = 75
"""The longest value text after C. After M and R the specification says 35; some instruments send more there."""

_MAX_DIGITS = 7
_CRC_CHARS = 3
_VALUE = re.compile(r"[+-](?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_COMMAND = re.compile(r"(?P<kind>[MC])(?P<crc>C?)(?P<number>[1-9]?)|R(?P<read_crc>C?)(?P<read>[0-9])")
_PROMISE = re.compile(r"[0-9]{4,5}")
_EXCHANGE = re.compile(r"([0-9A-Za-z])((?:I|[MC]C?[1-9]?|RC?[0-9]|D[0-9]))!(.*)", re.DOTALL)
_CRC_TABLE = crc_table(0xA001)
_VERSION_DIGITS, _VENDOR_END, _MODEL_END, _IDENT_CHARS = 2, 10, 16, 19


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A measurement command without its address: `text` as sent (`MC1`), `table` what it measures (`1`, or `R0`)."""

    text: str
    table: str
    kind: str
    has_crc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """The answer to M or C: so many values, ready in `ready_s`."""

    ready_s: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Identification:
    """The answer to `aI!`, blanks at the ends of fields removed."""

    address: str
    sdi12_version: str
    vendor: str
    model: str
    version: str
    free: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """A whole measurement. `values` is empty when the instrument promised none: it has nothing to say."""

    identification: Identification
    command: Command
    values: tuple[float, ...]


def crc_of(text: str) -> int:
    """Return the CRC-16/ARC (reflected 0xA001, init 0) of address and values. `0+3.14` gives 0xFC5A."""
    crc = 0
    for byte in text.encode("ascii"):
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def crc_text(text: str) -> str:
    """Return the three characters that stand behind `text`. `0+3.14` gives `OqZ`."""
    crc = crc_of(text)
    return "".join(chr(0x40 | bits) for bits in (crc >> 12, crc >> 6 & 0x3F, crc & 0x3F))


def command_of(text: str) -> Command:
    """Return the measurement command `text`: M, MC, C, CC with 1..9 or nothing, R or RC with 0..9.

    Raises PermanentError for any other: those change an instrument, or measure nothing.
    """
    match = _COMMAND.fullmatch(text)
    if match is None:
        raise PermanentError(f"{text!r} is no SDI-12 measurement: M, MC, C or CC with 1-9 or nothing, R or RC with 0-9")
    if match["read"] is not None:
        return Command(text=text, table=f"R{match['read']}", kind="R", has_crc=bool(match["read_crc"]))
    return Command(text=text, table=match["number"], kind=match["kind"], has_crc=bool(match["crc"]))


def body_of(line: str, *, address: str) -> str:
    """Return `line` without its address. Raises PermanentError when another address speaks, or none."""
    if not line.startswith(address):
        raise PermanentError(f"address {address} was asked, {line[:1]!r} answers")
    return line[1:]


def promise_of(line: str, *, address: str, kind: str) -> Promise:
    """Return what `line`, the answer to M or C (`kind`), promises. Raises PermanentError for another form."""
    digits = body_of(line, address=address)
    if not _PROMISE.fullmatch(digits) or len(digits) != (5 if kind == "C" else 4):
        raise PermanentError(f"answer of {len(line)} characters to {kind} is not address, seconds and number of values")
    return Promise(ready_s=int(digits[:3]), count=int(digits[3:]))


def values_of(line: str, *, address: str, has_crc: bool) -> tuple[float, ...]:
    """Return the values of a data line; none for the address alone (nothing to say, or aborted).

    Raises PermanentError for another address, a wrong CRC, and anything that is not sign, at most 7 digits, one point.
    """
    if not line.isascii():
        raise PermanentError(f"{len(line)} characters of data are not all ASCII")
    if has_crc and len(line) > _CRC_CHARS:
        line, crc = line[:-_CRC_CHARS], line[-_CRC_CHARS:]
        if crc_text(line) != crc:
            raise PermanentError(f"CRC of {len(line)} characters is {crc_text(line)!r}, not {crc!r}")
    text = body_of(line, address=address)
    if len(text) > MAX_VALUE_CHARS:
        raise PermanentError(f"{len(text)} characters of values, at most {MAX_VALUE_CHARS} are allowed")
    found = _VALUE.findall(text)
    if "".join(found) != text:
        raise PermanentError(f"{len(text)} characters are not values of sign, digits and at most one point")
    if any(sum(char.isdigit() for char in value) > _MAX_DIGITS for value in found):
        raise PermanentError(f"{len(text)} characters have a value of more than {_MAX_DIGITS} digits")
    return tuple(float(value) for value in found)


def identification_of(line: str, *, address: str) -> Identification:
    """Return what the answer to `aI!` says. Raises PermanentError when it is not one."""
    text = body_of(line, address=address)
    version = text[:_VERSION_DIGITS]
    is_readable = text.isascii() and text.isprintable() and len(text) > _VENDOR_END
    if not (is_readable and version.isdigit() and len(version) == _VERSION_DIGITS):
        raise PermanentError(f"answer of {len(line)} characters is no SDI-12 identification")
    padded = text.ljust(_IDENT_CHARS)
    return Identification(
        address=address,
        sdi12_version=version,
        vendor=padded[_VERSION_DIGITS:_VENDOR_END].strip(),
        model=padded[_VENDOR_END:_MODEL_END].strip(),
        version=padded[_MODEL_END:_IDENT_CHARS].strip(),
        free=padded[_IDENT_CHARS:].strip(),
    )


def transcript_bytes(address: str, exchanges: list[tuple[str, str]]) -> bytes:
    """Return the payload of one measurement: (command, answer line) in the order of the dialogue."""
    return "".join(f"{address}{command}!{line}\r\n" for command, line in exchanges).encode("ascii")


def read_transcript(payload: bytes) -> Transcript:
    """Read a measurement back: identification, command, then data lines until the promised number is there.

    Raises PermanentError for anything else, also a promise that is not kept and data beyond it.
    """
    exchanges = _exchanges(payload)
    if len(exchanges) < 2 or exchanges[0][1] != "I":
        raise PermanentError(f"{len(payload)} bytes are no SDI-12 transcript of identification, command and data")
    (address, _, ident_line), (_, text, line), *data = exchanges
    if any(exchange[0] != address for exchange in exchanges):
        raise PermanentError(f"SDI-12 transcript speaks to other addresses than {address}")
    command = command_of(text)
    values, count = _values(command, address=address, line=line, data=[(sent, got) for _, sent, got in data])
    if len(values) != count:
        raise PermanentError(f"{command.text} promised {count} values, {len(values)} came")
    identification = identification_of(ident_line, address=address)
    return Transcript(identification=identification, command=command, values=values)


def _exchanges(payload: bytes) -> list[tuple[str, str, str]]:
    if not payload.isascii() or not payload.endswith(b"\r\n"):
        raise PermanentError(f"{len(payload)} bytes are no SDI-12 transcript of lines in ASCII")
    found = []
    for line in payload.decode("ascii")[:-2].split("\r\n"):
        match = _EXCHANGE.fullmatch(line)
        if match is None:
            raise PermanentError(f"{len(line)} characters are no SDI-12 exchange of address, command, '!' and answer")
        found.append((match[1], match[2], match[3]))
    return found


def _values(command: Command, *, address: str, line: str, data: list[tuple[str, str]]) -> tuple[tuple[float, ...], int]:
    if command.kind == "R":
        values = values_of(line, address=address, has_crc=command.has_crc)
        if data:
            raise PermanentError(f"{command.text} has no data lines, {len(data)} follow")
        return values, len(values)
    collected: tuple[float, ...] = ()
    for index, (sent, got) in enumerate(data):
        if sent != f"D{index}":
            raise PermanentError(f"data line {index} answers {sent}, not D{index}")
        collected += values_of(got, address=address, has_crc=command.has_crc)
    return collected, promise_of(line, address=address, kind=command.kind).count
