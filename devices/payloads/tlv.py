"""Tagged values: payloads that are a run of tag and data, where the tag tells length and meaning of the data.

    part      meaning
    Field     one number: quantity, struct code, steps per unit, numbers that are readings
    Channel   a tag: its bytes, the length of its data, how they are read and written

What is a tag (one byte, or channel and type) and in which order bytes stand is for the family to say.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devices.lorawan import has_number, steps
from devices.model import Decoded, PermanentError

Values = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number behind a tag: its quantity, struct code and steps per unit of the quantity.

    `limits` are the whole numbers that are readings, `bad` those among them that are none; others are NaN. `meanings`:
    a state, whose numbers on the wire from `limits[0]` on mean these values; others are no state of this device.
    """

    key: str
    code: str
    per_unit: float = 1.0
    limits: tuple[int, int]
    bad: frozenset[int] = frozenset()
    meanings: tuple[float, ...] = ()

    def value_of(self, raw: int) -> float:
        """Return the reading in the quantity's unit, NaN for the sensor's sign of none.

        Raises PermanentError for a state that does not exist.
        """
        lo, hi = self.limits
        if self.meanings:
            if not lo <= raw <= hi:
                raise PermanentError(f"{self.key} state {raw} is none of {lo} to {hi}")
            return self.meanings[raw - lo]
        if not lo <= raw <= hi or raw in self.bad:
            return math.nan
        return raw / self.per_unit if self.per_unit >= 1 else raw * float(round(1 / self.per_unit))

    def raw_of(self, decoded: Decoded) -> int:
        """Return the number on the wire; PermanentError when there is none for the value."""
        if not self.meanings:
            return self._number_of(decoded)
        value = decoded.values[self.key]
        if value not in self.meanings:
            raise PermanentError(f"{self.key} {value:g} is none of {', '.join(f'{one:g}' for one in self.meanings)}")
        return self.limits[0] + self.meanings.index(value)

    def _number_of(self, decoded: Decoded) -> int:
        raw = steps(decoded, self.key, per_unit=self.per_unit, limits=self.limits)
        if raw in self.bad:
            raise PermanentError(f"{self.key} {decoded.values[self.key]:g} is the device's sign of no reading")
        return raw


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A tag: its bytes, how many bytes of data follow and what they say.

    `write` makes the data of those quantities that a `Decoded` has; None = nothing of this tag is given.
    """

    head: bytes
    size: int
    read: Callable[[bytes], Values]
    write: Callable[[Decoded], bytes | None]


def number(key: str, code: str, limits: tuple[int, int], per_unit: float = 1.0) -> Field:
    """Return a measured number; `limits` are on the wire."""
    return Field(key=key, code=code, limits=limits, per_unit=per_unit)


def state(key: str, meanings: tuple[float, ...] = (0.0, 1.0), *, first: int = 0) -> Field:
    """Return a state in one byte whose numbers, `first` and on, mean `meanings`."""
    return Field(key=key, code="B", limits=(first, first + len(meanings) - 1), meanings=meanings)


def tagged(head: str, layout: struct.Struct, fields: tuple[Field, ...]) -> Channel:
    """Return a tag whose data are numbers, one field for each number of `layout`."""

    def read(data: bytes) -> Values:
        return {field.key: field.value_of(raw) for field, raw in zip(fields, layout.unpack(data), strict=True)}

    def write(decoded: Decoded) -> bytes | None:
        return _packed(layout, fields, decoded)

    return Channel(head=bytes.fromhex(head), size=layout.size, read=read, write=write)


def _packed(layout: struct.Struct, fields: tuple[Field, ...], decoded: Decoded) -> bytes | None:
    given = [field.key for field in fields if has_number(decoded.values, field.key)]
    if not given:
        return None
    missing = [field.key for field in fields if field.key not in given]
    if missing:
        raise PermanentError(f"{', '.join(given)} is sent together with {', '.join(missing)}, which is not given")
    return layout.pack(*(field.raw_of(decoded) for field in fields))


def read_only(head: str, size: int, read: Callable[[bytes], Values]) -> Channel:
    """Return a tag that the simulator never sends."""
    return Channel(head=bytes.fromhex(head), size=size, read=read, write=lambda _: None)


def silent(head: str, size: int) -> Channel:
    """Return a tag whose length is known and of which no quantity is made."""
    return read_only(head, size, lambda _: {})


def written(channels: Iterable[Channel], decoded: Decoded) -> bytes:
    """Return all that the tags have to say of `decoded`, in their order."""
    said = ((one.head, one.write(decoded)) for one in channels)
    return b"".join(head + data for head, data in said if data is not None)
