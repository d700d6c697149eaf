"""Abeeway trackers with asset tracker firmware 2: Micro, Compact, Industrial and Smart Badge. Any FPort (usually 18).

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/abeeway: the maker's decoder)

    byte   content (big-endian)
    0      type: 0 frame pending, 3 position, 4 energy or health, 5 heartbeat, 7 activity and others, 9 shutdown,
           10 event, 11 scan, 12 proximity, 13 SMS, 14 extended position, 15 debug
    1      bit 4 SOS, bit 2 moving
    2      battery %, 0 = charging, 255 = error
    3      temperature, -44..85 degC over 0..255
    4      type 3, 14: low 4 bits kind of position (0 GPS, 1 GPS timeout, others Wi-Fi and Bluetooth addresses)
    5..    type 3 kind 0: age x 8 s (255 = 2040 s or more), latitude, longitude s24 x 256 / 1e7, error 0..1000 m over
           0..255
    5..    type 14 kind 0: age u16 s, byte 7 bit 0 3D, bit 1 other units; latitude, longitude s32 / 1e7; altitude s16
           cm (m); error as above (1..250 m, then classes up to 4000 m); course u16 / 100 degree; speed u16 cm/s
    5..    type 7: 1 activity counter u32

The age of a position is `age_s`: it was so then, not now. A position older than 5 minutes, or beside an SOS, stands in
`earlier` with its age, because the rest of the message is now. A saturated age (2040 s, or 65535 s) is a lower bound:
that position is history. A GPS timeout is a fix that failed: NaN. A battery that charges, is in error or above 100 %
has no level: NaN.
"""

from __future__ import annotations

import math

from devices.model import Decoded, DeviceSpec
from devices.payloads.fields import Codec, Field, Message, Values
from devices.payloads.position import without_half_fixes

_SOURCE = "https://github.com/TheThingsNetwork/lorawan-devices"
_USUAL_PORT = 18
_PORTS = (_USUAL_PORT, *range(1, _USUAL_PORT), *range(_USUAL_PORT + 1, 224))
_AGE_STEP_S = 8.0
_SATURATED, _SATURATED_LONG = 0xFF, 0xFFFF
_NOW_S = 300.0
_OTHER_UNITS = 0x02
_CLASSES_M = {251: 500.0, 252: 1000.0, 253: 2000.0, 254: 4000.0, 255: math.nan}
_OF_POSITION = ("latitude", "longitude", "position_accuracy", "altitude", "heading", "speed")
_HEADER_BYTES = 5

_HEADER = (
    Field(key="battery_level", at=2, bad=(0, 255), good=(1, 100)),
    Field(key="device_temperature", at=3, per_unit=255 / 129, shift=-44.0, rest=126),
    Field(key="in_trip", at=1, low_bit=2, bits=1),
    Field(key="sos", at=1, low_bit=4, bits=1),
)
_ACCURACY = 255 / 1000


def _then(values: Values, *, age_s: float, is_saturated: bool) -> Decoded:
    """Return a position of `age_s` ago with what the tracker says of now."""
    position = without_half_fixes({key: values[key] for key in _OF_POSITION if key in values})
    now = {key: value for key, value in values.items() if key not in position}
    if not now["sos"] and age_s <= _NOW_S:
        return Decoded(values={**now, **position}, age_s=age_s)
    return Decoded(values=now, earlier=(Decoded(values=position, age_s=age_s, is_history=is_saturated),))


def _short_position(payload: bytes, values: Values) -> Decoded:
    return _then(values, age_s=payload[5] * _AGE_STEP_S, is_saturated=payload[5] == _SATURATED)


def _long_position(payload: bytes, values: Values) -> Decoded:
    age_s = int.from_bytes(payload[5:7], "big")
    if payload[7] & _OTHER_UNITS:
        accuracy = _CLASSES_M.get(payload[18], float(payload[18]))
        values = {**values, "position_accuracy": accuracy, "altitude": values["altitude"] * 100}
    return _then(values, age_s=float(age_s), is_saturated=age_s == _SATURATED_LONG)


def _failed(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values={**values, "latitude": math.nan, "longitude": math.nan})


def _unread(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, is_partial=True)


def _type(number: int) -> tuple[int, int, int]:
    return (0, 0xFF, number)


def _kind(number: int) -> tuple[int, int, int]:
    return (4, 0x0F, number)


def _header_only(*kind: tuple[int, int, int]) -> Message:
    return Message(ports=_PORTS, length=_HEADER_BYTES, fields=_HEADER, kind=kind, is_open=True)


_GPS, _GPS_TIMEOUT, _OTHER_KINDS = 0, 1, range(2, 12)
_SHORT = Message(
    ports=_PORTS,
    length=13,
    fields=(
        *_HEADER,
        Field(key="latitude", at=6, size=3, is_signed=True, per_unit=1e7 / 256, bad=(-1,)),
        Field(key="longitude", at=9, size=3, is_signed=True, per_unit=1e7 / 256, bad=(-1,)),
        Field(key="position_accuracy", at=12, per_unit=_ACCURACY),
    ),
    kind=(_type(3), _kind(_GPS)),
    adjust=_short_position,
)
_LONG = Message(
    ports=_PORTS,
    length=23,
    fields=(
        *_HEADER,
        Field(key="latitude", at=8, size=4, is_signed=True, per_unit=1e7, bad=(-1,)),
        Field(key="longitude", at=12, size=4, is_signed=True, per_unit=1e7, bad=(-1,)),
        Field(key="altitude", at=16, size=2, is_signed=True, per_unit=100),
        Field(key="position_accuracy", at=18, per_unit=_ACCURACY),
        Field(key="heading", at=19, size=2, per_unit=100 * 180 / math.pi, good=(0, 36_000)),
        Field(key="speed", at=21, size=2, per_unit=100),
    ),
    kind=(_type(14), _kind(_GPS)),
    adjust=_long_position,
    is_open=True,
)
_ACTIVITY = Message(
    ports=_PORTS,
    length=10,
    fields=(*_HEADER, Field(key="count", at=6, size=4)),
    kind=(_type(7), (5, 0x07, 1)),
    is_open=True,
)


def _timeout(type_: int) -> Message:
    kind = (_type(type_), _kind(_GPS_TIMEOUT))
    return Message(ports=_PORTS, length=_HEADER_BYTES, fields=_HEADER, kind=kind, adjust=_failed, is_open=True)


def _unknown_position(type_: int) -> Message:
    kinds = (_type(type_), (4, 0x0C, 0x0C))
    return Message(ports=_PORTS, length=_HEADER_BYTES, fields=_HEADER, kind=kinds, adjust=_unread, is_open=True)


_CODEC = Codec(
    name="Abeeway tracker",
    messages=(
        _header_only(_type(5)),
        _SHORT,
        _LONG,
        _ACTIVITY,
        *(_timeout(type_) for type_ in (3, 14)),
        *(_header_only(_type(type_), _kind(kind)) for type_ in (3, 14) for kind in _OTHER_KINDS),
        *(_unknown_position(type_) for type_ in (3, 14)),
        *(_header_only(_type(type_)) for type_ in (4, 7, 9, 10, 11, 12, 13, 15)),
        *(Message(ports=_PORTS, length=length, kind=(_type(0),)) for length in (5, 6)),
    ),
)

DEVICE = DeviceSpec(
    model="abeeway_tracker",
    vendor="Abeeway",
    source_url=_SOURCE,
    quantities=_CODEC.keys,
    expected_interval_s=86_400,
    transport="lorawan",
    decode=_CODEC.decode,
    encode=_CODEC.encode,
    default_port=_USUAL_PORT,
    resolutions=_CODEC.resolutions,
)
