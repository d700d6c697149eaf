"""Dragino sensors with probes on LoRaWAN, FPort 2: LSE01 (soil), LSN50v2-D20/D22/D23 and D20/D22/D23-LB (one to three
DS18B20), LSN50v2-S31 and S31-LB (SHT31 for the air).

Source: https://github.com/dragino/dragino-end-node-decoder

    model      byte   content (big-endian)
    LSE01      0..1   battery mV, low 14 bits
               2..3   DS18B20, s16 / 10 degC
               4..5   soil moisture, / 100 %
               6..7   soil temperature, s16 / 100 degC
               8..9   conductivity uS/cm
    LSN50v2-D, 0..1   battery mV
    D2x-LB     2..3   first probe, s16 / 10 degC   } FFFF = no probe (so is 327.6; 85.0 = just powered)
               6      bits 2..6 mode: 3; bit 0 alarm
               7..8   second probe                 }
               9..10  third probe                  }
    S31        0..1   battery mV
               6      bits 2..6 mode: 0
               7..8   air temperature, s16 / 10 degC
               9..10  relative humidity, / 10 %; 0 = another sensor is plugged in
    all, FPort 5      status: battery only

FFFF is what the maker calls "NULL": a probe at just -0.1 degC cannot be told from none, and is NaN. Other modes
(analogue inputs, alarm settings) are refused. What stands in bytes 2 to 5 of an S31 differs between its firmwares
(time or analogue inputs) and is not read.
"""

from __future__ import annotations

from dataclasses import replace

from devices.model import Decoded
from devices.payloads.dragino import BATTERY, STATUS, probe, spec_of
from devices.payloads.fields import Codec, Field, Message, Values

_NULL = -1
_MODE_3 = 0x0C


def _probe(channel: int, at: int) -> Field:
    field = probe(at, per_unit=10)
    key = field.key if channel == 1 else f"{field.key}.{channel}"
    return replace(field, key=key, bad=(_NULL, *field.bad))


_SOIL = Message(
    ports=(2, 1),
    length=11,
    fields=(
        Field(key="soil_moisture", at=4, size=2, per_unit=100, good=(0, 10_000), bad=(0xFFFF,)),
        Field(key="soil_temperature", at=6, size=2, is_signed=True, per_unit=100, good=(-8000, 8000), bad=(32_767,)),
        Field(key="conductivity", at=8, size=2, per_unit=10_000, bad=(0xFFFF,)),
        probe(2, per_unit=10),
        BATTERY,
    ),
)


def _probes(*probes: Field) -> Message:
    battery = replace(BATTERY, bits=16)
    return Message(ports=(2,), length=11, fields=(*probes, battery), kind=((6, 0x7C, _MODE_3),))


def _air(payload: bytes, values: Values) -> Decoded:
    has_sht = any(payload[9:11])
    return Decoded(values=values if has_sht else {"battery_voltage": values["battery_voltage"]})


_SHT31 = Message(
    ports=(2,),
    length=11,
    fields=(
        replace(BATTERY, bits=16),
        Field(key="air_temperature", at=7, size=2, is_signed=True, per_unit=10, bad=(32_767,), good=(-450, 1250)),
        Field(key="relative_humidity", at=9, size=2, per_unit=10, bad=(0xFFFF,), good=(0, 1000)),
    ),
    kind=((6, 0x7C, 0),),
    adjust=_air,
)
_PROBES = (_probe(1, 2), _probe(2, 7), _probe(3, 9))
_CODECS = (
    Codec(name="LSE01", messages=(_SOIL, STATUS)),
    *(Codec(name=name, messages=(_probes(*_PROBES[:1]), STATUS)) for name in ("LSN50v2-D20", "D20-LB")),
    *(Codec(name=name, messages=(_probes(*_PROBES[:2]), STATUS)) for name in ("LSN50v2-D22", "D22-LB")),
    *(Codec(name=name, messages=(_probes(*_PROBES), STATUS)) for name in ("LSN50v2-D23", "D23-LB")),
    *(Codec(name=name, messages=(_SHT31, STATUS)) for name in ("LSN50v2-S31", "S31-LB")),
)


DEVICES = tuple(spec_of(codec, interval_s=1200) for codec in _CODECS)
