"""Campbell Scientific serial packets, as the SR50A sends them by RS-232 and RS-485: framing and checksum.

Source: https://s.campbellsci.com/documents/us/manuals/sr50a.pdf, RS-232 and RS-485 operation.

    STX aa ; field ; field … ; CC CR LF ETX

`aa` is the address, two ASCII characters (factory: 33). CC is the two's complement of the low byte of the sum of all
bytes, STX, CR, LF, ETX and every `;` included, the two characters of CC left out, in two hexadecimal digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from devices.model import PermanentError

STX = 0x02
ETX = 0x03
MOST_BYTES = 64

_PACKET = re.compile(rb"\x02([\x21-\x3a\x3c-\x7e]{2})((?:;[0-9+.-]+)+);([0-9A-Fa-f]{2})\r\n\x03")
_ADDRESS = re.compile(r"[\x21-\x3a\x3c-\x7e]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A packet whose checksum is right: who sent it, and its fields as text."""

    address: str
    fields: tuple[str, ...]


def checked_address(address: str, *, default: str) -> str:
    """Return `address`, `default` when it is empty. Raises PermanentError when it is not two ASCII characters."""
    found = address or default
    if _ADDRESS.fullmatch(found) is None:
        raise PermanentError(f"bus_address {address[:20]!r} is not two ASCII characters")
    return found


def checksum(packet: bytes) -> int:
    """Return the checksum of a packet without the two characters of its CC."""
    return -sum(packet) & 0xFF


def read_packet(raw: bytes) -> Packet:
    """Return the packet that `raw` is. Raises PermanentError when it is not exactly one, or its checksum is wrong."""
    match = _PACKET.fullmatch(raw)
    if match is None or len(raw) > MOST_BYTES:
        raise PermanentError(f"{len(raw)} bytes are no packet STX, address, fields, checksum, CR, LF, ETX")
    found = checksum(raw[: match.start(3)] + raw[match.end(3) :])
    if found != int(match[3], 16):
        raise PermanentError(f"checksum of a packet is {match[3].decode()}, its bytes give {found:02X}")
    return Packet(address=match[1].decode("ascii"), fields=tuple(match[2][1:].decode("ascii").split(";")))


def write_packet(packet: Packet) -> bytes:
    """Return the bytes of a packet."""
    head = bytes([STX]) + ";".join((packet.address, *packet.fields, "")).encode("ascii")
    tail = b"\r\n" + bytes([ETX])
    return head + f"{checksum(head + tail):02X}".encode("ascii") + tail


def packet_end(buffer: bytes) -> int:
    """Return how many bytes up to and with the first ETX have come, 0 while there is none."""
    return buffer.find(ETX) + 1


def last_packet(heard: bytes) -> bytes:
    """Return what begins with the last STX of `heard`: a packet that was cut off before it is left out."""
    return heard[max(0, heard.rfind(STX)) :]


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Cut behind each ETX, and in front of an STX that begins before the ETX has come."""
    frames: list[bytes] = []
    start = 0
    for at, byte in enumerate(buffer):
        if byte == STX and at > start:
            frames.append(buffer[start:at])
            start = at
        elif byte == ETX:
            frames.append(buffer[start : at + 1])
            start = at + 1
    return frames, buffer[start:]
