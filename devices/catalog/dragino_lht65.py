"""Dragino LHT65 and LHT65N: temperature and humidity with a plug for an external sensor, on LoRaWAN, FPort 2.

Source: https://github.com/dragino/dragino-end-node-decoder

    byte   content (big-endian)
    0..1   battery status 2 bits, battery mV in the low 14 bits (external type 9: DS18B20 instead)
    2..3   temperature, s16 / 100 degC; 7FFF = no sensor
    4..5   relative humidity / 10 in the low 12 bits
    6      low 4 bits type of the external sensor, bit 6 answer to a poll of the log, bit 7 cable not connected
    7..10  external sensor by its type: 0 none, 1 DS18B20 s16 / 100, 5 illuminance u16 lx, 6 voltage u16 mV,
           7 count u16, 8 count u32, 9 Unix time u32 of this record
    FPort 5 status: battery only

Records with a time that were polled from the log are history; several may stand in one payload. A dead probe (327.67,
85.0) and the SHT's -40.00 are NaN. Behind other external types the bytes are not read (`is_partial`).
"""

from __future__ import annotations

import math

from devices.model import Decoded, DeviceSpec
from devices.payloads.dragino import BATTERY, STATUS, epoch_ns, probe
from devices.payloads.fields import Codec, Field, Message, Values

_SOURCE = "https://github.com/dragino/dragino-end-node-decoder"
_NOT_CONNECTED = 0x80
_FROM_LOG = 0x40
_TEMPERATURE = Field(
    key="air_temperature", at=2, size=2, is_signed=True, per_unit=100, bad=(32_767, -4000), good=(-4500, 12_500)
)  # fmt: skip
_HUMIDITY = Field(key="relative_humidity", at=4, size=2, bits=12, per_unit=10, bad=(4095,), good=(0, 1000))
_BASE = (_TEMPERATURE, _HUMIDITY, BATTERY)


def _by_cable(payload: bytes, values: Values) -> Decoded:
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
        for kind in (2, 3, 4, 10, 11, 12, 13, 14)
    ),
    STATUS,
)


def _spec(name: str) -> DeviceSpec:
    codec = Codec(name=name, messages=_MESSAGES)
    return DeviceSpec(
        model=f"dragino_{name.lower()}",
        vendor="Dragino",
        source_url=_SOURCE,
        quantities=codec.keys,
        expected_interval_s=1200,
        transport="lorawan",
        decode=codec.decode,
        encode=codec.encode,
        default_port=2,
        resolutions=codec.resolutions,
    )


DEVICES = (_spec("LHT65"), _spec("LHT65N"))
