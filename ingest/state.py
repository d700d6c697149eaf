"""What rules, checks and derivations remember: arrays with one record per subject, at three points in time.

`now` is after the newest row, `base` is at least the lateness older, `mid` lies between. A row that arrives out of
order sets the records of its unit back to `base`, and the rows since then are judged again in their right order. So
conclusions do not depend on the order of arrival, and no conclusion waits for late rows either.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from ingest.batch import Bools, Int32s, Int64s

Records = np.ndarray[Any, np.dtype[np.void]]

_FIRST_ROOM = 16
_SCAN_BEYOND = 16  # with more than every sixteenth subject's unit, looking at all subjects is faster than a list


class GrowingArray:
    """A numpy array to which rows are added; new rows hold `fill`."""

    def __init__(self, dtype: Any, *, fill: Any = 0) -> None:
        """Begin with no rows. `fill` is a scalar, or a tuple for a structured dtype."""
        self._fill = np.array(fill, dtype=dtype)
        self._room = np.full(_FIRST_ROOM, self._fill, dtype=dtype)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    @property
    def values(self) -> np.ndarray[Any, Any]:
        """The rows so far, as a view that may be written to; not valid after the next `grow`."""
        return self._room[: self._size]

    def grow(self, size: int) -> None:
        """Make it `size` rows long if it is shorter."""
        if size > len(self._room):
            room = np.full(max(size, 2 * len(self._room)), self._fill, dtype=self._room.dtype)
            room[: self._size] = self.values
            self._room = room
        self._size = max(self._size, size)

    def cut(self, count: int) -> None:
        """Drop the first `count` rows."""
        kept = self._size - count
        self._room[:kept] = self._room[count : self._size].copy()
        self._room[kept : self._size] = self._fill
        self._size = kept


class StateTable:
    """The records of one plugin, one per subject. `unit` says which subjects are judged again together."""

    def __init__(self, name: str, dtype: np.dtype[np.void], *, start: tuple[Any, ...]) -> None:
        """Begin with no subject. `start` is the record of a subject of which nothing is known."""
        self.name = name
        self.keys: list[str] = []
        self._places: dict[str, int] = {}
        self._of_unit: dict[int, list[int]] = {}
        self._unit = GrowingArray(np.int32)
        self._now, self._mid, self._base = (GrowingArray(dtype, fill=start) for _ in range(3))

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def now(self) -> Records:
        """Records (S,) after the newest row; rules write to it."""
        return self._now.values

    @property
    def unit(self) -> Int32s:
        """Unit of each subject (S,)."""
        return self._unit.values

    def add(self, key: str, *, unit: int) -> int:
        """Return the place of the subject `key`, adding it to `unit` when it is new."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.keys)
            self.keys.append(key)
            self._of_unit.setdefault(unit, []).append(place)
            for array in (self._unit, self._now, self._mid, self._base):
                array.grow(place + 1)
            self._unit.values[place] = unit
        return place

    def of_units(self, units: Int64s) -> Int64s:
        """Return the places (M,) of all subjects of `units` (U,)."""
        if len(units) * _SCAN_BEYOND > len(self.keys):
            wanted = np.zeros(max(int(self.unit.max(initial=0)), int(units.max(initial=0))) + 1, dtype=np.bool_)
            wanted[units] = True
            return np.flatnonzero(wanted[self.unit])
        return np.array([place for unit in units.tolist() for place in self._of_unit.get(unit, ())], dtype=np.int64)

    def versions(self) -> tuple[Records, Records, Records]:
        """Return the records (S,) at all three points in time, to write to."""
        return self._now.values, self._mid.values, self._base.values

    def rewind(self, units: Int64s) -> None:
        """Set the subjects of `units` back to `base`."""
        places = self.of_units(units)
        self._mid.values[places] = self._base.values[places]
        self._now.values[places] = self._base.values[places]

    def advance(self, units: Int64s) -> None:
        """Let `base` follow: `mid` becomes `base`, `now` becomes `mid`."""
        places = self.of_units(units)
        self._base.values[places] = self._mid.values[places]
        self._mid.values[places] = self._now.values[places]

    def settle(self, units: Int64s) -> None:
        """Make `now` final: nothing before it will be judged again."""
        places = self.of_units(units)
        self._base.values[places] = self._now.values[places]
        self._mid.values[places] = self._now.values[places]

    def dump(self, units: Sequence[int]) -> list[dict[str, bytes]]:
        """Return key and bytes (now, mid, base; one for all three when they are equal) of the subjects of each unit."""
        if not self.keys:
            return [{}] * len(units)
        owned = [self._of_unit.get(unit, ()) for unit in units]
        places = np.fromiter(chain.from_iterable(owned), np.int64)
        records, key_of = iter(self._records(places)), self.keys.__getitem__
        return [dict(zip(map(key_of, mine), records, strict=False)) for mine in owned]

    def _records(self, places: Int64s) -> list[bytes]:
        size = self._now.values.dtype.itemsize
        now, mid, base = (
            np.frombuffer(array.values[places].tobytes(), np.uint8).reshape(-1, size)
            for array in (self._now, self._mid, self._base)
        )
        is_one = ((now == mid) & (now == base)).all(axis=1)
        if is_one.all():
            return _cut(now.tobytes(), size)
        three = _cut(np.concatenate([now, mid, base], axis=1).tobytes(), 3 * size)
        return [record[:size] if one else record for record, one in zip(three, is_one.tolist(), strict=True)]

    def load(self, key: str, record: bytes) -> bool:
        """Set the subject `key` to what `dump` gave; False when it is unknown here or was written in another form."""
        place = self._places.get(key)
        dtype = self._now.values.dtype
        if place is None or len(record) not in (dtype.itemsize, 3 * dtype.itemsize):
            return False
        now, *others = np.frombuffer(record, dtype=dtype)
        mid, base = others or (now, now)
        self._now.values[place], self._mid.values[place], self._base.values[place] = now, mid, base
        return True


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def as_mask(places: Int64s, *, size: int) -> Bools:
    """Return a mask (size,) that is True at `places`."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[places] = True
    return mask
