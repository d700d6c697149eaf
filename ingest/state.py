"""What rules, checks and derivations remember: arrays with one record per subject, at three points in time.

`now` is after the newest row, `base` is at least the lateness older, `mid` lies between. A row that arrives out of
order sets the records of its unit back to `base`, and the rows since then are judged again in their right order. So
conclusions do not depend on the order of arrival, and no conclusion waits for late rows either.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ingest.batch import Bools, Int32s, Int64s
from ingest.belonging import Belonging

Records = np.ndarray[Any, np.dtype[np.void]]

_FIRST_ROOM = 16


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
            room = np.full(max(size, 5 * len(self._room) // 4), self._fill, dtype=self._room.dtype)
            room[: self._size] = self.values
            self._room = room
        self._size = max(self._size, size)


class StateTable:
    """The records of one plugin, one per subject. `unit` says which subjects are judged again together.

    It knows which records changed since the last `changes`, so that a commit writes these only.
    """

    def __init__(self, name: str, dtype: np.dtype[np.void], *, start: tuple[Any, ...]) -> None:
        """Begin with no subject. `start` is the record of a subject of which nothing is known."""
        self.name = name
        self.keys: list[str] = []
        self._places: dict[str, int] = {}
        self._belonging = Belonging()
        self._unit = GrowingArray(np.int32)
        self._start = np.array(start, dtype=dtype)
        self._now, self._mid, self._base = (GrowingArray(dtype, fill=start) for _ in range(3))
        # 2: `now` may differ from `mid`; 1: `mid` may differ from `base`; 0: all three are equal
        self._spread = GrowingArray(np.uint8)
        self._seen = _read_only(self._now.values)
        self._is_spread = False  # of none at all, as in most tables most of the time
        self._written: list[Int64s] = []
        self._moved: list[Int64s] = []

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def now(self) -> Records:
        """Records (S,) after the newest row, to look at; see `touch`."""
        return self._seen

    def touch(self, places: Int64s | Int32s | Sequence[int]) -> Records:
        """Return the records (S,) after the newest row, to write to those at `places` (M,)."""
        if len(places):
            at = np.asarray(places, dtype=np.int64)
            self._written.append(at)
            self._spread.values[at] = 2
            self._is_spread = True
        return self._now.values

    @property
    def unit(self) -> Int32s:
        """Unit of each subject (S,)."""
        return self._unit.values

    @property
    def start_record(self) -> bytes:
        """The record of a subject of which nothing is known."""
        return self._start.tobytes()

    def add(self, key: str, *, unit: int) -> int:
        """Return the place of the subject `key`, adding it to `unit` when it is new."""
        place = self._places.get(key)
        if place is None:
            place = self._places[key] = len(self.keys)
            self.keys.append(key)
            for array in (self._unit, self._now, self._mid, self._base, self._spread):
                array.grow(place + 1)
            self._unit.values[place] = unit
            self._seen = _read_only(self._now.values)
        return place

    def place_of(self, key: str) -> int | None:
        """Return the place of the subject `key`; None when it is unknown."""
        return self._places.get(key)

    def of_units(self, units: Int64s) -> Int64s:
        """Return the places (M,) of all subjects of `units` (U,), which must differ."""
        if self._belonging.subjects < len(self.keys):
            self._belonging.learn(self.unit)
        return self._belonging.places(units)

    def versions(self, places: Int64s) -> tuple[Records, Records, Records]:
        """Return the records (S,) at all three points in time, to write to those at `places` (M,)."""
        self._note_moved(places)
        if len(places):
            self._spread.values[places] = 2
            self._is_spread = True
        return self._now.values, self._mid.values, self._base.values

    def rewind(self, units: Int64s) -> None:
        """Set the subjects of `units` back to `base`."""
        places = self._spread_in(units)
        if len(places):
            self._mid.values[places] = self._now.values[places] = self._base.values[places]
            self._spread.values[places] = 0

    def advance(self, units: Int64s) -> None:
        """Let `base` follow: `mid` becomes `base`, `now` becomes `mid`."""
        places = self._spread_in(units)
        if len(places):
            self._base.values[places] = self._mid.values[places]
            self._mid.values[places] = self._now.values[places]
            self._spread.values[places] -= 1

    def settle(self, units: Int64s) -> None:
        """Make `now` final: nothing before it will be judged again."""
        places = self._spread_in(units)
        if len(places):
            self._base.values[places] = self._mid.values[places] = self._now.values[places]
            self._spread.values[places] = 0

    def _spread_in(self, units: Int64s) -> Int64s:
        """Return the places (M,) of those subjects of `units` whose three records may differ: they will change."""
        if not self._is_spread:
            return np.empty(0, np.int64)
        places = self.of_units(units)
        places = places[self._spread.values[places] > 0]
        self._note_moved(places)
        return places

    def _note_moved(self, places: Int64s) -> None:
        if len(places):
            self._moved.append(places)

    def changes(self) -> tuple[Int64s, Int64s]:
        """Return where `now` was written (M,) and where all three may differ (K,) since the last call."""
        written, moved = _joined(self._written), _joined(self._moved)
        self._written, self._moved = [], []
        return written, moved

    def dump(self, places: Int64s) -> tuple[bytes, bytes, bytes]:
        """Return the records now, mid and base of `places` (M,), one after the other."""
        now, mid, base = (array.values[places].tobytes() for array in (self._now, self._mid, self._base))
        return now, mid, base

    def dump_now(self, places: Int64s) -> bytes:
        """Return the records now of `places` (M,), one after the other."""
        return self._now.values[places].tobytes()

    def load(self, places: Int64s, versions: Sequence[bytes]) -> bool:
        """Set the subjects at `places` (M,) to what `dump` gave; False when it was written in another form."""
        size = len(places) * self._start.itemsize
        if any(len(records) != size for records in versions):
            return False
        for array, records in zip((self._now, self._mid, self._base), versions, strict=True):
            array.values[places] = np.frombuffer(records, dtype=self._start.dtype)
        now, mid, base = versions
        is_apart = [_differ(one, other, count=len(places)) for one, other in ((now, mid), (mid, base))]
        self._spread.values[places] = np.where(is_apart[0], 2, is_apart[1])
        self._is_spread |= bool(self._spread.values.any())
        return True


def _read_only(records: Records) -> Records:
    view = records.view()
    view.flags.writeable = False
    return view


def _differ(one: bytes, other: bytes, *, count: int) -> Bools:
    """Return which of `count` records differ."""
    if not count:
        return np.empty(0, np.bool_)
    is_other = np.frombuffer(one, np.uint8) != np.frombuffer(other, np.uint8)
    differs: Bools = is_other.reshape(count, -1).any(axis=1)
    return differs


def _joined(parts: Sequence[Int64s]) -> Int64s:
    if len(parts) == 1:
        return parts[0]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.int64)


def as_mask(places: Int64s, *, size: int) -> Bools:
    """Return a mask (size,) that is True at `places`."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[places] = True
    return mask
