"""Milesight EM300-MCS: a magnet contact with temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of em300-mcs: channel table and examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    06      00    magnet contact, 0 closed, 1 open
    20      CE    history record: epoch s u32, temperature s16 / 10, humidity u8 / 2, contact u8
    FF      ..    device info (power on, serial number, versions): nothing measured

A history record is declared historical; it is read only when it stands alone, because one payload is one instant.
"""

from __future__ import annotations

import struct

from devices.model import SECOND_NS, Decoded, DeviceSpec, Frame, PermanentError

_PORT = 85
_INFO_BYTES = {0x01: 1, 0x09: 2, 0x0A: 2, 0x0B: 1, 0x0F: 1, 0x16: 8, 0xFE: 1, 0xFF: 2}
_HISTORY = b"\x20\xce"
_HISTORY_BYTES = 10


def decode(frame: Frame) -> Decoded:
    """Return what the payload carries of `battery_level`, `air_temperature`, `relative_humidity`, `contact_open`.

    Raises PermanentError for another port, an empty or cut payload, an unknown channel, or a contact state that is
    neither 0 nor 1. Nothing is guessed behind an unknown channel, because its length is not known.
    """
    if frame.port != _PORT:
        raise PermanentError(f"FPort {frame.port} is not {_PORT}")
    payload = frame.payload
    if not payload:
        raise PermanentError("payload is empty")
    if payload.startswith(_HISTORY) and len(payload) == _HISTORY_BYTES:
        return _decode_history(payload)
    values: dict[str, float] = {}
    at = 0
    while at < len(payload):
        at = _take(payload, at, values)
    if not values and not payload.startswith(b"\xff"):
        raise PermanentError(f"payload of {len(payload)} bytes carries nothing measured")
    return Decoded(values=values)


def _take(payload: bytes, at: int, values: dict[str, float]) -> int:
    """Read the channel at `at` into `values`; return where the next one begins."""
    head, data = payload[at : at + 2], payload[at + 2 :]
    match head:
        case b"\x01\x75":
            values["battery_level"] = float(_data(head, data, 1)[0])
            return at + 3
        case b"\x03\x67":
            values["air_temperature"] = struct.unpack("<h", _data(head, data, 2))[0] / 10
            return at + 4
        case b"\x04\x68":
            values["relative_humidity"] = _data(head, data, 1)[0] / 2
            return at + 3
        case b"\x06\x00":
            values["contact_open"] = _contact(_data(head, data, 1)[0])
            return at + 3
    if head[:1] == b"\xff" and len(head) > 1 and head[1] in _INFO_BYTES:
        size = _INFO_BYTES[head[1]]
        _data(head, data, size)
        return at + 2 + size
    raise PermanentError(f"channel {head.hex()} at byte {at} is not one of an EM300-MCS")


def _data(head: bytes, data: bytes, size: int) -> bytes:
    if len(data) < size:
        raise PermanentError(f"channel {head.hex()} is cut: {len(data)} of {size} bytes")
    return data[:size]


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
    """Return the payload for those of the four quantities that are given."""
    values = decoded.values
    payload = b""
    if "battery_level" in values:
        payload += b"\x01\x75" + struct.pack("<B", round(values["battery_level"]))
    if "air_temperature" in values:
        payload += b"\x03\x67" + struct.pack("<h", round(values["air_temperature"] * 10))
    if "relative_humidity" in values:
        payload += b"\x04\x68" + struct.pack("<B", round(values["relative_humidity"] * 2))
    if "contact_open" in values:
        payload += b"\x06\x00" + struct.pack("<B", round(values["contact_open"]))
    return Frame(gateway_id="", transport="lorawan", address="", payload=payload, received_ns=0, port=_PORT)


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
