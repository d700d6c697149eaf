"""Milesight AT101: a tracker with satellite and Wi-Fi positioning on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of AT101: channel table, bits and examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature inside, s16 / 10 degC (signed: below zero is real)
    04 84   88    latitude, longitude, s32 / 1e6 degrees; u8: low nibble 0 not known, 1 starts, 2 moves, 3 stops
    05      00    position of the case, 0 as mounted, 1 tilted
    06      D9    a Wi-Fi station heard: group u8, MAC 6 bytes, rssi s8, motion as above
    07      00    tamper, 0 installed, 1 taken off its base
    83      67    temperature as above, then the device's own alarm u8
    20      CE    history record: epoch s u32, longitude, latitude, s32 / 1e6 degrees
    FF      ..    device info (power on, serial number, versions)

Wi-Fi stations become a position only with a database of theirs: nothing is made of them. A position of 0, 0, of all
bits set or beyond the globe is none.
"""

from __future__ import annotations

import math
import struct

from devices.lorawan import has_number, steps
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.payloads import milesight as m

_DEGREE = 1_000_000
_LATITUDES, _LONGITUDES = (-90 * _DEGREE, 90 * _DEGREE), (-180 * _DEGREE, 180 * _DEGREE)
_NO_FIX = frozenset({(0, 0), (-1, -1)})
_MOTION = {1: 1.0, 2: 1.0, 3: 0.0}
_MOVES, _STOPS, _NOT_KNOWN, _NO_FENCE = 2, 3, 0, 2


def _position(latitude: int, longitude: int) -> m.Values:
    is_on_the_globe = abs(latitude) <= _LATITUDES[1] and abs(longitude) <= _LONGITUDES[1]
    if (latitude, longitude) in _NO_FIX or not is_on_the_globe:
        return {"latitude": math.nan, "longitude": math.nan}
    return {"latitude": latitude / _DEGREE, "longitude": longitude / _DEGREE}


def _read(data: bytes) -> m.Values:
    latitude, longitude, status = struct.unpack("<iiB", data)
    moving = _MOTION.get(status & 0x0F)
    return _position(latitude, longitude) | ({} if moving is None else {"in_trip": moving})


def _read_record(data: bytes) -> m.Values:
    longitude, latitude = struct.unpack("<ii", data)
    return _position(latitude, longitude)


def _raw_position(decoded: Decoded) -> tuple[int, int] | None:
    given = [key for key in ("latitude", "longitude") if has_number(decoded.values, key)]
    if len(given) == 1:
        raise PermanentError(f"{given[0]} is sent only together with the other coordinate")
    if not given:
        return None
    latitude = steps(decoded, "latitude", per_unit=_DEGREE, limits=_LATITUDES)
    return latitude, steps(decoded, "longitude", per_unit=_DEGREE, limits=_LONGITUDES)


def _write(decoded: Decoded) -> bytes | None:
    at = _raw_position(decoded)
    if at is None:
        if has_number(decoded.values, "in_trip"):
            raise PermanentError("in_trip is sent only together with a position")
        return None
    moving = decoded.values.get("in_trip", math.nan)
    motion = _NOT_KNOWN if math.isnan(moving) else _MOVES if moving == 1 else _STOPS
    return struct.pack("<iiB", *at, _NO_FENCE << 4 | motion)


def _write_record(decoded: Decoded) -> bytes | None:
    at = _raw_position(decoded)
    return None if at is None else struct.pack("<ii", at[1], at[0])


_TLV = m.Tlv(
    name="an AT101",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.INSIDE),
        m.Channel(head=b"\x04\x88", size=9, read=_read, write=_write),
        m.read_only("8488", 9, _read),
        m.channel("0500", m.IS_TILTED),
        m.silent("06d9", 9),
        m.channel("0700", m.state("tamper")),
        m.alarm("8367", m.INSIDE, pad=1),
    ),
    histories=(m.history_of(m.Channel(head=b"\x20\xce", size=8, read=_read_record, write=_write_record)),),
)

DEVICE = DeviceSpec(
    model="milesight_at101",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("battery_level", "latitude", "longitude", "in_trip", "device_temperature", "is_tilted", "tamper"),
    expected_interval_s=86_400,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
    resolutions={"latitude": 1e-6, "longitude": 1e-6},
)
