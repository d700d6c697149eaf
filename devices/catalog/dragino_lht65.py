"""Dragino LHT65, LHT65N, LHT65N-E31F, LHT52: temperature and humidity with a plug for more, on LoRaWAN, FPort 2.

Source: https://github.com/dragino/dragino-end-node-decoder

    byte   content (big-endian)
    0..1   battery status 2 bits, battery mV in the low 14 bits (external type 9: DS18B20 instead)
    2..3   temperature, s16 / 100 degC; 7FFF = no sensor
    4..5   relative humidity / 10 in the low 12 bits
    6      low 4 bits type of the external sensor, bit 6 answer to a poll of the log, bit 7 cable not connected
    7..10  external sensor by its type: 0 none, 1 DS18B20 and 2 TMP117 s16 / 100, 5 illuminance u16 lx, 6 voltage u16
           mV, 7 count u16, 8 count u32, 9 Unix time u32 of this record
    LHT65N-E31F: 7..8 temperature of the probe s16 / 100, 9..10 its humidity / 10
    LHT52: 0..1 temperature s16 / 100, 2..3 humidity / 10, 4..5 DS18B20 s16 / 100, 6 external type, 7..10 Unix time
    FPort 5 status: battery only; LHT52, FPort 3: log of its records, 4: serial number of the probe

Records with a time that were polled from the log are history; several may stand in one payload, and a payload of zeros
says that nothing is stored. A dead probe (327.67, 85.0) and the SHT's -40.00 are NaN. Behind other external types the
bytes are not read (`is_partial`).
"""

from __future__ import annotations

import math

from devices.model import Decoded
from devices.payloads.dragino import BATTERY, STATUS, epoch_ns, probe, spec_of
from devices.payloads.fields import Codec, Field, Message, Values

_NOT_CONNECTED = 0x80
_FROM_LOG = 0x40
_TEMPERATURE = Field(
    key="air_temperature", at=2, size=2, is_signed=True, per_unit=100, bad=(32_767, -4000), good=(-4500, 12_500)
)  # fmt: skip
_HUMIDITY = Field(key="relative_humidity", at=4, size=2, bits=12, per_unit=10, bad=(4095,), good=(0, 1000))
_BASE = (_TEMPERATURE, _HUMIDITY, BATTERY)


def _by_cable(payload: bytes, values: Values) -> Decoded:
    if not any(payload):
        return Decoded(values={})
    is_loose = payload[6] & _NOT_CONNECTED and "probe_temperature" in values
    return Decoded(values={**values, "probe_temperature": math.nan} if is_loose else values)


def _of_an_instant(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, observed_ns=epoch_ns(payload, at=7), is_history=bool(payload[6] & _FROM_LOG))


def _without_the_rest(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, is_partial=True)


def _external(kind: int, *fields: Field) -> Message:
    return Message(ports=(2,), length=11, fields=(*_BASE, *fields), kind=((6, 0x4F, kind),), adjust=_by_cable)


_TIMED_FIELDS = (probe(0, per_unit=100), _TEMPERATURE, _HUMIDITY)
_NEEDS_SHT = 0x0F

_MESSAGES = (
    _external(1, probe(7, per_unit=100)),
    _external(2, probe(7, per_unit=100)),
    _external(0),
    _external(5, Field(key="illuminance", at=7, size=2)),
    _external(6, Field(key="voltage", at=7, size=2, per_unit=1000)),
    _external(7, Field(key="count", at=7, size=2)),
    _external(8, Field(key="count", at=7, size=4)),
    Message(ports=(2,), length=11, fields=_TIMED_FIELDS, kind=((6, 0x4F, 9),), adjust=_of_an_instant),
    Message(ports=(2,), length=11, fields=_TIMED_FIELDS, kind=((6, 0x4F, 0x49),), adjust=_of_an_instant, repeats=True),
    Message(ports=(2,), length=11, fields=(BATTERY,), kind=((6, 0x4F, _NEEDS_SHT),)),
    *(
        Message(ports=(2,), length=11, fields=_BASE, kind=((6, 0x4F, kind),), adjust=_without_the_rest)
        for kind in (3, 4, 10, 11, 12, 13, 14)
    ),
    STATUS,
)


def _as_it_stands(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values if any(payload) else {})


def _stored(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, observed_ns=epoch_ns(payload, at=7), is_history=True)


def _now(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values if any(payload) else {}, observed_ns=epoch_ns(payload, at=7))


_E31F_MESSAGES = (
    Message(
        ports=(2,),
        length=11,
        fields=(
            *_BASE,
            Field(key="probe_temperature", at=7, size=2, is_signed=True, per_unit=100, bad=(32_767, -4000)),
            Field(key="relative_humidity.2", at=9, size=2, bits=12, per_unit=10, bad=(4095,), good=(0, 1000)),
        ),
        kind=((6, 0x40, 0),),
        adjust=_as_it_stands,
    ),
    STATUS,
)
_LHT52_FIELDS = (
    Field(key="air_temperature", at=0, size=2, is_signed=True, per_unit=100, bad=(32_767, -4000), good=(-4500, 12_500)),
    Field(key="relative_humidity", at=2, size=2, per_unit=10, bad=(0xFFFF,), good=(0, 1000)),
    probe(4, per_unit=100),
)
_LHT52_MESSAGES = (
    Message(ports=(2,), length=11, fields=_LHT52_FIELDS, adjust=_now),
    Message(ports=(3,), length=11, fields=_LHT52_FIELDS, adjust=_stored, repeats=True),
    Message(ports=(4,), length=8),
    STATUS,
)
_CODECS = (
    Codec(name="LHT65", messages=_MESSAGES),
    Codec(name="LHT65N", messages=_MESSAGES),
    Codec(name="LHT65N-E31F", messages=_E31F_MESSAGES),
    Codec(name="LHT52", messages=_LHT52_MESSAGES),
)


DEVICES = tuple(spec_of(codec, interval_s=1200) for codec in _CODECS)
