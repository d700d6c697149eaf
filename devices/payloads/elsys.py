"""Elsys' TLV payload on LoRaWAN: a type byte, then its data, big-endian; any FPort (5 as delivered).

Source: https://www.elsys.se/en/elsys-payload/ (types, lengths and ranges)

    type  data
    01    temperature, s16 / 10 degC (signed: below zero is real)
    02    relative humidity, u8 %
    03    acceleration x, y, z, s8 each, 63 = 1 g
    04    illuminance, u16 lx
    05    movements seen since the last message, u8
    06    carbon dioxide, u16 ppm
    07    battery, u16 mV
    08    analog input, u16 mV; 18 the second one
    09    latitude, longitude, s24 / 1e4 degrees each, little-endian
    0A    pulses since the last message, u16; 16 of the second input
    0B    pulses counted, u32; 17 of the second input
    0C    external probe, s16 / 10 degC; 19 a further one, may stand several times
    0D    external contact, 0 or 1; 1A the second one
    0E    distance, u16 mm
    0F    shakes since the last message, u8
    10    infrared: temperature of the device, of the object seen, s16 / 10 degC each
    11    occupancy: 0 nobody, 1 somebody comes or goes, 2 somebody is there
    12    water between the pads: conductivity, u8, 0 = dry
    13    65 bytes of a heat picture
    14    pressure, u32 / 1000 hPa
    15    sound: peak, mean, u8 dB each
    1B    analog input, s32 uV
    1C    volatile organic compounds, u16 ppb
    3D    4 bytes for the maker
    3E    settings: length u8, then so many bytes; nothing measured

A type byte of 40 and more carries an offset, which no device sends by itself: it is not known here. Behind a type that
is not known nothing can be read: what stands before it is kept and marked partial. A probe that is not there says
-127, 85.0 or 3276.7 degC: no reading.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from devices.lorawan import application_payload, frame_of, has_number, steps
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.tlv import Channel, Field, Values, number, silent, state, tagged, written

PORT = 5
SOURCE_URL = "https://www.elsys.se/en/elsys-payload/"
_SETTINGS, _FURTHER_PROBE = 0x3E, 0x19
_MOST_PROBES = 99
_G_M_S2 = 9.80665
_STEPS: Mapping[str, float] = MappingProxyType(
    {
        "relative_humidity": 1.0,
        "analog_input": 1.0,
        "voltage": 0.001,
        "latitude": 1e-4,
        "longitude": 1e-4,
        **{f"acceleration_{axis}": _G_M_S2 / 63 for axis in "xyz"},
    }
)
_TEMPERATURES = (-32_767, 32_766)
_DEAD_PROBE = frozenset({-1270, 850})
_WORDS = (0, 65_534)


def _temperature(key: str) -> Field:
    return number(key, "h", _TEMPERATURES, 10)


def _probe(key: str) -> Field:
    return replace(_temperature(key), bad=_DEAD_PROBE)


def _numbers(head: str, *fields: Field) -> Channel:
    return tagged(head, struct.Struct(">" + "".join(field.code for field in fields)), fields)


def _read_motion(data: bytes) -> Values:
    return {"motion_count": float(data[0]), "occupancy": float(data[0] > 0)}


def _write_motion(decoded: Decoded) -> bytes | None:
    seen = [key for key in ("motion_count", "occupancy") if has_number(decoded.values, key)]
    if not seen:
        return None
    count = steps(decoded, seen[0], per_unit=1, limits=(0, 255))
    if has_number(decoded.values, "occupancy") and (count > 0) != (decoded.values["occupancy"] == 1):
        raise PermanentError(
            f"motion_count {count} and occupancy {decoded.values['occupancy']:g} contradict each other"
        )
    return bytes((count,))


def _read_water(data: bytes) -> Values:
    return {"water_leak": float(data[0] > 0), "analog_input": float(data[0])}


def _write_water(decoded: Decoded) -> bytes | None:
    said = [key for key in ("analog_input", "water_leak") if has_number(decoded.values, key)]
    if not said:
        return None
    conductivity = steps(decoded, said[0], per_unit=1, limits=(0, 255))
    if has_number(decoded.values, "water_leak") and (conductivity > 0) != (decoded.values["water_leak"] == 1):
        raise PermanentError(f"analog_input {conductivity} and water_leak {decoded.values['water_leak']:g} contradict")
    return bytes((conductivity,))


def _read_position(data: bytes) -> Values:
    degrees = [int.from_bytes(data[at : at + 3], "little", signed=True) / 10_000 for at in (0, 3)]
    is_real = degrees != [0.0, 0.0] and abs(degrees[0]) <= 90 and abs(degrees[1]) <= 180
    latitude, longitude = degrees if is_real else (math.nan, math.nan)
    return {"latitude": latitude, "longitude": longitude}


def _write_position(decoded: Decoded) -> bytes | None:
    given = [key for key in ("latitude", "longitude") if has_number(decoded.values, key)]
    if len(given) == 1:
        raise PermanentError(f"{given[0]} is sent only together with the other coordinate")
    limits = {"latitude": (-900_000, 900_000), "longitude": (-1_800_000, 1_800_000)}
    raws = [steps(decoded, key, per_unit=10_000, limits=limits[key]) for key in given]
    return b"".join(raw.to_bytes(3, "little", signed=True) for raw in raws) or None


def _read_shakes(data: bytes) -> Values:
    return {"vibration": float(data[0] > 0)}


def _write_shakes(decoded: Decoded) -> bytes | None:
    if not has_number(decoded.values, "vibration"):
        return None
    return bytes((steps(decoded, "vibration", per_unit=1, limits=(0, 1)),))


def _read_presence(data: bytes) -> Values:
    return {"presence": Field(key="presence", code="B", limits=(0, 2), meanings=(0.0, 1.0, 1.0)).value_of(data[0])}


def _write_presence(decoded: Decoded) -> bytes | None:
    if not has_number(decoded.values, "presence"):
        return None
    return bytes((2 * steps(decoded, "presence", per_unit=1, limits=(0, 1)),))


_AXES = tuple(number(f"acceleration_{axis}", "b", (-128, 127), 63 / _G_M_S2) for axis in "xyz")
TYPES: tuple[Channel, ...] = (
    _numbers("01", _temperature("air_temperature")),
    _numbers("02", number("relative_humidity", "B", (0, 100))),
    _numbers("03", *_AXES),
    _numbers("04", number("illuminance", "H", _WORDS)),
    Channel(head=b"\x05", size=1, read=_read_motion, write=_write_motion),
    _numbers("06", number("co2", "H", (1, 65_534))),
    _numbers("07", number("battery_voltage", "H", (1, 65_534), 1000)),
    _numbers("08", number("voltage", "H", _WORDS, 1000)),
    Channel(head=b"\x09", size=6, read=_read_position, write=_write_position),
    _numbers("0a", number("pulse_count", "H", (0, 65_535))),
    _numbers("0b", number("count", "I", (0, 2**32 - 2))),
    _numbers("0c", _probe("probe_temperature")),
    _numbers("0d", state("digital_input")),
    _numbers("0e", number("distance", "H", (1, 65_534), 1000)),
    Channel(head=b"\x0f", size=1, read=_read_shakes, write=_write_shakes),
    _numbers("10", _temperature("device_temperature"), _temperature("target_temperature")),
    Channel(head=b"\x11", size=1, read=_read_presence, write=_write_presence),
    Channel(head=b"\x12", size=1, read=_read_water, write=_write_water),
    silent("13", 65),
    _numbers("14", number("pressure", "I", (1, 2**32 - 2), 10)),
    _numbers("15", number("sound_level.2", "B", (0, 254)), number("sound_level", "B", (0, 254))),
    _numbers("16", number("pulse_count.2", "H", (0, 65_535))),
    _numbers("17", number("count.2", "I", (0, 2**32 - 2))),
    _numbers("18", number("voltage.2", "H", _WORDS, 1000)),
    _numbers("19", _probe("probe_temperature.2")),
    _numbers("1a", state("digital_input.2")),
    _numbers("1b", number("voltage.3", "i", (-(2**31) + 1, 2**31 - 2), 1_000_000)),
    _numbers("1c", number("tvoc", "H", _WORDS, 1000)),
    silent("3d", 4),
)
_BY_TYPE = {one.head[0]: one for one in TYPES}


@dataclass(frozen=True, slots=True, kw_only=True)
class Elsys:
    """The payload of one series. Types outside `types` are passed over: their lengths are known.

    `closed_is_one`: the external contact is a door's reed switch, 1 while the door is closed.
    """

    name: str
    types: frozenset[int]
    closed_is_one: bool = False

    def decode(self, frame: Frame) -> Decoded:
        """Return the readings of a payload; settings alone carry none.

        Raises PermanentError for a port that is no application's, an empty or cut payload, a state that does not
        exist and an unknown type with nothing readable before it.
        """
        payload = application_payload(frame)
        values: Values = {}
        at = 0
        while at < len(payload):
            kind = _kind_of(payload[at:])
            if kind is None:
                if not values:
                    raise PermanentError(f"type {payload[at]:02x} is not one of {self.name}")
                return Decoded(values=values, is_partial=True)
            data = payload[at + 1 : at + 1 + kind.size]
            if len(data) < kind.size:
                raise PermanentError(f"type {payload[at]:02x} is cut: {len(data)} of {kind.size} bytes")
            if payload[at] in self.types:
                _add(values, self._meant(kind.read(data)), is_further=payload[at] == _FURTHER_PROBE)
            at += 1 + kind.size
        return Decoded(values=values)

    def _meant(self, values: Values) -> Values:
        if self.closed_is_one and "digital_input" in values:
            return {"contact_open": 1.0 - values["digital_input"]}
        return values

    def encode(self, decoded: Decoded) -> Frame:
        """Return the payload of those readings that the series sends; PermanentError where the wire has no room."""
        values = dict(decoded.values)
        if self.closed_is_one and "contact_open" in values:
            values["digital_input"] = 1.0 - values.pop("contact_open")
        mine = (one for one in TYPES if one.head[0] in self.types)
        return frame_of(written(mine, replace(decoded, values=values)), port=PORT)


def _kind_of(rest: bytes) -> Channel | None:
    """Return the type at the front; the length of settings stands behind their type."""
    if rest[0] == _SETTINGS and len(rest) > 1:
        return silent(f"{_SETTINGS:02x}", 1 + rest[1])
    return silent(f"{_SETTINGS:02x}", 1) if rest[0] == _SETTINGS else _BY_TYPE.get(rest[0])


def _add(values: Values, read: Values, *, is_further: bool) -> None:
    """Add what a type said; of probes that share a type each further one has the next channel."""
    if not is_further:
        values |= read
        return
    taken = sum(key.startswith("probe_temperature.") for key in values)
    if taken + 2 <= _MOST_PROBES:
        values |= {f"probe_temperature.{taken + 2}": value for value in read.values()}


def spec_of(model: str, payload: Elsys, quantities: tuple[str, ...]) -> DeviceSpec:
    """Return the model that says these quantities in `payload`."""
    return DeviceSpec(
        model=model,
        vendor="Elsys",
        source_url=SOURCE_URL,
        quantities=quantities,
        expected_interval_s=3600,
        transport="lorawan",
        decode=payload.decode,
        encode=payload.encode,
        default_port=PORT,
        resolutions={key: step for key, step in _STEPS.items() if key in quantities},
    )
