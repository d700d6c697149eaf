"""Dragino contact sensors on LoRaWAN: doors LDS01, LDS02, LDS03A, DS03A-LB, leaks LWL01, LWL02, LWL03A, dry contact
CPL01, button PB01-L.

Source: https://github.com/dragino/dragino-end-node-decoder

    model            byte   content (big-endian)
    LDS01/02,        0..1   bit 15 open, bit 14 leak, low 14 bits battery mV
    LWL01/02         2      mode: 1 door, 2 leak, 3 both
    (port 10)        3..5   mode 1, 2: openings or leaks since the start, u24
                     6..8   mode 1, 2: length of the last one, minutes u24
                     9      mode 1, 3: bit 0 alarm (open for too long)
    LDS03A, CPL01,   0      bit 0 open (disconnected, LWL03A: leak), bit 1 alarm
    DS03A-LB, LWL03A 1..3   openings (CPL01: pulses, LWL03A: leaks) since the start, u24
    (port 2)         4..6   length of the last one, minutes u24
                     7..10  Unix time of the device, u32
    DS03A-LB         0      bit 3 counts only since the last message; 11..17 a second door: as 0..6
    these, port 3           a log of such records; port 4: configuration; port 5: status (battery)
    PB01-L (port 2)  0..1   battery mV
                     3      bit 0 button pressed
                     4..5   temperature s16 / 10 degC; 6..7 humidity / 10

The payload of port 10 has ten bytes: a shorter one is refused, because count and duration would be read beyond its
end. Every message is one edge (or a heartbeat): a bouncing contact gives many messages or, when the device has left
some out, a count that is higher by more than one; nothing is smoothed here. Port 2 is taken for port 10 too. A button
is said only when it was pressed: a heartbeat is no press.
"""

from __future__ import annotations

from dataclasses import replace

from devices.model import Decoded
from devices.payloads.dragino import BATTERY, STATUS, epoch_ns, from_log, spec_of
from devices.payloads.fields import Codec, Field, Message, Values

_PER_SECOND = 1 / 60
_OPEN = Field(key="contact_open", at=0, low_bit=7, bits=1)
_LEAK = Field(key="water_leak", at=0, low_bit=6, bits=1)
_ALARM = Field(key="alarm", at=9, low_bit=0, bits=1)


def _flags_message(mode: int, *fields: Field) -> Message:
    return Message(ports=(10, 2), length=10, fields=(*fields, BATTERY), kind=((2, 0xFF, mode),))


def _count(at: int) -> Field:
    return Field(key="count", at=at, size=3)


def _minutes(key: str, at: int) -> Field:
    return Field(key=key, at=at, size=3, per_unit=_PER_SECOND)


def _with_time(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, observed_ns=epoch_ns(payload, at=7))


def _is_part(record: bytes) -> bool:
    """Whether the counts of a DS03A-LB begin anew with each message: no counter then."""
    return bool(record[0] & 0x08)


def _whole_counts(record: bytes, values: Values) -> Values:
    return {key: v for key, v in values.items() if not (key.startswith("count") and _is_part(record))}


def _door_with_time(payload: bytes, values: Values) -> Decoded:
    return _with_time(payload, _whole_counts(payload, values))


def _door_from_log(record: bytes, values: Values) -> Decoded:
    return from_log(record, _whole_counts(record, values))


def _pressed_or_not_said(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values={key: value for key, value in values.items() if key != "button" or value})


_DOOR = _flags_message(1, _OPEN, _count(3), _minutes("open_duration", 6), _ALARM)
_WATER = _flags_message(2, _LEAK, _count(3), _minutes("leak_duration", 6))
_BOTH = _flags_message(3, _OPEN, _LEAK, _ALARM)

_SETTINGS = Message(ports=(4,), length=7, is_open=True)


def _timed_fields(state: str, duration: str) -> tuple[Field, ...]:
    alarm = Field(key="alarm", at=0, low_bit=1, bits=1)
    return Field(key=state, at=0, low_bit=0, bits=1), alarm, _count(1), _minutes(duration, 4)


def _timed(*fields: Field) -> tuple[Message, ...]:
    return (
        Message(ports=(2,), length=11, fields=fields, adjust=_with_time),
        Message(ports=(3,), length=11, fields=fields, adjust=from_log, repeats=True),
        _SETTINGS,
        STATUS,
    )


_ONE_DOOR = _timed_fields("contact_open", "open_duration")
_TWO_DOORS = (
    *_ONE_DOOR,
    Field(key="contact_open.2", at=11, low_bit=0, bits=1),
    Field(key="alarm.2", at=11, low_bit=1, bits=1),
    Field(key="count.2", at=12, size=3),
    _minutes("open_duration.2", 15),
)
_DS03A = (
    Message(ports=(2,), length=11, fields=_ONE_DOOR, adjust=_door_with_time),
    Message(ports=(2,), length=18, fields=_TWO_DOORS, adjust=_door_with_time),
    Message(ports=(3,), length=11, fields=_ONE_DOOR, adjust=_door_from_log, repeats=True),
    _SETTINGS,
    STATUS,
)
_PB01 = (
    Message(
        ports=(2,),
        length=8,
        fields=(
            replace(BATTERY, bits=16),
            Field(key="button", at=3, low_bit=0, bits=1, codes={0: 0.0, 1: 1.0}),
            Field(key="air_temperature", at=4, size=2, is_signed=True, per_unit=10, bad=(32_767,), good=(-450, 1250)),
            Field(key="relative_humidity", at=6, size=2, per_unit=10, bad=(0xFFFF,), good=(0, 1000)),
        ),
        adjust=_pressed_or_not_said,
    ),
    STATUS,
)

_CODECS = (
    *((Codec(name=name, messages=(_DOOR, _WATER, _BOTH)), 10) for name in ("LDS01", "LDS02")),
    *((Codec(name=name, messages=(_WATER, _DOOR, _BOTH)), 10) for name in ("LWL01", "LWL02")),
    *((Codec(name=name, messages=_timed(*_ONE_DOOR)), 2) for name in ("LDS03A", "CPL01")),
    (Codec(name="DS03A-LB", messages=_DS03A), 2),
    (Codec(name="LWL03A", messages=_timed(*_timed_fields("water_leak", "leak_duration"))), 2),
    (Codec(name="PB01-L", messages=_PB01), 2),
)


DEVICES = tuple(spec_of(codec, interval_s=86_400, port=port) for codec, port in _CODECS)
