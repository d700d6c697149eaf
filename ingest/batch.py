"""Many readings as columns, sorted so that each series is one run, and the numbers that stand for series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.model import Reading
from ingest.flags import UNKNOWN

Int64s = np.ndarray[Any, np.dtype[np.int64]]
Int32s = np.ndarray[Any, np.dtype[np.int32]]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Bytes = np.ndarray[Any, np.dtype[np.uint8]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

NO_SEQ = -1


class SeriesIndex:
    """Numbers series (device x quantity) in the order in which they are met; a number never changes."""

    def __init__(self) -> None:
        self._ids: dict[tuple[str, str], int] = {}
        self._keys: list[tuple[str, str]] = []

    def id_of(self, device_id: str, quantity: str) -> int:
        """Return the number of a series, a new one when it has not been met before."""
        key = (device_id, quantity)
        found = self._ids.get(key)
        if found is None:
            found = self._ids[key] = len(self._keys)
            self._keys.append(key)
        return found

    def key(self, series: int) -> tuple[str, str]:
        """Return device id and quantity of a number that `id_of` gave. Raises IndexError for any other."""
        return self._keys[series]

    def __len__(self) -> int:
        return len(self._keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Columns of N readings, all of shape (N,), sorted by (series, observed_ns, arrival).

    `seq` is NO_SEQ (-1) where the device has no counter; `value` NaN = the device itself says the value is bad;
    `flag` as in `ingest.flags`; `clock` 0 = gateway, 1 = device. N may be 0.
    """

    series: Int32s
    observed_ns: Int64s
    received_ns: Int64s
    seq: Int64s
    value: Floats
    flag: Bytes
    resent: Bools
    clock: Bytes

    def __len__(self) -> int:
        return len(self.series)

    def take(self, rows: Int64s | Bools) -> Batch:
        """Return the batch of `rows` only: positions (M,) int64, or a mask (N,) bool."""
        return Batch(
            series=self.series[rows],
            observed_ns=self.observed_ns[rows],
            received_ns=self.received_ns[rows],
            seq=self.seq[rows],
            value=self.value[rows],
            flag=self.flag[rows],
            resent=self.resent[rows],
            clock=self.clock[rows],
        )

    def where(self, is_wanted: Bools) -> Batch:
        """Return the rows where `is_wanted` (N,); the batch itself when that is all."""
        return self if is_wanted.all() else self.take(is_wanted)


_EMPTY = Batch(
    series=np.empty(0, np.int32),
    observed_ns=np.empty(0, np.int64),
    received_ns=np.empty(0, np.int64),
    seq=np.empty(0, np.int64),
    value=np.empty(0, np.float64),
    flag=np.empty(0, np.uint8),
    resent=np.empty(0, np.bool_),
    clock=np.empty(0, np.uint8),
)


def empty_batch() -> Batch:
    """Return a Batch of no rows."""
    return _EMPTY


def concat(batches: Sequence[Batch]) -> Batch:
    """Return the rows of all `batches` one after the other, not sorted."""
    batches = [batch for batch in batches if len(batch)] or [empty_batch()]
    if len(batches) == 1:
        return batches[0]
    return Batch(
        series=np.concatenate([b.series for b in batches]),
        observed_ns=np.concatenate([b.observed_ns for b in batches]),
        received_ns=np.concatenate([b.received_ns for b in batches]),
        seq=np.concatenate([b.seq for b in batches]),
        value=np.concatenate([b.value for b in batches]),
        flag=np.concatenate([b.flag for b in batches]),
        resent=np.concatenate([b.resent for b in batches]),
        clock=np.concatenate([b.clock for b in batches]),
    )


def columns_from_readings(readings: Sequence[Reading], index: SeriesIndex) -> Batch:
    """Return `readings` as columns in their own order, their series numbered by `index`; all flags UNKNOWN."""
    count = len(readings)
    return Batch(
        series=np.fromiter((index.id_of(r.device_id, r.quantity) for r in readings), np.int32, count),
        observed_ns=np.fromiter((r.observed_ns for r in readings), np.int64, count),
        received_ns=np.fromiter((r.received_ns for r in readings), np.int64, count),
        seq=np.fromiter((NO_SEQ if r.seq is None else r.seq for r in readings), np.int64, count),
        value=np.fromiter((r.value for r in readings), np.float64, count),
        flag=np.full(count, UNKNOWN, np.uint8),
        resent=np.fromiter((r.resent for r in readings), np.bool_, count),
        clock=np.fromiter((r.clock == "device" for r in readings), np.uint8, count),
    )


def batch_from_readings(readings: Sequence[Reading], index: SeriesIndex) -> Batch:
    """Return `readings` as a sorted Batch, their series numbered by `index`; all flags UNKNOWN (not evaluated)."""
    batch = columns_from_readings(readings, index)
    return batch.take(np.lexsort((batch.observed_ns, batch.series)))
