"""EnOcean Serial Protocol 3: what a radio stick (USB300, USB400J) says on its serial line, 57600 8N1.

Source: https://www.enocean.com/fileadmin/redaktion/pdf/tec_docs/EnOceanSerialProtocol3.pdf

    byte     content
    0        0x55
    1, 2     length of the data, big endian
    3        length of the optional data
    4        packet type: 1 radio ERP1, 2 response, 4 event, 5 command, 10 radio ERP2 …
    5        CRC8H of bytes 1 to 4 (polynomial 0x07, from 0)
    6 …      data, optional data
    last     CRC8D of data and optional data

0x55 inside the data is normal: after a wrong CRC the search goes on one byte behind that 0x55. Nothing longer than
`MOST_BODY_BYTES` is waited for, so a false length cannot hold the line.
"""

from __future__ import annotations

from dataclasses import dataclass

from devices.model import PermanentError, SerialLine

RADIO_ERP1 = 1
RESPONSE = 2
RADIO_ERP2 = 10
MOST_BODY_BYTES = 256
VERSION_REQUEST = bytes.fromhex("5500010005700309")
"""CO_RD_VERSION: asks a stick who it is; changes nothing. `read_version` reads the answer."""

_SYNC = 0x55
_HEADER_BYTES = 6
_VERSION_BYTES = 33


def _crc_of_byte(byte: int) -> int:
    for _ in range(8):
        byte = (byte << 1) ^ 0x107 if byte & 0x80 else byte << 1
    return byte


_CRC8 = bytes(map(_crc_of_byte, range(256)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One packet with both CRCs right. `kind` is the packet type."""

    kind: int
    data: bytes
    optional: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class StickVersion:
    """What a stick says it is: versions as `2.11.1.0`, the chip's own number in hexadecimal."""

    app_version: str
    api_version: str
    chip_id: str
    description: str


def crc8(data: bytes) -> int:
    """Return the CRC-8 of `data`: polynomial 0x07, from 0, highest bit first."""
    crc = 0
    for byte in data:
        crc = _CRC8[crc ^ byte]
    return crc


def split(buffer: bytes) -> tuple[list[bytes], bytes]:
    """Return the packets at the front of `buffer` and the unfinished rest.

    What stands before a packet and is none comes as a piece of its own, which `read_packet` refuses.
    """
    frames: list[bytes] = []
    done = 0
    at = buffer.find(_SYNC)
    while at >= 0:
        end = _end(buffer, at)
        if end is None:
            break
        if end > at:
            frames += [piece for piece in (buffer[done:at], buffer[at:end]) if piece]
            done = end
        at = buffer.find(_SYNC, max(end, at + 1))
    return frames, buffer[done:]


def _end(buffer: bytes, at: int) -> int | None:
    """Return where the packet that begins at `at` ends; `at` itself when none begins there, None while unknown."""
    header = buffer[at + 1 : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES - 1:
        return None
    body_bytes = int.from_bytes(header[:2], "big") + header[2]
    has_body = int.from_bytes(header[:2], "big") > 0 and body_bytes <= MOST_BODY_BYTES
    if not has_body or crc8(header[:4]) != header[4]:
        return at
    end = at + _HEADER_BYTES + body_bytes + 1
    if len(buffer) < end:
        return None
    return end if crc8(buffer[at + _HEADER_BYTES : end - 1]) == buffer[end - 1] else at


def read_packet(frame: bytes) -> Packet:
    """Return the packet that `frame` is. Raises PermanentError when it is not exactly one."""
    if frame[:1] != bytes([_SYNC]) or _end(frame, 0) != len(frame):
        raise PermanentError(f"{len(frame)} bytes are no ESP3 packet with both checksums right")
    data_bytes = int.from_bytes(frame[1:3], "big")
    body = frame[_HEADER_BYTES:-1]
    return Packet(kind=frame[4], data=body[:data_bytes], optional=body[data_bytes:])


def write_packet(packet: Packet) -> bytes:
    """Return the bytes of a packet. Raises PermanentError for one without data or longer than `MOST_BODY_BYTES`."""
    body = packet.data + packet.optional
    if not packet.data or len(body) > MOST_BODY_BYTES:
        raise PermanentError(f"a packet of {len(packet.data)} and {len(packet.optional)} bytes cannot be sent")
    header = len(packet.data).to_bytes(2, "big") + bytes([len(packet.optional), packet.kind])
    return bytes([_SYNC]) + header + bytes([crc8(header)]) + body + bytes([crc8(body)])


def read_version(frame: bytes) -> StickVersion:
    """Return what a stick answered to `VERSION_REQUEST`. Raises PermanentError for any other packet."""
    packet = read_packet(frame)
    if packet.kind != RESPONSE or packet.data[0] != 0 or len(packet.data) != _VERSION_BYTES:
        raise PermanentError(
            f"packet of type {packet.kind} with {len(packet.data)} bytes is no answer of a stick about its version"
        )
    data = packet.data
    name = data[17:33].partition(b"\0")[0].decode("ascii", "replace")
    return StickVersion(
        app_version=".".join(map(str, data[1:5])),
        api_version=".".join(map(str, data[5:9])),
        chip_id=data[9:13].hex(),
        description="".join(letter for letter in name if letter.isprintable()),
    )


LINE = SerialLine(baud=57_600, split=split, max_frame_bytes=2 * (_HEADER_BYTES + MOST_BODY_BYTES + 1))
"""The serial line of a stick."""
