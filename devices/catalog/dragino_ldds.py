"""Dragino distance sensors on LoRaWAN, FPort 2: ultrasonic (LDDS75/20/45/04, DDS75/20/45/04-LB), lidar (LLDS12,
LDS12-LB, LDS40-LB).

Source: https://github.com/dragino/dragino-end-node-decoder

    model            byte   content (big-endian)
    LDDSxx, DDSxx-LB 0..1   battery mV, low 14 bits
                     2..3   distance mm; 0 = no sensor, 20 = invalid reading (too near)
                     4      interrupt
                     5..6   DS18B20, s16 / 10 degC
                     7      sensor flag; 0 = no ultrasonic sensor
    LDDS75/20 old    4 bytes: the maker's decoder says "No Sensor"
    DDSxx-LB, port 3 a log of 11-byte records: battery, distance, DS18B20 s16 / 10, flags, Unix time u32
    LDDS04/DDS04-LB  0..1 battery, 2..9 four distances mm as above, 10 message type 1
    lidars           0..1 battery, 2..3 DS18B20, 4..5 distance mm, 6..7 signal strength, 8 interrupt,
                     9 temperature of the lidar s8 degC, 10 message type (2 = answer to a command)
    LDSxx-LB, port 3 a log of 11-byte records: 2..3 distance mm, 4..5 signal strength, 6 temperature of the lidar,
                     7..10 Unix time u32
    all, port 5      status: battery only

Distances that the sensor calls invalid, and those of a lidar whose signal is below 100 or saturated (65535), are NaN.
The ultrasonic modules correct for the air temperature themselves (maker's manual, introduction). A lidar's answer to a
command measures nothing.
"""

from __future__ import annotations

import math

from devices.model import Decoded
from devices.payloads.dragino import BATTERY, STATUS, from_log, probe, spec_of
from devices.payloads.fields import Codec, Field, Message, Values

_READABLE_MM = (21, 65_534)
_FOUR = ("distance", "distance.2", "distance.3", "distance.4")
_LIDAR_SIGNAL = (100, 65_534)


def _distance(key: str, at: int) -> Field:
    return Field(key=key, at=at, size=2, per_unit=1000, bad=(0,), good=_READABLE_MM)


def _with_sensor_flag(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values if payload[7] else {**values, "distance": math.nan})


def _trusted(values: Values) -> Values:
    is_good = _LIDAR_SIGNAL[0] <= values["echo_quality"] <= _LIDAR_SIGNAL[1]
    return values if is_good else {**values, "distance": math.nan}


def _with_signal(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values=_trusted(values))


def _logged_with_signal(record: bytes, values: Values) -> Decoded:
    return from_log(record, _trusted(values))


_ULTRASONIC = Message(
    ports=(2,),
    length=8,
    fields=(_distance("distance", 2), BATTERY, probe(5, per_unit=10)),
    template=b"\x00\x00\x00\x00\x00\x00\x00\x01",
    adjust=_with_sensor_flag,
)
_NO_SENSOR = Message(
    ports=(2,), length=4, fields=(Field(key="distance", at=2, size=2, per_unit=1000, bad=(0,), good=(1, 0)),)
)  # fmt: skip
_LOG = Message(
    ports=(3,),
    length=11,
    fields=(BATTERY, _distance("distance", 2), probe(4, per_unit=10)),
    adjust=from_log,
    repeats=True,
)
_FOUR_DISTANCES = Message(
    ports=(2,),
    length=11,
    fields=(*(_distance(key, 2 + 2 * n) for n, key in enumerate(_FOUR)), BATTERY),
    kind=((10, 0xFF, 1),),
)
_LIDAR = Message(
    ports=(2,),
    length=11,
    fields=(
        _distance("distance", 4),
        BATTERY,
        probe(2, per_unit=10),
        Field(key="echo_quality", at=6, size=2, rest=1000),
        Field(key="device_temperature", at=9, is_signed=True, rest=20),
    ),
    kind=((10, 0xFF, 1),),
    adjust=_with_signal,
)
_LIDAR_LOG = Message(
    ports=(3,),
    length=11,
    fields=(
        _distance("distance", 2),
        Field(key="echo_quality", at=4, size=2),
        Field(key="device_temperature", at=6, is_signed=True),
    ),
    adjust=_logged_with_signal,
    repeats=True,
)
_LIDAR_ANSWER = Message(ports=(2,), length=11, kind=((10, 0xFF, 2),))

_CODECS = (
    *(Codec(name=name, messages=(_ULTRASONIC, _NO_SENSOR, STATUS)) for name in ("LDDS75", "LDDS20")),
    Codec(name="LDDS45", messages=(_ULTRASONIC, STATUS)),
    *(Codec(name=name, messages=(_ULTRASONIC, _LOG, STATUS)) for name in ("DDS75-LB", "DDS20-LB", "DDS45-LB")),
    *(Codec(name=name, messages=(_FOUR_DISTANCES, STATUS)) for name in ("LDDS04", "DDS04-LB")),
    Codec(name="LLDS12", messages=(_LIDAR, _LIDAR_ANSWER, STATUS)),
    *(Codec(name=name, messages=(_LIDAR, _LIDAR_ANSWER, _LIDAR_LOG, STATUS)) for name in ("LDS12-LB", "LDS40-LB")),
)


DEVICES = tuple(spec_of(codec, interval_s=1200) for codec in _CODECS)
