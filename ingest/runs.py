"""Looking back within runs of equal numbers: what most vectorised rules need.

All arrays are of shape (N,); rows of one subject stand together, in order of time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ingest.batch import Bools, Int32s, Int64s

Array = np.ndarray[Any, Any]

# numpy sorts numbers of 16 bits by radix, all longer ones by comparing
_RADIX_BITS = 16


def is_first(ids: Array) -> Bools:
    """Return True where a run of equal `ids` begins."""
    first = np.ones(len(ids), dtype=np.bool_)
    np.not_equal(ids[1:], ids[:-1], out=first[1:])
    return first


def starts_of(ids: Array) -> Int64s:
    """Return the positions (R,) where a run of equal `ids` begins."""
    return np.flatnonzero(is_first(ids))


def is_last(ids: Array) -> Bools:
    """Return True where a run of equal `ids` ends."""
    last = np.ones(len(ids), dtype=np.bool_)
    np.not_equal(ids[1:], ids[:-1], out=last[:-1])
    return last


def is_rising(values: Array) -> bool:
    """Return whether no value is less than the one before it."""
    return bool((values[1:] >= values[:-1]).all())


def are_sorted(number: Array, then: Array, last: Array) -> bool:
    """Return whether rows (N,) stand in the order of three columns, the first of which decides first."""
    is_equal = number[1:] == number[:-1]
    if not is_rising(number) or (is_equal & (then[1:] < then[:-1])).any():
        return False
    ties = np.flatnonzero(is_equal & (then[1:] == then[:-1]))
    return not len(ties) or bool((last[ties + 1] >= last[ties]).all())


def by_number(numbers: Int32s) -> Int64s:
    """Return the order (N,) of numbers >= 0, equal ones as they stand. A radix sort: its cost goes with N alone."""
    order = np.argsort(numbers.astype(np.uint16), kind="stable")
    if int(numbers.max(initial=0)) < 1 << _RADIX_BITS:
        return order
    return order[np.argsort((numbers[order] >> _RADIX_BITS).astype(np.uint16), kind="stable")]


def latest(is_known: Bools) -> Int64s:
    """Return for each row the place of the last row up to it that `is_known`; the first row must be."""
    return np.maximum.accumulate(np.where(is_known, np.arange(len(is_known)), 0))


def shifted(values: Array, *, first: Bools, carried: Array) -> Array:
    """Return the value of the row before; at the rows that are `first` (F of N) the `carried` value (F,)."""
    before = np.empty_like(values)
    before[1:] = values[:-1]
    before[first] = carried
    return before


def running_max(values: Int64s, *, first: Bools) -> Int64s:
    """Return for each row the largest value up to it since the last row that is `first`."""
    if ((values[1:] >= values[:-1]) | first[1:]).all():
        return values
    known, rank = np.unique(values, return_inverse=True)
    # a later run outranks all earlier ones, so that one pass over everything keeps them apart
    run = (np.cumsum(first) - 1) * len(known)
    largest: Int64s = known[np.maximum.accumulate(run + rank) - run]
    return largest
