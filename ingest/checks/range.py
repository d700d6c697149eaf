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
from ingest.flags import BAD, GOOD, MISSING
from ingest.plugins import CheckSpec, Params, Scope
from ingest.state import GrowingArray, StateTable

_SHORT_RANGE_M, _LONG_RANGE_M = 5.0, 10.0


class RangeParams(Params):
    """`full_scale_m` of a distance gauge; not given: 5 m, or 10 m for a gauge mounted at 5 m and above."""

    full_scale_m: Annotated[float, Field(gt=0, le=100)] | None = None


_LIMITS = np.dtype([("lo", np.float64), ("hi", np.float64), ("silent_lo", np.float64), ("silent_hi", np.float64)])
_NO_LIMITS = (-np.inf, np.inf, np.nan, np.nan)


class RangeCheck:
    """The check at work; it remembers nothing.

    Of each series: the limits of what can be, and from which values on (`silent_lo` and below, `silent_hi` and above)
    its gauge says that there is no echo; NaN = it never does.
    """

    def __init__(self, scope: Scope) -> None:
        """Begin without series."""
        self._scope = scope
        self._limits = GrowingArray(_LIMITS, fill=_NO_LIMITS)

    def tables(self) -> Sequence[StateTable]:
        """Return no table."""
        return ()

    def add_series(self, series: int, *, device_id: str, quantity: str, params: RangeParams) -> None:
        """Take up a series with the limits of its quantity and gauge."""
        self._limits.grow(series + 1)
        limits, watched = QUANTITIES.get(quantity), self._scope.watched.get(device_id)
        lo, hi = (limits.lo, limits.hi) if limits else (-np.inf, np.inf)
        mount_m = watched.mount_height_m if watched else None
        if quantity == "snow_depth" and mount_m is not None:
            hi = min(hi, mount_m)
        silent_lo, silent_hi = np.nan, np.nan
        if quantity == "distance":
            default_m = _SHORT_RANGE_M if mount_m is None or mount_m < _SHORT_RANGE_M else _LONG_RANGE_M
            silent_lo, silent_hi = 0.0, params.full_scale_m or default_m
        self._limits.values[series] = (lo, hi, silent_lo, silent_hi)

    def apply(self, batch: Batch) -> Bytes:
        """Return flags (N,): GOOD, BAD or MISSING."""
        value, limits = batch.value, self._limits.values[batch.series]
        flag = np.full(len(batch), GOOD, dtype=np.uint8)
        flag[(value < limits["lo"]) | (value > limits["hi"])] = BAD
        flag[np.isnan(value) | (value <= limits["silent_lo"]) | (value >= limits["silent_hi"])] = MISSING
        return flag


CHECK = CheckSpec(name="range", params=RangeParams, build=RangeCheck)
