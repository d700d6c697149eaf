"""Dragino GPS trackers on LoRaWAN: LGT-92 and TrackerD.

Source: https://github.com/dragino/dragino-end-node-decoder

    FPort    byte   content (big-endian)
    2        0..3   latitude, s32 / 1e6 degree     } 0, 0 or FFFFFFFF = no fix
             4..7   longitude, s32 / 1e6 degree    }
             8..9   bit 6 of byte 8: alarm button; low 14 bits battery mV
             10     mode, LED; TrackerD: bit 4 moving
      LGT-92 11..12 roll, 13..14 pitch, s16 / 100 degree; 15 HDOP / 100 (0 = none); 16..17 altitude s16 / 100 m
    TrackerD 11..12 humidity / 10 %; 13..14 temperature, s16 / 10 degC (signed: the maker's decoder reads it unsigned)
    2        LGT-92 before firmware 1.5 (12 bytes, 8 without motion sensor): latitude, longitude s24 / 1e4 degree, alarm
             and battery as above; 000000 = no fix, 0FFFFF = GPS off because the battery is low
    3        TrackerD: as 2, without humidity and temperature (11 bytes)
    4        TrackerD: log of positions: latitude, longitude, year u16, month, day, hour, minute, second (UTC)
    5        TrackerD: status, battery in bytes 5..6
    6, 8     TrackerD: Bluetooth beacon or Wi-Fi; alarm and battery in bytes 24..25, 7..8
    7        TrackerD: bytes 0..1 alarm and battery

Without a fix both coordinates are NaN; the device sends no older position then. The LGT-92's altitude is left out:
its 16 bits of centimetres wrap at 327 m; so are roll and pitch of the old form, of which two manuals disagree on the
unit. Temperature and humidity are those inside the tracker.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from devices.model import SECOND_NS, Decoded, PermanentError
from devices.payloads.dragino import position, spec_of
from devices.payloads.fields import Codec, Field, Message, Values
from devices.payloads.position import without_half_fixes

_PER_RADIAN = 100 * 180 / math.pi


def _sos(at: int) -> Field:
    return Field(key="sos", at=at, low_bit=6, bits=1)


def _battery(at: int) -> Field:
    return Field(key="battery_voltage", at=at, size=2, bits=14, per_unit=1000, bad=(0,))


def _with_fix(_payload: bytes, values: Values) -> Decoded:
    return Decoded(values=without_half_fixes(values))


def _logged(record: bytes, values: Values) -> Decoded:
    year, rest = int.from_bytes(record[8:10], "big"), record[10:15]
    try:
        at = datetime(year, rest[0], rest[1], rest[2], rest[3], rest[4], tzinfo=UTC)
    except ValueError:
        raise PermanentError(f"time {year}-{'-'.join(map(str, rest))} of a logged position is none") from None
    return Decoded(
        values=without_half_fixes(values), observed_ns=int(at.timestamp()) * SECOND_NS, is_history=True
    )  # fmt: skip


_OLD_HEAD = (
    Field(key="latitude", at=0, size=3, is_signed=True, per_unit=1e4, bad=(-1, 0x0FFFFF)),
    Field(key="longitude", at=3, size=3, is_signed=True, per_unit=1e4, bad=(-1, 0x0FFFFF)),
    _sos(6),
    _battery(6),
)
_MOVING = Field(key="in_trip", at=10, low_bit=4, bits=1)
_HEAD = (*position(0), _sos(8), _battery(8))

_LGT92 = Codec(
    name="LGT92",
    messages=(
        Message(
            ports=(2,),
            length=18,
            fields=(
                *_HEAD,
                Field(key="roll", at=11, size=2, is_signed=True, per_unit=_PER_RADIAN),
                Field(key="pitch", at=13, size=2, is_signed=True, per_unit=_PER_RADIAN),
                Field(key="hdop", at=15, per_unit=100, bad=(0,)),
            ),
            adjust=_with_fix,
        ),
        *(Message(ports=(2,), length=length, fields=_OLD_HEAD, adjust=_with_fix) for length in (12, 8)),
    ),
)
_TRACKERD = Codec(
    name="TrackerD",
    messages=(
        Message(
            ports=(2,),
            length=15,
            fields=(
                *_HEAD,
                _MOVING,
                Field(key="device_humidity", at=11, size=2, per_unit=10, good=(0, 1000)),
                Field(key="device_temperature", at=13, size=2, is_signed=True, per_unit=10, good=(-800, 1250)),
            ),
            adjust=_with_fix,
        ),
        Message(ports=(3,), length=11, fields=(*_HEAD, _MOVING), adjust=_with_fix),
        Message(ports=(4,), length=15, fields=position(0), adjust=_logged, repeats=True),
        Message(ports=(5,), length=7, fields=(_battery(5),), is_open=True),
        Message(ports=(6,), length=27, fields=(_sos(24), _battery(24)), is_open=True),
        Message(ports=(7,), length=3, fields=(_sos(0), _battery(0))),
        Message(ports=(8,), length=10, fields=(_sos(7), _battery(7))),
    ),
)


DEVICES = (spec_of(_LGT92, interval_s=7200), spec_of(_TRACKERD, interval_s=7200))
