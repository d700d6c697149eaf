"""EnOcean equipment profiles: how bits of a telegram are quantities. What several profiles share stands here.

Source: https://www.enocean-alliance.org/eep/ (EnOcean Equipment Profiles); bit offsets count from the highest bit of
the first byte of user data, as there. `Frame.payload` is RORG, user data, status (see `enocean_radio`).

A 1BS or 4BS telegram whose learn bit (bit 3 of the last byte) is 0 is a teach-in: heard, but never data. A raw number
beyond its range is reserved or an error code: the value is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.wires.enocean_radio import FOUR_BS, ONE_BS

SOURCE = "https://www.enocean-alliance.org/eep/"

_LEARN_BIT = 0x08
_HOUR_S = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A quantity in `size` bits from `offset`: raw 0 is `low`, raw `raw_most` is `high`, in the quantity's unit.

    `known_bit`: the bit that says with 1 that the number is there at all.
    """

    key: str
    offset: int
    size: int
    raw_most: int
    low: Fraction
    high: Fraction
    known_bit: int | None = None

    @property
    def step(self) -> float:
        """The size of the last bit, in the quantity's unit."""
        return float(abs(self.high - self.low) / self.raw_most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A state in one bit; `one_means` is its value at 1."""

    key: str
    bit: int
    one_means: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The bits of one profile. `data_bytes` is the length of its user data."""

    name: str
    rorg: int
    data_bytes: int
    numbers: tuple[Number, ...] = ()
    flags: tuple[Flag, ...] = ()

    @property
    def is_taught(self) -> bool:
        """Whether its telegrams have a learn bit."""
        return self.rorg in {ONE_BS, FOUR_BS}


def number(key: str, bits: tuple[int, int], scale: tuple[int, str, str], *, known_bit: int | None = None) -> Number:
    """Return a Number at `bits` (offset, size); raw 0 … `scale[0]` stand for the decimals `scale[1]` … `scale[2]`."""
    return Number(
        key=key, offset=bits[0], size=bits[1], raw_most=scale[0], low=Fraction(scale[1]), high=Fraction(scale[2]),
        known_bit=known_bit,
    )  # fmt: skip


def user_data(frame: Frame, profile: Profile) -> bytes | None:
    """Return the user data of a telegram of `profile`, None for a teach-in.

    Raises PermanentError for another RORG or another length.
    """
    payload = frame.payload
    if len(payload) != profile.data_bytes + 2 or payload[0] != profile.rorg:
        kind = f"RORG 0x{payload[0]:02x}" if payload else "nothing"
        raise PermanentError(
            f"{kind} with {len(payload)} bytes is no telegram of {profile.name}: RORG 0x{profile.rorg:02x}, "
            f"{profile.data_bytes + 2} bytes"
        )
    data = payload[1:-1]
    return None if profile.is_taught and not data[-1] & _LEARN_BIT else data


def decode(frame: Frame, profile: Profile) -> Decoded:
    """Return what a telegram of `profile` says; no values for a teach-in.

    NaN = reserved or an error code. Raises PermanentError for a telegram of another kind or length.
    """
    data = user_data(frame, profile)
    if data is None:
        return Decoded(values={})
    values: dict[str, float] = {}
    for item in profile.numbers:
        if item.known_bit is None or get_bits(data, item.known_bit, size=1):
            raw = get_bits(data, item.offset, size=item.size)
            values[item.key] = _scaled(item, raw)
    for flag in profile.flags:
        values[flag.key] = float(bool(get_bits(data, flag.bit, size=1)) == flag.one_means)
    return Decoded(values=values)


def encode(decoded: Decoded, profile: Profile) -> Frame:
    """Return the telegram that says `decoded`.

    What is not given is said to be unknown where the profile can say so, else it is as at rest: raw 0, state 0.
    Raises PermanentError for a quantity it does not have, and for a value that has no place on the wire.
    """
    known = {item.key for item in profile.numbers} | {flag.key for flag in profile.flags}
    if not decoded.values or set(decoded.values) - known:
        raise PermanentError(f"{profile.name} says {', '.join(sorted(known))}, not {', '.join(decoded.values)}")
    bits = _LEARN_BIT if profile.is_taught else 0
    width = profile.data_bytes * 8
    for item in profile.numbers:
        value = decoded.values.get(item.key)
        bits |= _raw(item, value) << (width - item.offset - item.size)
        if item.known_bit is not None and value is not None:
            bits |= 1 << (width - 1 - item.known_bit)
    for flag in profile.flags:
        is_one = _state(flag, decoded.values.get(flag.key, 0.0)) == flag.one_means
        bits |= is_one << (width - 1 - flag.bit)
    return telegram(profile, bits.to_bytes(profile.data_bytes, "big"))


def telegram(profile: Profile, data: bytes, *, status: int = 0) -> Frame:
    """Return the frame of a telegram with this user data."""
    payload = bytes([profile.rorg]) + data + bytes([status])
    return Frame(gateway_id="", transport="enocean", address="", payload=payload, received_ns=0)


def get_bits(data: bytes, offset: int, *, size: int) -> int:
    """Return `size` bits from `offset`, which counts from the highest bit of the first byte."""
    return int.from_bytes(data, "big") >> (len(data) * 8 - offset - size) & ((1 << size) - 1)


def spec_of(profile: Profile, *, vendor: str = "EnOcean", interval_s: int = 3 * _HOUR_S) -> DeviceSpec:
    """Return the model of a profile that is nothing but numbers and flags. `interval_s` feeds the silence rule."""
    return DeviceSpec(
        model=f"enocean_{profile.name.lower().replace('-', '_')}",
        vendor=vendor,
        source_url=SOURCE,
        quantities=(*(flag.key for flag in profile.flags), *(item.key for item in profile.numbers)),
        expected_interval_s=interval_s,
        transport="enocean",
        decode=lambda frame: decode(frame, profile),
        encode=lambda decoded: encode(decoded, profile),
        resolutions={item.key: item.step for item in profile.numbers},
    )


def _scaled(item: Number, raw: int) -> float:
    return float(item.low + (item.high - item.low) * raw / item.raw_most) if raw <= item.raw_most else math.nan


def _raw(item: Number, value: float | None) -> int:
    """Return the raw number of `value`; a reserved one for NaN, and for None when nothing else says it is not known."""
    can_be_bad = item.raw_most + 1 < 1 << item.size
    if value is None:
        return item.raw_most + 1 if item.known_bit is None and can_be_bad else 0
    if math.isnan(value) and can_be_bad:
        return item.raw_most + 1
    raw = (
        -1 if not math.isfinite(value) else round((Fraction(value) - item.low) * item.raw_most / (item.high - item.low))
    )
    if not 0 <= raw <= item.raw_most:
        raise PermanentError(f"{item.key} {value} is not between {float(item.low)} and {float(item.high)}")
    return raw


def _state(flag: Flag, value: float) -> bool:
    if value not in {0.0, 1.0}:
        raise PermanentError(f"{flag.key} {value} is neither 0 nor 1")
    return value == 1.0
