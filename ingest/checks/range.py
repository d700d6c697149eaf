"""`range`: values that cannot be.

Outside the physical limits of its quantity: BAD. NaN: MISSING. A distance of 0 or of the gauge's full scale is how
ultrasonic gauges say "no echo": MISSING, not a depth. A snow depth above the mount of its gauge: BAD.

Source: QARTOD gross range test; domain notes 2.2 (in Idaho 14 % of 228,798 hourly depths were full-scale).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from devices.quantities import QUANTITIES
from ingest.batch import Batch, Bytes
from ingest.flags import BAD, GOOD, MISSING, UNKNOWN
from ingest.plugins import CheckSpec, Params, Scope
from ingest.state import GrowingArray, StateTable

_SHORT_RANGE_M, _LONG_RANGE_M = 5.0, 10.0


class RangeParams(Params):
    """`full_scale_m` of a distance gauge; not given: 5 m, or 10 m for a gauge mounted at 5 m and above."""

    full_scale_m: Annotated[float, Field(gt=0, le=100)] | None = None


class RangeCheck:
    """The check at work; it remembers nothing."""

    def __init__(self, scope: Scope) -> None:
        """Begin without series."""
        self._scope = scope
        self._is_mine, self._is_distance = GrowingArray(np.bool_), GrowingArray(np.bool_)
        self._lo, self._hi = GrowingArray(np.float64), GrowingArray(np.float64)
        self._full_scale = GrowingArray(np.float64)

    def tables(self) -> Sequence[StateTable]:
        """Return no table."""
        return ()

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Take up a series with the limits of its quantity and gauge."""
        self._grow(series + 1)
        limits, watched = QUANTITIES.get(quantity), self._scope.watched.get(device_id)
        lo, hi = (limits.lo, limits.hi) if limits else (-np.inf, np.inf)
        mount_m = watched.mount_height_m if watched else None
        self._is_mine.values[series] = True
        if quantity == "snow_depth" and mount_m is not None:
            hi = min(hi, mount_m)
        self._lo.values[series], self._hi.values[series] = lo, hi
        self._is_distance.values[series] = quantity == "distance"
        default_m = _SHORT_RANGE_M if mount_m is None or mount_m < _SHORT_RANGE_M else _LONG_RANGE_M
        self._full_scale.values[series] = self._scope.params.full_scale_m or default_m

    def _grow(self, size: int) -> None:
        for array in (self._is_mine, self._is_distance, self._lo, self._hi, self._full_scale):
            array.grow(size)

    def apply(self, batch: Batch) -> Bytes:
        """Return flags (N,): GOOD, BAD or MISSING; UNKNOWN for series of another instance."""
        value = batch.value
        self._grow(int(batch.series.max(initial=-1)) + 1)
        is_outside = (value < self._lo.values[batch.series]) | (value > self._hi.values[batch.series])
        is_echoless = self._is_distance.values[batch.series] & (
            (value <= 0.0) | (value >= self._full_scale.values[batch.series])
        )
        flag = np.where(is_outside, BAD, GOOD)
        flag = np.where(np.isnan(value) | is_echoless, MISSING, flag)
        return np.where(self._is_mine.values[batch.series], flag, UNKNOWN).astype(np.uint8)


CHECK = CheckSpec(name="range", params=RangeParams, build=RangeCheck)
