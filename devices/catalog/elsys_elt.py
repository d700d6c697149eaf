"""Elsys ELT series: a housing for external probes (temperature, pulses, contacts, distance, analog), LoRaWAN.

Source: https://www.elsys.se/en/elsys-payload/ (types, lengths and ranges)

    type  data (big-endian), any FPort, 5 as delivered
    01    temperature inside the housing, s16 / 10 degC (signed: below zero is real)
    02    relative humidity inside the housing, u8 %
    03    acceleration x, y, z, s8 each, 63 = 1 g
    07    battery, u16 mV
    08    analog input, u16 mV; 18 the second one (`voltage.2`); 1B s32 uV (`voltage.3`)
    09    latitude, longitude, s24 / 1e4 degrees each, little-endian
    0A    pulses since the last message, u16; 16 of the second input
    0B    pulses counted, u32; 17 of the second input
    0C    external probe, s16 / 10 degC; 19 a further one (`probe_temperature.2` and on)
    0D    external contact, 0 or 1; 1A the second one
    0E    distance, u16 mm
    0F    shakes since the last message, u8: `vibration` is whether there were any
    10    infrared: temperature of the device, of the object seen, s16 / 10 degC each
    12    water between the pads, u8: `analog_input`; above 0 `water_leak`
    14    pressure, u32 / 1000 hPa
    3E    settings, on FPort 6

A probe that is not there says -127, 85.0 or 3276.7 degC: NaN.
"""

from __future__ import annotations

from devices.payloads.elsys import Elsys, spec_of

_PROBES = {0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x12, 0x16, 0x17, 0x19, 0x1A}
_TYPES = frozenset({0x01, 0x02, 0x03, 0x07, 0x08, 0x09, 0x14, 0x18, 0x1B} | _PROBES)
_TLV = Elsys(name="an ELT", types=_TYPES)
_QUANTITIES = (
    "air_temperature",
    "relative_humidity",
    "probe_temperature",
    "distance",
    "pressure",
    "digital_input",
    "count",
    "pulse_count",
    "voltage",
    "water_leak",
    "analog_input",
    "vibration",
    "acceleration_x",
    "acceleration_y",
    "acceleration_z",
    "device_temperature",
    "target_temperature",
    "latitude",
    "longitude",
    "battery_voltage",
)

DEVICES = tuple(spec_of(model, _TLV, _QUANTITIES) for model in ("elsys_elt", "elsys_elt_2"))
