"""Dragino contact sensors on LoRaWAN: LDS01/LDS02 (door), LWL01/LWL02 (leak), LDS03A (door), CPL01 (dry contact).

Source: https://github.com/dragino/dragino-end-node-decoder

    model            byte   content (big-endian)
    LDS01/02,        0..1   bit 15 open, bit 14 leak, low 14 bits battery mV
    LWL01/02         2      mode: 1 door, 2 leak, 3 both
    (port 10)        3..5   mode 1, 2: openings or leaks since the start, u24
                     6..8   mode 1, 2: length of the last one, minutes u24
                     9      mode 1, 3: bit 0 alarm (open for too long)
    LDS03A, CPL01    0      bit 0 open (disconnected), bit 1 alarm
    (port 2)         1..3   openings (CPL01: pulses) since the start, u24
                     4..6   length of the last opening, minutes u24
                     7..10  Unix time of the device, u32
    LDS03A, CPL01, port 3   a log of such records; port 4: configuration; port 5: status (battery)

The payload of port 10 has ten bytes: a shorter one is refused, because count and duration would be read beyond its
end. Every message is one edge (or a heartbeat): a bouncing contact gives many messages or, when the device has left
some out, a count that is higher by more than one; nothing is smoothed here. Port 2 is taken for port 10 too.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec
from devices.payloads.dragino import BATTERY, STATUS, epoch_ns, from_log
from devices.payloads.fields import Codec, Field, Message, Values

_SOURCE = "https://github.com/dragino/dragino-end-node-decoder"
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


_DOOR = _flags_message(1, _OPEN, _count(3), _minutes("open_duration", 6), _ALARM)
_WATER = _flags_message(2, _LEAK, _count(3), _minutes("leak_duration", 6))
_BOTH = _flags_message(3, _OPEN, _LEAK, _ALARM)

_TIMED_FIELDS = (
    Field(key="contact_open", at=0, low_bit=0, bits=1),
    Field(key="alarm", at=0, low_bit=1, bits=1),
    _count(1),
    _minutes("open_duration", 4),
)
_TIMED = (
    Message(ports=(2,), length=11, fields=_TIMED_FIELDS, adjust=_with_time),
    Message(ports=(3,), length=11, fields=_TIMED_FIELDS, adjust=from_log, repeats=True),
    Message(ports=(4,), length=7, is_open=True),
    STATUS,
)

_CODECS = (
    *((Codec(name=name, messages=(_DOOR, _WATER, _BOTH)), 10) for name in ("LDS01", "LDS02")),
    *((Codec(name=name, messages=(_WATER, _DOOR, _BOTH)), 10) for name in ("LWL01", "LWL02")),
    *((Codec(name=name, messages=_TIMED), 2) for name in ("LDS03A", "CPL01")),
)


def _spec(codec: Codec, port: int) -> DeviceSpec:
    return DeviceSpec(
        model=f"dragino_{codec.name.lower()}",
        vendor="Dragino",
        source_url=_SOURCE,
        quantities=codec.keys,
        expected_interval_s=86_400,
        transport="lorawan",
        decode=codec.decode,
        encode=codec.encode,
        default_port=port,
        resolutions=codec.resolutions,
    )


DEVICES = tuple(_spec(codec, port) for codec, port in _CODECS)
