"""Fixed binary layouts as tables: one table of fields reads a payload and makes it.

Many LoRaWAN devices send one of a few messages, told apart by FPort, length and a byte or two, whose fields stand at
fixed places. A `Message` is such a layout, a `Codec` the messages of a model:

    part      meaning
    Field     bytes `at`..`at+size`, of them `bits` from `low_bit` on; value = number / per_unit + shift
    Field.bad numbers by which the device says that it has no reading: NaN; the first one is sent for NaN
    Message   FPorts, exact length, bytes that must have a value (`kind`), byte order, fields
    Codec     the messages of one model, the ordinary one first
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from devices.lorawan import application_payload, frame_of
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import quantity

Values = dict[str, float]
Adjust = Callable[[bytes, Values], Decoded]
_BYTE_BITS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One quantity at a fixed place: value = number / per_unit + shift, in the quantity's unit.

    `bits` 0 = all bits of the bytes. Numbers in `bad` or outside `good` are no reading (NaN). What is not given is
    sent as the first of `bad`, else as `rest`. `codes` gives the value of a number instead of the formula; a number
    that it lacks is an error.
    """

    key: str
    at: int
    size: int = 1
    per_unit: float = 1.0
    shift: float = 0.0
    is_signed: bool = False
    low_bit: int = 0
    bits: int = 0
    codes: Mapping[int, float] | None = None
    bad: tuple[int, ...] = ()
    good: tuple[int, int] | None = None
    rest: int = 0

    @property
    def _limits(self) -> tuple[int, int]:
        bits = self.bits or self.size * _BYTE_BITS
        return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if self.is_signed else (0, (1 << bits) - 1)

    def read(self, payload: bytes, order: Literal["big", "little"]) -> float:
        """Return the value in the quantity's unit, NaN when the device says that it has none."""
        number = int.from_bytes(payload[self.at : self.at + self.size], order)
        number = number >> self.low_bit & ((1 << (self.bits or self.size * _BYTE_BITS)) - 1)
        lo, hi = self._limits
        number -= (hi - lo + 1) if number > hi else 0
        if number in self.bad or (self.good is not None and not self.good[0] <= number <= self.good[1]):
            return math.nan
        if self.codes is None:
            return number / self.per_unit + self.shift
        if number not in self.codes:
            raise PermanentError(f"{self.key} {number} is none of {', '.join(map(str, self.codes))}")
        return self.codes[number]

    def write(self, values: Mapping[str, float], raw: bytearray, order: Literal["big", "little"]) -> None:
        """Put the value of `values` into `raw`. Raises PermanentError naming value and limits without room for it."""
        lo, hi = self._limits
        number = self._number(values.get(self.key, math.nan)) & (hi - lo)
        old = int.from_bytes(raw[self.at : self.at + self.size], order)
        kept = old & ~((hi - lo) << self.low_bit)
        raw[self.at : self.at + self.size] = (kept | number << self.low_bit).to_bytes(self.size, order)

    def _number(self, value: float) -> int:
        if math.isnan(value):
            return self.bad[0] if self.bad else self.rest
        if self.codes is not None:
            return self._code_of(value, self.codes)
        lo, hi = self._limits if self.good is None else self.good
        number = round((value - self.shift) * self.per_unit) if math.isfinite(value) else lo - 1
        if not lo <= number <= hi or number in self.bad:
            ends = sorted((lo / self.per_unit + self.shift, hi / self.per_unit + self.shift))
            raise PermanentError(f"{self.key} {value:g} cannot be said: {ends[0]:g}..{ends[1]:g}, without {self.bad}")
        return number

    def _code_of(self, value: float, codes: Mapping[int, float]) -> int:
        found = next((number for number, meaning in codes.items() if meaning == value), None)
        if found is None:
            raise PermanentError(f"{self.key} {value:g} cannot be said: {sorted(set(codes.values()))}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One layout. `kind`: bytes that tell it apart, as (at, mask, value); `template` is what is sent around the fields.

    `adjust(payload, values)` finishes the decoding where fields depend on each other. Without fields nothing is
    measured. `repeats`: the payload is one or more such layouts one after the other (a log; records of
    zeros are none: "nothing stored in that time"). `is_open`: more bytes may
    follow, which are of no interest.
    """

    ports: tuple[int, ...]
    length: int
    fields: tuple[Field, ...] = ()
    order: Literal["big", "little"] = "big"
    kind: tuple[tuple[int, int, int], ...] = ()
    template: bytes = b""
    adjust: Adjust | None = None
    repeats: bool = False
    is_open: bool = False

    def fits(self, payload: bytes) -> bool:
        """Return whether length and kind are those of this message."""
        surplus = len(payload) % self.length if self.repeats else len(payload) - self.length
        if surplus < 0 or (surplus and not self.is_open) or len(payload) < self.length:
            return False
        return all(payload[at] & mask == value for at, mask, value in self.kind)

    def read(self, payload: bytes) -> Decoded:
        """Return what the payload says; of a log every record is one of `earlier`."""
        if self.repeats:
            records = [payload[at : at + self.length] for at in range(0, len(payload), self.length)]
            return Decoded(values={}, earlier=tuple(self._read_one(record) for record in records if any(record)))
        return self._read_one(payload)

    def _read_one(self, payload: bytes) -> Decoded:
        values = {field.key: field.read(payload, self.order) for field in self.fields}
        return Decoded(values=values) if self.adjust is None else self.adjust(payload, values)

    def write(self, values: Mapping[str, float]) -> bytes:
        """Return the payload that says `values`. Raises PermanentError where it has no room for one."""
        raw = bytearray(self.template.ljust(self.length, b"\x00"))
        for at, mask, value in self.kind:
            raw[at] = raw[at] & ~mask & 0xFF | value
        for field in self.fields:
            field.write(values, raw, self.order)
        return bytes(raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Codec:
    """The messages of one model, by FPort, length and kind; the first that has room for all values is sent."""

    name: str
    messages: tuple[Message, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The quantities without channel, in the order of the table."""
        keys = [field.key.partition(".")[0] for message in self.messages for field in message.fields]
        return tuple(dict.fromkeys(keys))

    @property
    def resolutions(self) -> dict[str, float]:
        """The steps on the wire that are coarser than the quantity's own."""
        fields = [field for message in self.messages for field in message.fields]
        return coarse_steps((field.key.partition(".")[0], abs(1 / field.per_unit)) for field in fields)

    def decode(self, frame: Frame) -> Decoded:
        """Return what the payload says.

        Raises PermanentError for a port, length or kind that the model does not have.
        """
        payload = application_payload(frame)
        for_port = [message for message in self.messages if frame.port in message.ports]
        if not for_port:
            ports = sorted({port for message in self.messages for port in message.ports})
            raise PermanentError(f"FPort {frame.port} is none of a {self.name}: {', '.join(map(str, ports))}")
        for message in for_port:
            if message.fits(payload):
                return message.read(payload)
        lengths = ", ".join(str(n) for n in sorted({message.length for message in for_port}))
        raise PermanentError(
            f"{len(payload)} bytes {payload[:4].hex()} on FPort {frame.port} are no message of a {self.name} "
            f"(lengths: {lengths})"
        )  # fmt: skip

    def encode(self, decoded: Decoded) -> Frame:
        """Return the payload of the first message that carries all given quantities and says just that.

        Raises PermanentError when no message does, or one value has no room on the wire.
        """
        wanted = {key for key, value in decoded.values.items() if not math.isnan(value)}
        for message in self.messages:
            if message.fields and not message.repeats and wanted <= {field.key for field in message.fields}:
                return self._said(message, decoded.values, wanted)
        raise PermanentError(f"a {self.name} has no message that carries {', '.join(sorted(wanted)) or 'nothing'}")

    def _said(self, message: Message, values: Mapping[str, float], wanted: Iterable[str]) -> Frame:
        frame = frame_of(message.write(values), port=message.ports[0])
        arrived = self.decode(frame).values
        lost = [key for key in wanted if math.isnan(arrived.get(key, math.nan))]
        if lost:
            raise PermanentError(f"a {self.name} cannot say {', '.join(sorted(lost))} with the other values")
        return frame


def lorawan_spec(codec: Codec, *, vendor: str, source_url: str, interval_s: int = 86_400) -> DeviceSpec:
    """Return the LoRaWAN model that `codec` reads; it is expected to speak every `interval_s`.

    Its name is made of the vendor's and the codec's; it usually speaks on the first port of its ordinary message.
    """
    name = f"{vendor} {codec.name}".lower().replace(" ", "_").replace("-", "_")
    return DeviceSpec(
        model=name,
        vendor=vendor,
        source_url=source_url,
        quantities=codec.keys,
        expected_interval_s=interval_s,
        transport="lorawan",
        decode=codec.decode,
        encode=codec.encode,
        default_port=codec.messages[0].ports[0],
        resolutions=codec.resolutions,
    )


def coarse_steps(steps: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return of (quantity, step on the wire) the largest step a quantity that is coarser than the quantity's own."""
    found: dict[str, float] = {}
    for key, step in steps:
        if step > quantity(key).resolution:
            found[key] = max(step, found.get(key, 0.0))
    return found
