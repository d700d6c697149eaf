"""Quantities that follow from measured ones: snow depth from a distance.

    distance_true = distance * sqrt((Ta + 273.15) / 273.15)       Ta in degrees Celsius, distance as measured for 0 C
    snow_depth    = mount_height - distance_true                  in m

The speed of sound goes with the root of the absolute temperature. Only gauges that do not correct themselves, or that
the site gives a thermometer, are corrected. Ta is the newest one up to the distance's own time, at most 60 min old;
without one the distance is used as it is and the depth is SUSPECT. A gauge without any thermometer is not corrected.
A depth down to -0.03 m is bare ground (0.0); below that it is SUSPECT.

Source: Campbell Scientific SR50A manual (correction for air temperature); gauge jitter of 3 cm from the domain notes
2.2. Valid for -45 to 50 C. Example: mount 3.0 m, distance 2.0 m, Ta -10 C: 2.0 * sqrt(263.15 / 273.15) = 1.963 m,
depth 1.037 m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from devices.model import SECOND_NS
from devices.quantities import quantity as quantity_of
from ingest.batch import Batch, Bools, Bytes, Floats, Int32s, Int64s, SeriesIndex, concat
from ingest.flags import MISSING, SUSPECT, UNKNOWN, Flags
from ingest.layout import Layout
from ingest.runs import is_first, is_last, latest
from ingest.state import GrowingArray, StateTable

ZERO_CELSIUS_K = 273.15
MOST_AGE_NS = 3_600 * SECOND_NS
GROUND_M = -0.03
_DIGITS = 6  # takes the noise of binary fractions away (2.5 - 2.4), far below what a gauge resolves

_AIR = np.dtype([("observed_ns", np.int64), ("value", np.float64)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """`rows` (M,) follow from the rows at positions `source` (M,) of what was given."""

    rows: Batch
    source: Int64s


class SnowDepth:
    """Derives snow depths; remembers the newest air temperature of each thermometer."""

    def __init__(self, layout: Layout, *, series: SeriesIndex) -> None:
        """Begin without series."""
        self._layout, self._series = layout, series
        self._air = StateTable("#air_temperature", _AIR, start=(0, np.nan))
        self._sources = {device.id: layout.temperature_source(device) for device in layout.site.device}
        # a thermometer matters only where a distance can become a depth
        gauges = (device for device in layout.site.device if device.mount_height_m is not None)
        self._thermometers = frozenset(self._sources[device.id] for device in gauges)
        self._is_promised = GrowingArray(np.bool_)
        self._mount_m = GrowingArray(np.float64, fill=np.nan)
        self._depth, self._air_place, self._own_air = (GrowingArray(np.int32, fill=-1) for _ in range(3))
        self._limits = quantity_of("air_temperature")

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each thermometer."""
        return (self._air,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a distance with a known mount height, or a thermometer."""
        for array in (self._is_promised, self._mount_m, self._depth, self._air_place, self._own_air):
            array.grow(series + 1)
        device = self._layout.devices.get(device_id)
        if device is None:
            return False
        if quantity == "air_temperature" and device_id in self._thermometers:
            self._own_air.values[series] = self._place(device_id)
        if quantity == "distance" and device.mount_height_m is not None:
            self._mount_m.values[series] = device.mount_height_m
            self._depth.values[series] = self._series.id_of(device_id, "snow_depth")
            self._is_promised.values[series] = bool(device.temperature_from)
            if source := self._sources[device_id]:
                self._air_place.values[series] = self._place(source)
        return bool(self._own_air.values[series] >= 0 or self._depth.values[series] >= 0)

    def _place(self, device_id: str) -> int:
        return self._air.add(device_id, unit=int(self._layout.group[self._layout.numbers[device_id]]))

    def thermometers_of(self, series: Int32s) -> Bools:
        """Return which series (S,) correct any of the distances among `series` (M,)."""
        places = self._air_place.values[series]
        return np.isin(self._own_air.values, places[places >= 0])

    def depth_of(self, series: Int32s) -> Int32s:
        """Return the derived series of each of `series` (M,), -1 where there is none."""
        depth: Int32s = self._depth.values[series]
        return depth

    def apply(self, rows: Batch, *, is_history: bool = False) -> Derived:
        """Return the depths that follow from `rows` (N,), sorted by (series, observed_ns).

        `is_history`: the rows lie before others that are known; look and leave no trace.
        """
        source = np.flatnonzero(self._depth.values[rows.series] >= 0)
        age_ns, air = self._air_at(rows, source, is_history=is_history)
        distances = rows.take(source)
        value, flag = self._depths(distances, air=air, age_ns=age_ns)
        depths = Batch(
            series=self._depth.values[distances.series], observed_ns=distances.observed_ns,
            received_ns=distances.received_ns, seq=distances.seq, value=value, flag=flag,
            resent=distances.resent, clock=distances.clock,
        )  # fmt: skip
        return Derived(rows=depths, source=source)

    def _depths(self, distances: Batch, *, air: Floats, age_ns: Int64s) -> tuple[Floats, Flags]:
        has_air = age_ns <= MOST_AGE_NS
        factor = np.sqrt((np.where(has_air, air, 0.0) + ZERO_CELSIUS_K) / ZERO_CELSIUS_K)
        depth_m = np.round(self._mount_m.values[distances.series] - distances.value * factor, _DIGITS)
        is_ground = (depth_m < 0.0) & (depth_m >= GROUND_M)
        was_expected = self._is_promised.values[distances.series] | (age_ns < np.iinfo(np.int64).max)
        is_doubtful = (was_expected & ~has_air) | (depth_m < GROUND_M)
        flag: Bytes = np.where(is_doubtful, SUSPECT, UNKNOWN).astype(np.uint8)
        return np.where(is_ground, 0.0, depth_m), np.where(np.isnan(depth_m), MISSING, flag).astype(np.uint8)

    def _air_at(self, rows: Batch, source: Int64s, *, is_history: bool) -> tuple[Int64s, Floats]:
        """Return age (M,) and value (M,) of the newest air temperature up to each of the rows at `source` (M,).

        The age is the highest int64 where there never was one. Notes the newest temperatures unless `is_history`.
        """
        state = np.full(len(self._air), np.array((0, np.nan), dtype=_AIR)) if is_history else self._air.now
        age_ns, air = np.full(len(source), np.iinfo(np.int64).max), np.full(len(source), np.nan)
        measured = np.flatnonzero(self._is_air(rows))
        asking = np.flatnonzero(self._air_place.values[rows.series[source]] >= 0)
        if not len(measured) and not len(asking):
            return age_ns, air
        place = np.concatenate(
            [self._own_air.values[rows.series[measured]], self._air_place.values[rows.series[source[asking]]]]
        )
        at = np.concatenate([measured, source[asking]])
        is_asking = np.arange(len(at)) >= len(measured)
        order = np.lexsort((is_asking, rows.observed_ns[at], place))
        place, at, is_asking = place[order], at[order], is_asking[order]
        first = is_first(place)
        known = latest(first | ~is_asking)
        air_ns = np.where(is_asking, state["observed_ns"][place], rows.observed_ns[at])[known]
        value = np.where(is_asking, state["value"][place], rows.value[at])[known]
        if not is_history:
            self._note(place, at_ns=air_ns, value=value)
        asked = asking[order[is_asking] - len(measured)]
        age_ns[asked] = np.where(air_ns > 0, rows.observed_ns[at] - air_ns, np.iinfo(np.int64).max)[is_asking]
        air[asked] = value[is_asking]
        return age_ns, air

    def _note(self, place: Int32s, *, at_ns: Int64s, value: Floats) -> None:
        """Remember the last temperature of each run of `place` (N,), where it is another one."""
        known = self._air.now
        last = is_last(place)
        last &= (at_ns != known["observed_ns"][place]) | (value != known["value"][place])
        if last.any():
            chosen = place[last]
            state = self._air.touch(chosen)
            state["observed_ns"][chosen], state["value"][chosen] = at_ns[last], value[last]

    def _is_air(self, rows: Batch) -> Bools:
        is_air = self._own_air.values[rows.series] >= 0
        is_possible: Bools = (rows.value >= self._limits.lo) & (rows.value <= self._limits.hi)
        return is_air & is_possible


def merged(rows: Batch, derived: Derived) -> tuple[Batch, Int64s]:
    """Return `rows` (N,) and the derived ones (M,) after them, and for each of all the row it follows from (itself)."""
    return concat([rows, derived.rows]), np.concatenate([np.arange(len(rows)), derived.source])
