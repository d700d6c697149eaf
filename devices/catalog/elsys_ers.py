"""Elsys ERS series: rooms (temperature, humidity, light, movement; CO2, sound, VOC, heat picture by model), LoRaWAN.

Source: https://www.elsys.se/en/elsys-payload/ (types, lengths and ranges)

    type  data (big-endian), any FPort, 5 as delivered
    01    temperature, s16 / 10 degC (signed: below zero is real)
    02    relative humidity, u8 %
    04    illuminance, u16 lx
    05    movements seen since the last message, u8; `occupancy` is whether there were any
    06    carbon dioxide, u16 ppm
    07    battery, u16 mV
    10    infrared: temperature of the device, of the object seen, s16 / 10 degC each
    11    0 nobody, 1 somebody comes or goes, 2 somebody is there: `presence`
    13    65 bytes of a heat picture: nothing is made of them
    14    pressure, u32 / 1000 hPa
    15    sound: peak (`sound_level.2`), mean, u8 dB each
    1C    volatile organic compounds, u16 ppb
    3E    settings, on FPort 6

All models speak one payload and send what they have. ERS2 is the same. Silence is not "no movement".
"""

from __future__ import annotations

from devices.payloads.elsys import Elsys, spec_of

_TYPES = frozenset({0x01, 0x02, 0x04, 0x05, 0x06, 0x07, 0x10, 0x11, 0x14, 0x15, 0x1C})
_TLV = Elsys(name="an ERS", types=_TYPES)
_QUANTITIES = (
    "air_temperature",
    "relative_humidity",
    "illuminance",
    "occupancy",
    "motion_count",
    "presence",
    "co2",
    "tvoc",
    "sound_level",
    "pressure",
    "device_temperature",
    "target_temperature",
    "battery_voltage",
)
_MODELS = (
    "ers",
    "ers_lite",
    "ers_eye",
    "ers_co2",
    "ers_co2_lite",
    "ers_eco_co2",
    "ers_desk",
    "ers_sound",
    "ers_voc",
    "ersd_co2",
    "eiaqd10",
)


DEVICES = tuple(spec_of(f"elsys_{model}", _TLV, _QUANTITIES) for model in _MODELS)
