"""Decentlab DL-MBX: a MaxBotix ultrasonic gauge on LoRaWAN, payload protocol 2, any FPort.

Source: https://www.decentlab.com/products/ultrasonic-distance-/-level-sensor-for-lorawan

    byte   content (big-endian)
    0      protocol version, 2
    1..2   device id
    3..4   flags: bit 0 = distance block follows, bit 1 = battery block follows
    then   distance block: distance mm u16, valid samples u16
    then   battery block: mV u16
"""

from __future__ import annotations

import math
import struct

from devices.lorawan import application_payload, frame_of, has_number, steps
from devices.model import Decoded, DeviceSpec, Frame, PermanentError

_VERSION = 2
_HAS_DISTANCE = 1
_HAS_BATTERY = 2
_HEADER_BYTES = 5
_DEVICE_ID = 1
_WORD = (0, 65_535)
_SAMPLES = (1, 65_535)


def decode(frame: Frame) -> Decoded:
    """Return `distance` (m, NaN without a valid sample), `valid_samples` and `battery_voltage` (V).

    Raises PermanentError when port, version, flags or length are not what the format says.
    """
    payload = application_payload(frame)
    if len(payload) < _HEADER_BYTES:
        raise PermanentError(f"payload has {len(payload)} bytes, at least {_HEADER_BYTES} are needed")
    version, _device, flags = struct.unpack(">BHH", payload[:_HEADER_BYTES])
    if version != _VERSION:
        raise PermanentError(f"protocol version {version} is not {_VERSION}")
    if flags & ~(_HAS_DISTANCE | _HAS_BATTERY):
        raise PermanentError(f"flags 0x{flags:04x} name blocks that a DL-MBX does not have")
    expected = _HEADER_BYTES + 4 * bool(flags & _HAS_DISTANCE) + 2 * bool(flags & _HAS_BATTERY)
    if len(payload) != expected:
        raise PermanentError(f"payload has {len(payload)} bytes, flags 0x{flags:04x} need {expected}")
    words = struct.unpack(f">{(len(payload) - _HEADER_BYTES) // 2}H", payload[_HEADER_BYTES:])
    values: dict[str, float] = {}
    if flags & _HAS_DISTANCE:
        values["distance"] = words[0] / 1000 if words[1] > 0 else math.nan
        values["valid_samples"] = float(words[1])
    if flags & _HAS_BATTERY:
        values["battery_voltage"] = words[-1] / 1000
    return Decoded(values=values)


def encode(decoded: Decoded) -> Frame:
    """Return the payload for those of the three quantities that are given; `valid_samples` goes with `distance`."""
    values = decoded.values
    flags, blocks = 0, b""
    if "distance" in values:
        flags |= _HAS_DISTANCE
        if math.isnan(values["distance"]):
            blocks += struct.pack(">HH", 0, 0)
        else:
            samples = (
                steps(decoded, "valid_samples", per_unit=1, limits=(1, 65_535)) if "valid_samples" in values else 1
            )
            blocks += struct.pack(">HH", steps(decoded, "distance", per_unit=1000, limits=_WORD), samples)
    if has_number(values, "battery_voltage"):
        flags |= _HAS_BATTERY
        blocks += struct.pack(">H", steps(decoded, "battery_voltage", per_unit=1000, limits=_WORD))
    return frame_of(struct.pack(">BHH", _VERSION, _DEVICE_ID, flags) + blocks, port=1)


DEVICE = DeviceSpec(
    model="decentlab_dl_mbx",
    vendor="Decentlab",
    source_url="https://www.decentlab.com/products/ultrasonic-distance-/-level-sensor-for-lorawan",
    quantities=("distance", "valid_samples", "battery_voltage"),
    expected_interval_s=600,
    transport="lorawan",
    decode=decode,
    encode=encode,
    default_port=1,
)
