"""Digital Matter trackers on LoRaWAN: Oyster (1 to 4), Yabby, Yabby Edge, Guppy.

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/digital-matter), akenza-io/device-type-library

    model    FPort  content (little-endian)
    Oyster,  1      latitude, longitude s32 / 1e7; byte 8: bit 0 in trip, bit 1 fix failed, bits 2..7 heading x 5.625;
    Yabby           9 km/h; 10 battery / 40 V
             2      answer to a command
             3      statistics: bits 79..87 weeks up
             4      latitude, longitude s24 x 256 / 1e7; 6: heading x 45 in 3 bits, 5 km/h in 5 bits; 7 battery;
                    8: bit 0 in trip, 1 fix failed, 2 inactivity alarm, 3 battery is 3.5 + 0.032 x (else x / 40) V
             30     reset
             31     statistics: 3 battery 3.5 + 0.032 x V; 4: bit 0 critical, 1 low; bits 48..57 weeks up
             33     bit 0 fix failed; latitude 23 bits (2^-23 x 180 degree), longitude 24 bits (2^-24 x 360); bit 48 in
                    trip, 49 battery critical, 50 inactivity alarm, 51..64 inactive for 2 min, 65..72 battery as in 31,
                    73..75 heading x 45, 76..80 5 km/h
    Yabby    5      low 5 bits how many Wi-Fi stations, bit 5 in trip; 7 bytes for each station, which the
                    maker's service turns into a place
    Edge     1      after a reset; 3 statistics: bits 38..47 weeks up; 2, 89..92, 101..116, 202 nothing measured
    Guppy    1      bit 0 in trip; battery 2 + 0.014 x V in bits 1..7; temperature x / 2 - 40 degC; then (4 bytes) bit 0
                    inactivity alarm, tilt x 1.5 degree in 7 bits, azimuth
             2, 3, 4  answer, statistics (bits 7..15 weeks up), request for the time

When the fix failed the device repeats the last known position, heading and speed: they are NaN here, because they were
sent when they were fresh. A position off the world is NaN as well.
"""

from __future__ import annotations

import math

from devices.model import Decoded, PermanentError
from devices.payloads.fields import Codec, Field, Message, Values, lorawan_spec
from devices.payloads.position import without_fix, without_half_fixes

_SOURCE = "https://github.com/TheThingsNetwork/lorawan-devices"
_PER_KMH = 3.6
_PER_RADIAN = 180 / math.pi
_WEEK_S = 604_800.0
_EXTENDED_BATTERY = 0x08


def _bit(key: str, at: int, bit: int) -> Field:
    return Field(key=key, at=at, low_bit=bit, bits=1)


def _degrees(key: str, at: int, size: int, per_unit: float) -> Field:
    return Field(key=key, at=at, size=size, is_signed=True, per_unit=per_unit)


def _heading(at: int, low_bit: int, bits: int, step_deg: float) -> Field:
    return Field(key="heading", at=at, low_bit=low_bit, bits=bits, per_unit=_PER_RADIAN / step_deg)


def _uptime(at: int, low_bit: int, bits: int) -> Field:
    return Field(key="uptime", at=at, size=2, low_bit=low_bit, bits=bits, per_unit=1 / _WEEK_S)


def _new_battery(at: int, *, size: int = 1, low_bit: int = 0) -> Field:
    return Field(key="battery_voltage", at=at, size=size, low_bit=low_bit, bits=8, per_unit=1 / 0.032, shift=3.5)


def _full(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=without_fix(values) if payload[8] & 2 else without_half_fixes(values))


def _short(payload: bytes, values: Values) -> Decoded:
    if payload[8] & _EXTENDED_BATTERY:
        values = {**values, "battery_voltage": _new_battery(7).read(payload, "little")}
    return _full(payload, values)


def _newest(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=without_fix(values) if payload[0] & 1 else without_half_fixes(values))


def _low_or_critical(payload: bytes, values: Values) -> Decoded:
    return Decoded(values={**values, "battery_low": float(payload[4] & 3 != 0)})


def _restarted(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, has_restarted=True)


def _scanned(payload: bytes, values: Values) -> Decoded:
    stations = payload[0] & 0x1F
    if len(payload) < 2 + 7 * stations:
        raise PermanentError(f"{len(payload)} bytes are too few for {stations} Wi-Fi stations")
    return Decoded(values=values if any(payload) else {})


_OLD_BATTERY = 40.0
_POSITION = Message(
    ports=(1,),
    length=11,
    order="little",
    fields=(
        _degrees("latitude", 0, 4, 1e7),
        _degrees("longitude", 4, 4, 1e7),
        _bit("in_trip", 8, 0),
        _heading(8, 2, 6, 5.625),
        Field(key="speed", at=9, per_unit=_PER_KMH),
        Field(key="battery_voltage", at=10, per_unit=_OLD_BATTERY, bad=(0,)),
    ),
    adjust=_full,
)
_SHORT_POSITION = Message(
    ports=(4,),
    length=9,
    order="little",
    fields=(
        _degrees("latitude", 0, 3, 1e7 / 256),
        _degrees("longitude", 3, 3, 1e7 / 256),
        _heading(6, 0, 3, 45.0),
        Field(key="speed", at=6, low_bit=3, bits=5, per_unit=_PER_KMH / 5),
        Field(key="battery_voltage", at=7, per_unit=_OLD_BATTERY, bad=(0,)),
        _bit("in_trip", 8, 0),
        _bit("alarm", 8, 2),
    ),
    adjust=_short,
    is_open=True,
)
_NEW_POSITION = Message(
    ports=(33,),
    length=11,
    order="little",
    fields=(
        Field(key="latitude", at=0, size=3, low_bit=1, bits=23, is_signed=True, per_unit=(1 << 23) / 180),
        _degrees("longitude", 3, 3, (1 << 24) / 360),
        _bit("in_trip", 6, 0),
        _bit("battery_low", 6, 1),
        _bit("alarm", 6, 2),
        Field(key="state_age", at=6, size=3, low_bit=3, bits=14, per_unit=1 / 120),
        _new_battery(8, size=2, low_bit=1),
        _heading(9, 1, 3, 45.0),
        Field(key="speed", at=9, size=2, low_bit=4, bits=5, per_unit=_PER_KMH / 5),
    ),
    adjust=_newest,
)
_ANSWER = Message(ports=(2,), length=3, is_open=True)
_STATISTICS = Message(ports=(3,), length=11, order="little", fields=(_uptime(9, 7, 9),))
_RESET = Message(ports=(30,), length=7, adjust=_restarted, is_open=True)
_NEW_STATISTICS = Message(
    ports=(31,),
    length=11,
    order="little",
    fields=(_new_battery(3), _bit("battery_low", 4, 1), _uptime(6, 0, 10)),
    adjust=_low_or_critical,
)
_GUPPY = (
    _bit("in_trip", 0, 0),
    Field(key="battery_voltage", at=0, low_bit=1, bits=7, per_unit=1 / 0.014, shift=2.0),
    Field(key="device_temperature", at=1, per_unit=2, shift=-40.0, rest=120),
)
_LYING = (_bit("alarm", 2, 0), Field(key="tilt", at=2, low_bit=1, bits=7, per_unit=_PER_RADIAN / 1.5))

_POSITIONS = (_POSITION, _SHORT_POSITION, _NEW_POSITION, _ANSWER, _STATISTICS, _RESET, _NEW_STATISTICS)
_NOTHING_MEASURED = (2, *range(89, 93), *range(101, 117), 202)
_CODECS = (
    *(Codec(name=name, messages=_POSITIONS) for name in ("Oyster", "Oyster3", "Yabby")),
    Codec(
        name="Yabby Edge",
        messages=(
            Message(
                ports=(5,),
                length=2,
                order="little",
                fields=(_bit("in_trip", 0, 5),),
                adjust=_scanned,
                template=b"\x00\x04",
                is_open=True,
            ),
            Message(ports=(1,), length=8, adjust=_restarted, is_open=True),
            Message(ports=(3,), length=11, order="little", fields=(_uptime(4, 6, 10),), is_open=True),
            Message(ports=_NOTHING_MEASURED, length=1, is_open=True),
        ),
    ),
    Codec(
        name="Guppy",
        messages=(
            Message(ports=(1,), length=2, fields=_GUPPY),
            Message(ports=(1,), length=4, fields=(*_GUPPY, *_LYING)),
            _ANSWER,
            Message(ports=(3,), length=7, order="little", fields=(_uptime(0, 7, 9),)),
            Message(ports=(4,), length=8),
        ),
    ),
)

DEVICES = tuple(lorawan_spec(codec, vendor="Digital Matter", source_url=_SOURCE) for codec in _CODECS)
