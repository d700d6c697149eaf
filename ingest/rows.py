"""Readings that came in, as columns in their order of arrival: no object is made for a reading on its way in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

from devices.model import Quantity, Reading
from devices.senml_records import RecordError
from devices.senml_resolve import resolve_name
from ingest.batch import NO_SEQ, Bools, Bytes, Floats, Int32s, Int64s
from ingest.state import GrowingArray

ANY_UNIT = 0
"""The code of a unit that was not given: the one of the quantity is meant."""

UNKNOWN_UNIT = -1
NO_NAME = -1

_RULE = np.dtype([("lo", np.float64), ("hi", np.float64), ("unit", np.int32), ("is_whole", np.bool_)])


class _Units(dict[str, int]):
    """Codes of the units that names have; UNKNOWN_UNIT for every other."""

    def __missing__(self, unit: str) -> int:
        return UNKNOWN_UNIT


class NameBook(dict[str, int]):
    """Numbers for the names `<device_id>/<quantity>` in the order in which they were met, and what holds for each.

    Asked for a name that is none, it answers NO_NAME and remembers nothing.
    """

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self._keys: list[tuple[str, Quantity]] = []
        self._label_values: dict[tuple[int, str], float] = {}
        self._rules = GrowingArray(_RULE)
        self.units = _Units({"": ANY_UNIT})

    def __missing__(self, name: str) -> int:
        try:
            device_id, meant = resolve_name(name)
        except RecordError:
            return NO_NAME
        number = self[name] = len(self._keys)
        self._keys.append((device_id, meant))
        self._rules.grow(number + 1)
        unit = self.units.setdefault(meant.senml_unit, len(self.units))
        self._rules.values[number] = (meant.lo, meant.hi, unit, meant.kind in ("state", "event"))
        return number

    def key(self, number: int) -> tuple[str, Quantity]:
        """Return device and quantity of a number. Raises IndexError for one that was never given."""
        return self._keys[number]

    def label_value(self, number: int, label: str) -> float:
        """Return what a label of an enumeration stands for; NaN when the quantity has no such label."""
        found = self._label_values.get((number, label))
        if found is None:
            labels = self._keys[number][1].labels
            if label not in labels:
                return math.nan
            found = self._label_values[number, label] = float(labels.index(label))
        return found

    @property
    def rules(self) -> np.ndarray[Any, np.dtype[np.void]]:
        """What values of each name (G,) must be: `lo`, `hi`, `unit` as `units` gives it, `is_whole`."""
        return self._rules.values


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows(Sequence[Reading]):
    """N readings in order of arrival; read one by one they are `Reading`s, made when asked for.

    All columns have shape (N,). `name` is the number in `book` of device and quantity; `seq` is NO_SEQ (-1) where the
    device has no counter; `clock` 0 = gateway, 1 = device; `gateway` the id of the gateway, empty when not stated.
    """

    book: NameBook
    name: Int32s
    observed_ns: Int64s
    received_ns: Int64s
    seq: Int64s
    value: Floats
    resent: Bools
    clock: Bytes
    gateway: Sequence[str]

    def __len__(self) -> int:
        return len(self.name)

    @overload
    def __getitem__(self, place: int) -> Reading: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Reading]: ...
    def __getitem__(self, place: int | slice) -> Reading | Sequence[Reading]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        device_id, meant = self.book.key(int(self.name[place]))
        seq = int(self.seq[place])
        return Reading(
            device_id=device_id, quantity=meant.key, value=float(self.value[place]),
            observed_ns=int(self.observed_ns[place]), received_ns=int(self.received_ns[place]),
            clock="device" if self.clock[place] else "gateway", seq=None if seq == NO_SEQ else seq,
            gateway_id=self.gateway[place], resent=bool(self.resent[place]),
        )  # fmt: skip

    def __iter__(self) -> Iterator[Reading]:
        return (self[place] for place in range(len(self)))

    def take(self, places: Int64s) -> Rows:
        """Return the readings at these places (M,), in that order."""
        return Rows(
            book=self.book, name=self.name[places], observed_ns=self.observed_ns[places],
            received_ns=self.received_ns[places], seq=self.seq[places], value=self.value[places],
            resent=self.resent[places], clock=self.clock[places],
            gateway=[self.gateway[place] for place in places.tolist()],
        )  # fmt: skip


def joined(parts: Sequence[Rows]) -> Rows:
    """Return the readings of parts (at least one) that share a book, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    return Rows(
        book=parts[0].book,
        name=np.concatenate([part.name for part in parts]),
        observed_ns=np.concatenate([part.observed_ns for part in parts]),
        received_ns=np.concatenate([part.received_ns for part in parts]),
        seq=np.concatenate([part.seq for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        resent=np.concatenate([part.resent for part in parts]),
        clock=np.concatenate([part.clock for part in parts]),
        gateway=[gateway for part in parts for gateway in part.gateway],
    )


def in_columns(parts: Sequence[Sequence[Reading]]) -> Sequence[Reading]:
    """Return the readings of all parts one after the other, as columns when any part is of columns."""
    if len(parts) == 1:
        return parts[0]
    books = [part.book for part in parts if isinstance(part, Rows)]
    if not books:
        return [reading for part in parts for reading in part]
    # names may have been forgotten between two parts; the later book is the one that stays
    book = books[-1]
    is_fit = [isinstance(part, Rows) and part.book is book for part in parts]
    return joined([part if fits else rows_of(part, book) for part, fits in zip(parts, is_fit, strict=True)])  # type: ignore[misc]


def rows_of(readings: Sequence[Reading], book: NameBook) -> Rows:
    """Return readings whose names and quantities are sound (N,) as columns; order kept."""
    count = len(readings)
    return Rows(
        book=book,
        name=np.fromiter((book[f"{r.device_id}/{r.quantity}"] for r in readings), np.int32, count),
        observed_ns=np.fromiter((r.observed_ns for r in readings), np.int64, count),
        received_ns=np.fromiter((r.received_ns for r in readings), np.int64, count),
        seq=np.fromiter((NO_SEQ if r.seq is None else r.seq for r in readings), np.int64, count),
        value=np.fromiter((r.value for r in readings), np.float64, count),
        resent=np.fromiter((r.resent for r in readings), np.bool_, count),
        clock=np.fromiter((r.clock == "device" for r in readings), np.uint8, count),
        gateway=[r.gateway_id for r in readings],
    )
