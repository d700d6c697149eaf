"""Lufft UMB binary protocol 1.0: frames, checksum, values of channels, without a line.

Source: https://www.lufft.com/download/manual-lufft-umb-protocol-en/ and the SHM 31 manual, chapter 9.3 (four frames).

    byte           content
    0              0x01 SOH
    1              0x10 header version
    2..3           to, little-endian: class << 12 | id; 0xF001 is the host
    4..5           from
    6              length: command, its version and the payload
    7              0x02 STX
    8              command: 0x23 one channel (online data)
    9              0x10 version of the command
    10 …           payload; of an answer: status, then, if that is 0, channel u16, type u8, value
    then           0x03 ETX, CRC u16 little-endian, 0x04 EOT

The CRC is CCITT reflected (0x8408, init 0xFFFF) over SOH to ETX. Any byte may stand in the payload, also 0x01 to 0x04:
a frame is cut by its length and believed by its CRC, never by its last byte.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from devices.model import PermanentError
from devices.wires.crc import crc_table

HOST = 0xF001
ONLINE_DATA = 0x23
STATUS_OK = 0x00
STATUS_UNKNOWN_COMMAND = 0x10
STATUS_INVALID_PARAMETER = 0x11
STATUS_INVALID_CHANNEL = 0x24
STATUS_BUSY = 0x28
STATUS_HARDWARE = 0x2A
STATUS_DATA_ERROR = 0x54
NO_SUCH_CHANNEL = (STATUS_UNKNOWN_COMMAND, STATUS_INVALID_PARAMETER, STATUS_INVALID_CHANNEL)

_SOH, _STX, _ETX, _EOT = 0x01, 0x02, 0x03, 0x04
_VERSION = 0x10
_HEADER = struct.Struct("<BBHHBB")
_AROUND_BYTES = 12
"""Bytes of a frame besides what its length counts."""

_MIN_LENGTH, _MAX_LENGTH = 2, 255 - _AROUND_BYTES
_TYPES: Mapping[int, struct.Struct] = {
    0x10: struct.Struct("<B"),
    0x11: struct.Struct("<b"),
    0x12: struct.Struct("<H"),
    0x13: struct.Struct("<h"),
    0x14: struct.Struct("<I"),
    0x15: struct.Struct("<i"),
    0x16: struct.Struct("<f"),
    0x17: struct.Struct("<d"),
}
TYPE_U8, TYPE_FLOAT = 0x10, 0x16
_CRC_TABLE = crc_table(0x8408)
_SMALLEST_NORMAL = 1.1754943508222875e-38


@dataclass(frozen=True, slots=True, kw_only=True)
class UmbFrame:
    """One frame, its checksum already believed."""

    to: int
    sender: int
    command: int
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelAnswer:
    """The answer to one channel: `status` 0 and a `value` (NaN = the device sent no number), or a status alone."""

    status: int
    value: float


def crc_of(data: bytes) -> int:
    """Return the CRC of SOH to ETX. The request of channel 604 in the manual gives 0x5930."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def frame_bytes(frame: UmbFrame) -> bytes:
    """Return the bytes of `frame`. Raises PermanentError when its payload has no room in a frame."""
    length = len(frame.payload) + 2
    if length > _MAX_LENGTH:
        raise PermanentError(f"UMB payload of {len(frame.payload)} bytes, at most {_MAX_LENGTH - 2} have room")
    head = _HEADER.pack(_SOH, _VERSION, frame.to, frame.sender, length, _STX)
    body = head + bytes((frame.command, _VERSION)) + frame.payload + bytes((_ETX,))
    return body + struct.pack("<HB", crc_of(body), _EOT)


def frame_at(data: bytes, start: int) -> tuple[UmbFrame, int] | None:
    """Return the frame that begins at `start` and where it ends; None when none does, or not all of it is there."""
    head = data[start : start + _HEADER.size]
    if len(head) < _HEADER.size:
        return None
    soh, version, to, sender, length, stx = _HEADER.unpack(head)
    end = start + _AROUND_BYTES + length
    is_header = (soh, version, stx) == (_SOH, _VERSION, _STX) and _MIN_LENGTH <= length <= _MAX_LENGTH
    if not is_header or len(data) < end or data[end - 1] != _EOT or data[end - 4] != _ETX:
        return None
    if crc_of(data[start : end - 3]) != struct.unpack_from("<H", data, end - 3)[0]:
        return None
    body = data[start + _HEADER.size : end - 4]
    return UmbFrame(to=to, sender=sender, command=body[0], payload=body[2:]), end


def frames_in(data: bytes) -> list[tuple[UmbFrame, int]]:
    """Return the whole frames within `data`, each with where it ends; everything between them is passed over."""
    found: list[tuple[UmbFrame, int]] = []
    start = data.find(_SOH)
    while start >= 0:
        frame = frame_at(data, start)
        if frame is not None:
            found.append(frame)
        start = data.find(_SOH, frame[1] if frame is not None else start + 1)
    return found


def channel_request(*, address: int, channel: int) -> bytes:
    """Return the request of one channel's present value."""
    payload = struct.pack("<H", channel)
    return frame_bytes(UmbFrame(to=address, sender=HOST, command=ONLINE_DATA, payload=payload))


def requested_channel(frame: UmbFrame) -> int:
    """Return the channel a request asks for. Raises PermanentError when `frame` is not such a request."""
    if frame.sender != HOST or frame.command != ONLINE_DATA or len(frame.payload) != 2:
        raise PermanentError(f"UMB frame from 0x{frame.sender:04X}, command 0x{frame.command:02X} asks for no channel")
    return int.from_bytes(frame.payload, "little")


def channel_answer(frame: UmbFrame, *, address: int, channel: int, value_type: int) -> ChannelAnswer:
    """Return what `frame` says about `channel`, whose values have `value_type`.

    A float that is infinite, not a number, or too small to be normal (a swapped one) is NaN: no number. Raises
    PermanentError for another sender, receiver, command, channel, type, or a length that does not fit the type.
    """
    if frame.sender != address or frame.to != HOST:
        raise PermanentError(f"UMB 0x{address:04X} was asked, 0x{frame.sender:04X} speaks to 0x{frame.to:04X}")
    if frame.command != ONLINE_DATA or not frame.payload:
        raise PermanentError(f"UMB command 0x{ONLINE_DATA:02X} was sent, 0x{frame.command:02X} is answered")
    status = frame.payload[0]
    if status != STATUS_OK:
        return ChannelAnswer(status=status, value=math.nan)
    return ChannelAnswer(status=status, value=_value(frame.payload[1:], channel=channel, value_type=value_type))


def _value(body: bytes, *, channel: int, value_type: int) -> float:
    layout = _TYPES[value_type]
    if len(body) != 3 + layout.size:
        raise PermanentError(f"UMB channel {channel}: {len(body)} bytes, {3 + layout.size} are needed")
    said_channel, said_type = struct.unpack_from("<HB", body)
    if said_channel != channel:
        raise PermanentError(f"UMB channel {channel} was asked, {said_channel} is answered")
    if said_type != value_type:
        raise PermanentError(f"UMB channel {channel} has type 0x{said_type:02X}, not 0x{value_type:02X}")
    value = float(layout.unpack_from(body, 3)[0])
    if not math.isfinite(value) or 0 < abs(value) < _SMALLEST_NORMAL:
        return math.nan
    return value + 0.0  # -0.0 becomes 0.0


def answer_payload(*, channel: int, value_type: int, value: float) -> bytes:
    """Return the payload of a good answer. Raises PermanentError when `value` has no room in its type."""
    layout = _TYPES[value_type]
    try:
        number = layout.pack(value if layout.format in ("<f", "<d") else round(value))
    except (struct.error, OverflowError) as error:
        raise PermanentError(f"UMB channel {channel}: {value} has no room in type 0x{value_type:02X}") from error
    return struct.pack("<BHB", STATUS_OK, channel, value_type) + number
