"""Milesight EM300-MCS: a magnet contact with temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of em300-mcs: channel table and examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    06      00    magnet contact, 0 closed, 1 open
    20      CE    history record: epoch s u32, temperature s16 / 10, humidity u8 / 2, contact u8
    FF      ..    device info (power on, serial number, versions): nothing measured

Behind an unknown channel nothing can be read, because its length is not known: what stands before it is kept. A
history record is declared historical; it is read only when it stands alone, because one payload is one instant.
"""

from __future__ import annotations

import struct

from devices.lorawan import application_payload, frame_of, has_number, steps
from devices.model import SECOND_NS, Decoded, DeviceSpec, Frame, PermanentError

_PORT = 85
_INFO = 0xFF
_INFO_BYTES = {0x01: 1, 0x09: 2, 0x0A: 2, 0x0B: 1, 0x0F: 1, 0x16: 8, 0xFE: 1, 0xFF: 2}
_SIGNED, _PERCENT2, _BOOL = (-32_768, 32_767), (0, 200), (0, 1)
_HISTORY = b"\x20\xce"
_HISTORY_BYTES = 10
_HISTORY_QUANTITIES = ("air_temperature", "relative_humidity", "contact_open")
_DATA_BYTES = {b"\x01\x75": 1, b"\x03\x67": 2, b"\x04\x68": 1, b"\x06\x00": 1}


def decode(frame: Frame) -> Decoded:
    """Return what the payload carries of `battery_level`, `air_temperature`, `relative_humidity`, `contact_open`.

    Raises PermanentError for another port, an empty or cut payload, an unknown channel with nothing measured before
    it, a history record beside others, and a contact state that is neither 0 nor 1.
    """
    payload = application_payload(frame)
    if frame.port != _PORT:
        raise PermanentError(f"FPort {frame.port} is not {_PORT}")
    if payload.startswith(_HISTORY) and len(payload) == _HISTORY_BYTES:
        return _decode_history(payload)
    values: dict[str, float] = {}
    at = 0
    while at < len(payload):
        size = _size(payload[at : at + 2])
        if size is None and values:
            break
        at += _read(payload[at:], size, values)
    return Decoded(values=values)


def _size(head: bytes) -> int | None:
    """Return how many bytes of data follow a channel, None for one that is not known."""
    if head == _HISTORY:
        raise PermanentError("a history record stands beside others; one payload is one instant")
    if len(head) < 2:
        raise PermanentError(f"payload ends after channel {head.hex()}, its type is missing")
    return _INFO_BYTES.get(head[1]) if head[0] == _INFO else _DATA_BYTES.get(head)


def _read(channel: bytes, size: int | None, values: dict[str, float]) -> int:
    """Read the channel at the front into `values`; return how many bytes it takes."""
    head, data = channel[:2], channel[2:]
    if size is None:
        raise PermanentError(f"channel {head.hex()} is not one of an EM300-MCS")
    if len(data) < size:
        raise PermanentError(f"channel {head.hex()} is cut: {len(data)} of {size} bytes")
    match head:
        case b"\x01\x75":
            values["battery_level"] = float(data[0])
        case b"\x03\x67":
            values["air_temperature"] = struct.unpack("<h", data[:2])[0] / 10
        case b"\x04\x68":
            values["relative_humidity"] = data[0] / 2
        case b"\x06\x00":
            values["contact_open"] = _contact(data[0])
    return len(head) + size


def _contact(state: int) -> float:
    if state > 1:
        raise PermanentError(f"contact state {state} is neither 0 nor 1")
    return float(state)


def _decode_history(payload: bytes) -> Decoded:
    epoch_s, temperature, humidity, contact = struct.unpack("<IhBB", payload[2:])
    values = {
        "air_temperature": temperature / 10,
        "relative_humidity": humidity / 2,
        "contact_open": _contact(contact),
    }
    return Decoded(values=values, observed_ns=epoch_s * SECOND_NS, is_history=True)


def encode(decoded: Decoded) -> Frame:
    """Return the payload for those of the four quantities that are given; a history record where it is declared one."""
    values = decoded.values
    if decoded.is_history:
        return frame_of(_encode_history(decoded), port=_PORT)
    payload = b""
    if has_number(values, "battery_level"):
        payload += b"\x01\x75" + struct.pack("<B", steps(decoded, "battery_level", per_unit=1, limits=(0, 100)))
    if has_number(values, "air_temperature"):
        payload += b"\x03\x67" + struct.pack("<h", steps(decoded, "air_temperature", per_unit=10, limits=_SIGNED))
    if has_number(values, "relative_humidity"):
        payload += b"\x04\x68" + struct.pack("<B", steps(decoded, "relative_humidity", per_unit=2, limits=_PERCENT2))
    if has_number(values, "contact_open"):
        payload += b"\x06\x00" + struct.pack("<B", steps(decoded, "contact_open", per_unit=1, limits=_BOOL))
    return frame_of(payload, port=_PORT)


def _encode_history(decoded: Decoded) -> bytes:
    missing = [key for key in _HISTORY_QUANTITIES if not has_number(decoded.values, key)]
    if missing or decoded.observed_ns is None:
        raise PermanentError(f"a history record needs a time and all of {', '.join(_HISTORY_QUANTITIES)}")
    return _HISTORY + struct.pack(
        "<IhBB",
        decoded.observed_ns // SECOND_NS,
        steps(decoded, "air_temperature", per_unit=10, limits=_SIGNED),
        steps(decoded, "relative_humidity", per_unit=2, limits=_PERCENT2),
        steps(decoded, "contact_open", per_unit=1, limits=_BOOL),
    )


DEVICE = DeviceSpec(
    model="milesight_em300_mcs",
    vendor="Milesight",
    source_url="https://github.com/Milesight-IoT/SensorDecoders",
    quantities=("contact_open", "air_temperature", "relative_humidity", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=decode,
    encode=encode,
    default_port=_PORT,
)
