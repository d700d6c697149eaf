"""Milesight EM320-TILT: three angles against the vertical on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM320-TILT: channel table, bits and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      D4    x, y, z, s16 each: bit 0 beyond the threshold set, bits 15..1 the angle / 100 degrees
    FF      ..    device info (power on, serial number, versions)

Channels of `tilt` and `is_tilted`: the plain key is x, `.2` is y, `.3` is z.
"""

from __future__ import annotations

import struct

from devices.lorawan import has_number, steps
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.payloads import milesight as m

_TILTS = ("tilt", "tilt.2", "tilt.3")
_FLAGS = ("is_tilted", "is_tilted.2", "is_tilted.3")
_LIMITS = (-16_383, 16_382)
_PER_RADIAN = 100 * m.RADIANS


def _read(data: bytes) -> m.Values:
    words = struct.unpack("<hhh", data)
    angles = {
        key: m.number(key, "h", _LIMITS, _PER_RADIAN).value_of(word >> 1)
        for key, word in zip(_TILTS, words, strict=True)
    }
    return angles | {key: float(word & 1) for key, word in zip(_FLAGS, words, strict=True)}


def _write(decoded: Decoded) -> bytes | None:
    given = [key for key in (*_TILTS, *_FLAGS) if has_number(decoded.values, key)]
    if not given:
        return None
    if not set(_TILTS) <= set(given):
        raise PermanentError(f"{', '.join(given)} is sent together with all of {', '.join(_TILTS)}")
    angles = (steps(decoded, key, per_unit=_PER_RADIAN, limits=_LIMITS) for key in _TILTS)
    flags = (int(decoded.values.get(key) == 1) for key in _FLAGS)
    return struct.pack("<hhh", *(angle << 1 | flag for angle, flag in zip(angles, flags, strict=True)))


_TLV = m.Tlv(
    name="an EM320-TILT",
    channels=(
        m.channel("0175", m.BATTERY),
        m.Channel(head=b"\x03\xd4", size=6, read=_read, write=_write),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_em320_tilt",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("battery_level", "tilt", "is_tilted"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
