"""Milesight EM300-DI: a pulse or contact input with temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM300-DI and EM300-DI_Hall: channel tables, examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    05      00    input, 0 low, 1 high
    05      C8    pulses counted, u32
    05 06   E1    water u16 / 10 per pulses u16 / 10, water counted f32
    85      00    input as above, then the device's own alarm u8
    85 86   E1    water as above, then the device's own alarm u8
    20      CE    history record: epoch s u32, temperature s16, humidity u8, kind u8, input u8, pulses u32
    21      CE    history record: epoch s u32, temperature s16, humidity u8, alarm u8, kind u8, input u8, water as above
    FF      ..    device info (power on, serial number, versions)

The kind of a record is 1 for the input, 2 for pulses. Water is counted in a unit that only the person knows who set
it; the pulses behind it are what the meter said, so the count is given: water x pulses per water.
"""

from __future__ import annotations

import math
import struct

from devices.lorawan import has_number, steps
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.payloads import milesight as m

_INPUT = m.state("digital_input")
_PULSES = m.number("count", "I", (0, 2**32 - 2))
_CLIMATE = struct.Struct("<hB")
_KIND_INPUT, _KIND_PULSES = 1, 2
_MOST_PULSES = float(2**53)


def _climate(data: bytes) -> m.Values:
    temperature, humidity = _CLIMATE.unpack(data[: _CLIMATE.size])
    return {"air_temperature": m.TEMPERATURE.value_of(temperature), "relative_humidity": m.HUMIDITY.value_of(humidity)}


def _counted(water_data: bytes) -> float:
    """Return the pulses behind the water counted, NaN where the numbers do not make a count."""
    water_step, pulse_step, water = struct.unpack("<HHf", water_data[:8])
    if water_step == 0 or not math.isfinite(water):
        return math.nan
    pulses = float(round(water * pulse_step / water_step))
    return pulses if 0 <= pulses <= _MOST_PULSES else math.nan


def _read_water(data: bytes) -> m.Values:
    return {"count": _counted(data)}


def _read_pulse_record(data: bytes) -> m.Values:
    kind, level, pulses = struct.unpack("<BBI", data[3:9])
    return _climate(data) | _said_of(kind, level, _PULSES.value_of(pulses))


def _read_water_record(data: bytes) -> m.Values:
    kind, level = data[4], data[5]
    return _climate(data) | _said_of(kind, level, _counted(data[6:14]))


def _said_of(kind: int, level: int, pulses: float) -> m.Values:
    if kind == _KIND_PULSES:
        return {"count": pulses}
    if kind == _KIND_INPUT:
        return {"digital_input": _INPUT.value_of(level)}
    raise PermanentError(f"history record of kind {kind}, known are {_KIND_INPUT} and {_KIND_PULSES}")


def _write_pulse_record(decoded: Decoded) -> bytes | None:
    if not (has_number(decoded.values, "air_temperature") and has_number(decoded.values, "relative_humidity")):
        return None
    climate = _CLIMATE.pack(m.TEMPERATURE.raw_of(decoded), m.HUMIDITY.raw_of(decoded))
    if has_number(decoded.values, "count"):
        return climate + struct.pack(
            "<BBI", _KIND_PULSES, 0, steps(decoded, "count", per_unit=1, limits=_PULSES.limits)
        )
    if has_number(decoded.values, "digital_input"):
        return climate + struct.pack("<BBI", _KIND_INPUT, _INPUT.raw_of(decoded), 0)
    return None


_TLV = m.Tlv(
    name="an EM300-DI",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.TEMPERATURE),
        m.channel("0468", m.HUMIDITY),
        m.channel("0500", _INPUT),
        m.channel("05c8", _PULSES),
        m.read_only("05e1", 8, _read_water),
        m.read_only("06e1", 8, _read_water),
        m.alarm("8500", _INPUT, pad=1),
        m.read_only("85e1", 9, _read_water),
        m.read_only("86e1", 9, _read_water),
    ),
    histories=(
        m.history_of(m.Channel(head=b"\x20\xce", size=9, read=_read_pulse_record, write=_write_pulse_record)),
        m.history_of(m.read_only("21ce", 14, _read_water_record)),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_em300_di",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("count", "digital_input", "air_temperature", "relative_humidity", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
