"""Cayenne LPP: channel number, type, data, big-endian, repeated; the maker or the person chooses the channel numbers.

Source: https://docs.mydevices.com/docs/lorawan/cayenne-lpp (types, sizes, resolutions)

    type  name                 data
    00    digital_in           u8
    01    digital_out          u8
    02    analog_in            s16 / 100
    03    analog_out           s16 / 100
    65    luminosity           u16 lx
    66    presence             u8
    67    temperature          s16 / 10 degC (signed: below zero is real)
    68    relative_humidity    u8 / 2 %
    71    accelerometer        x, y, z: s16 / 1000 g each
    73    barometric_pressure  u16 / 10 hPa
    86    gyrometer            x, y, z: s16 / 100 degrees/s each
    88    gps                  latitude, longitude: s24 / 1e4 degrees each; altitude: s24 / 100 m

A place in a payload is called type and channel, `temperature_3`, with the part behind where there are several:
`accelerometer_6_x`. Behind a type that is not known nothing can be read, because its length is not known.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from devices.lorawan import application_payload, frame_of, has_number
from devices.model import Decoded, Frame, PermanentError
from devices.wires.mapping import Mapped, number_of, value_of

_G_M_S2 = 9.80665
_FIRST_CHANNELS = (0, 1)
_MOST_CHANNEL = 99
_LAST_CHANNEL = 255
_NOTHING = Mapped()
_DEAD_PROBE = (3276.7, -3276.8, -127.0, 85.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One number of a type: `bytes` long, `per_unit` steps a unit; what it is when the site does not say."""

    name: str = ""
    size: int
    per_unit: int = 1
    is_signed: bool = False
    usual: Mapped = _NOTHING

    def number(self, data: bytes) -> float:
        """Return the number in the unit of Cayenne LPP."""
        return int.from_bytes(data, "big", signed=self.is_signed) / self.per_unit

    def data(self, number: float) -> bytes:
        """Return the bytes of a number; PermanentError where they have no room for it."""
        raw = round(number * self.per_unit) if math.isfinite(number) else None
        try:
            if raw is not None:
                return raw.to_bytes(self.size, "big", signed=self.is_signed)
        except OverflowError:
            pass
        raise PermanentError(f"{number:g} has no room in {self.size} bytes of 1/{self.per_unit}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type: its number, its name and its parts."""

    code: int
    name: str
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """How many bytes of data follow the type."""
        return sum(part.size for part in self.parts)


def _axes(quantity: str, *, per_unit: int, scale: float) -> tuple[Part, ...]:
    usual = (Mapped(quantity=f"{quantity}_{axis}" if quantity else "", scale=scale) for axis in "xyz")
    return tuple(
        Part(name=axis, size=2, per_unit=per_unit, is_signed=True, usual=one)
        for axis, one in zip("xyz", usual, strict=True)
    )


def _position() -> tuple[Part, ...]:
    degrees = (
        Part(name=name, size=3, per_unit=10_000, is_signed=True, usual=Mapped(quantity=name))
        for name in ("latitude", "longitude")
    )
    return (
        *degrees,
        Part(name="altitude", size=3, per_unit=100, is_signed=True, usual=Mapped(quantity="altitude")),
    )


_TEMPERATURE = Mapped(quantity="air_temperature", sentinels=_DEAD_PROBE)
_HUMIDITY = Mapped(quantity="relative_humidity", sentinels=(127.5,))
KINDS: tuple[Kind, ...] = (
    Kind(code=0x00, name="digital_in", parts=(Part(size=1, usual=Mapped(quantity="digital_input", maximum=1)),)),
    Kind(code=0x01, name="digital_out", parts=(Part(size=1, usual=Mapped(quantity="switch_on", maximum=1)),)),
    Kind(
        code=0x02,
        name="analog_in",
        parts=(Part(size=2, per_unit=100, is_signed=True, usual=Mapped(quantity="analog_input")),),
    ),
    Kind(code=0x03, name="analog_out", parts=(Part(size=2, per_unit=100, is_signed=True),)),
    Kind(
        code=0x65, name="luminosity", parts=(Part(size=2, usual=Mapped(quantity="illuminance", sentinels=(65_535.0,))),)
    ),
    Kind(code=0x66, name="presence", parts=(Part(size=1, usual=Mapped(quantity="presence", maximum=1)),)),
    Kind(code=0x67, name="temperature", parts=(Part(size=2, per_unit=10, is_signed=True, usual=_TEMPERATURE),)),
    Kind(code=0x68, name="relative_humidity", parts=(Part(size=1, per_unit=2, usual=_HUMIDITY),)),
    Kind(code=0x71, name="accelerometer", parts=_axes("acceleration", per_unit=1000, scale=_G_M_S2)),
    Kind(
        code=0x73,
        name="barometric_pressure",
        parts=(Part(size=2, per_unit=10, usual=Mapped(quantity="pressure", scale=100, sentinels=(6553.5,))),),
    ),
    Kind(code=0x86, name="gyrometer", parts=_axes("", per_unit=100, scale=1.0)),
    Kind(code=0x88, name="gps", parts=_position()),
)
_BY_CODE = {kind.code: kind for kind in KINDS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a number stands: type, channel, part."""

    kind: Kind
    channel: int
    part: Part

    @property
    def name(self) -> str:
        """How a site calls it: `temperature_3`, `gps_1_altitude`."""
        return "_".join(filter(None, (self.kind.name, str(self.channel), self.part.name)))


def place_called(name: str) -> Place | None:
    """Return the place that a site calls `name`, None for no place of this format."""
    for kind in KINDS:
        for part in kind.parts:
            match = re.fullmatch(f"{kind.name}_([0-9]{{1,3}}){'_' if part.name else ''}{part.name}", name)
            if match is not None and int(match[1]) <= _LAST_CHANNEL and str(int(match[1])) == match[1]:
                return Place(kind=kind, channel=int(match[1]), part=part)
    return None


_USUALLY = {part.usual.quantity: (kind, part) for kind in KINDS for part in kind.parts if part.usual.quantity}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cayenne:
    """How one device uses the format: `mapped` says by the name of a place what its number is.

    A place that is not in it is what its type usually is, on the channel of its own number: channel 0 or 1 is the
    plain quantity, 3 is `.3`; beyond 99 it is left out.
    """

    mapped: Mapping[str, Mapped]

    def decode(self, frame: Frame) -> Decoded:
        """Return the numbers of a payload by quantity.

        Raises PermanentError for a port that is no application's, an empty or cut payload, a place or a quantity that
        stands twice, a state that is neither 0 nor 1 and an unknown type with nothing readable before it.
        """
        payload = application_payload(frame)
        values: dict[str, float] = {}
        seen: set[tuple[int, int]] = set()
        at = 0
        while at < len(payload):
            kind = _kind_at(payload, at)
            if kind is None:
                if not seen:
                    raise PermanentError(f"type {payload[at + 1]:02x} of channel {payload[at]} is not known")
                return Decoded(values=values, is_partial=True)
            data = payload[at + 2 : at + 2 + kind.size]
            if len(data) < kind.size:
                raise PermanentError(f"{kind.name}_{payload[at]} is cut: {len(data)} of {kind.size} bytes")
            if (payload[at], kind.code) in seen:
                raise PermanentError(f"{kind.name}_{payload[at]} stands twice")
            seen.add((payload[at], kind.code))
            for key, value in self._read(kind, payload[at], data):
                if key in values:
                    raise PermanentError(f"{key} stands twice; say in the options what each channel is")
                values[key] = value
            at += 2 + kind.size
        return Decoded(values=values)

    def _read(self, kind: Kind, channel: int, data: bytes) -> Iterator[tuple[str, float]]:
        numbers = []
        for part in kind.parts:
            numbers.append(part.number(data[: part.size]))
            data = data[part.size :]
        if kind.name == "gps" and not _is_on_the_globe(numbers):
            numbers = [math.nan] * len(numbers)
        for part, number in zip(kind.parts, numbers, strict=True):
            key, mapped = self._meaning(Place(kind=kind, channel=channel, part=part))
            if key:
                yield key, number if math.isnan(number) else value_of(mapped, number)

    def _meaning(self, place: Place) -> tuple[str, Mapped]:
        """Return the key of a place and how its number is read; an empty key = nothing is made of it."""
        said = self.mapped.get(place.name)
        if said is not None:
            return said.quantity, said
        usual = place.part.usual
        if not usual.quantity or place.channel > _MOST_CHANNEL:
            return "", usual
        is_first = place.channel in _FIRST_CHANNELS
        return (usual.quantity if is_first else f"{usual.quantity}.{place.channel}"), usual

    def encode(self, decoded: Decoded) -> Frame:
        """Return the payload of what is given; PermanentError for what has no place or only a part of its place."""
        numbers: dict[tuple[int, int], dict[str, float]] = {}
        for key in decoded.values:
            if has_number(decoded.values, key):
                place, mapped = self._place_of(key)
                numbers.setdefault((place.channel, place.kind.code), {})[place.part.name] = _said(
                    mapped, decoded.values[key]
                )
        return frame_of(b"".join(_item(at, parts) for at, parts in sorted(numbers.items())), port=1)

    def _place_of(self, key: str) -> tuple[Place, Mapped]:
        name = next((name for name, one in self.mapped.items() if one.quantity == key), "")
        place = place_called(name) if name else _usual_place(key)
        if place is None or (not name and place.name in self.mapped):
            raise PermanentError(f"{key} has no place in the payload")
        return place, self.mapped[name] if name else place.part.usual


def _usual_place(key: str) -> Place | None:
    base, _, channel = key.partition(".")
    if base not in _USUALLY:
        return None
    kind, part = _USUALLY[base]
    return Place(kind=kind, channel=int(channel) if channel else _FIRST_CHANNELS[1], part=part)


def _kind_at(payload: bytes, at: int) -> Kind | None:
    if at + 1 >= len(payload):
        raise PermanentError(f"payload ends after channel {payload[at]}, its type is missing")
    return _BY_CODE.get(payload[at + 1])


def _is_on_the_globe(numbers: list[float]) -> bool:
    latitude, longitude = numbers[0], numbers[1]
    return (latitude, longitude) != (0.0, 0.0) and abs(latitude) <= 90 and abs(longitude) <= 180


def _said(mapped: Mapped, value: float) -> float:
    number = number_of(mapped, value)
    if any(math.isclose(number, one, abs_tol=0.05) for one in mapped.sentinels):
        raise PermanentError(f"{mapped.quantity} {value:g} is said only for no reading")
    return number


def _item(at: tuple[int, int], given: Mapping[str, float]) -> bytes:
    channel, code = at
    kind = _BY_CODE[code]
    missing = [part.name for part in kind.parts if part.name not in given]
    if missing:
        raise PermanentError(f"{kind.name}_{channel} is sent only whole; {', '.join(missing)} is not given")
    return bytes((channel, code)) + b"".join(part.data(given[part.name]) for part in kind.parts)
