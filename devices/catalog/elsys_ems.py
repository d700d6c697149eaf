"""Elsys EMS series: doors, leaks, desks (contact, water pads, shakes, temperature, humidity), LoRaWAN.

Source: https://www.elsys.se/en/elsys-payload/ (types, lengths and ranges)

    type  data (big-endian), any FPort, 5 as delivered
    01    temperature, s16 / 10 degC (signed: below zero is real)
    02    relative humidity, u8 %
    03    acceleration x, y, z, s8 each, 63 = 1 g
    07    battery, u16 mV
    0A    openings since the last message, u16
    0B    openings counted, u32
    0D    reed switch, 1 while the door is closed: `contact_open` is the opposite
    0F    shakes since the last message, u8: `vibration` is whether there were any
    11    0 nobody, 1 somebody comes or goes, 2 somebody is there: `presence`
    12    water between the pads, u8: `analog_input`; above 0 `water_leak`
    3E    settings, on FPort 6
"""

from __future__ import annotations

from devices.payloads.elsys import Elsys, spec_of

_TYPES = frozenset({0x01, 0x02, 0x03, 0x07, 0x0A, 0x0B, 0x0D, 0x0F, 0x11, 0x12})
_TLV = Elsys(name="an EMS", types=_TYPES, closed_is_one=True)
_QUANTITIES = (
    "contact_open",
    "count",
    "pulse_count",
    "water_leak",
    "analog_input",
    "presence",
    "vibration",
    "air_temperature",
    "relative_humidity",
    "acceleration_x",
    "acceleration_y",
    "acceleration_z",
    "battery_voltage",
)

_MODELS = ("ems", "ems_desk", "ems_door", "ems_lite")

DEVICES = tuple(spec_of(f"elsys_{model}", _TLV, _QUANTITIES) for model in _MODELS)
