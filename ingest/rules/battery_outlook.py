"""`battery_outlook`: a battery will be empty within so many days; told weeks ahead, not each cold night.

Looks at `battery_voltage` (V), or `battery_level` (%) of devices that give no voltage. Each day (UTC) is one value: the
mean, judged at one temperature by the device's own `device_temperature` or `air_temperature`. See `ingest.battery` for
the trend. Raised with the first reading of a day when the days left are `warn_days` or fewer, its value are the days
left; cleared when the battery is replaced or charged, or twice as many days are left. Values that are NaN or flagged
SUSPECT, BAD or MISSING count as no data.

Source: requirement of the issue "real devices" (battery outlook, voltage with temperature); `ingest.battery`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from devices.quantities import QUANTITIES
from ingest import flags
from ingest.batch import Batch, Bools, Floats, Int32s, Int64s
from ingest.battery import (
    DAYS,
    NO_TEMPERATURE,
    NO_VALUE,
    TEMPERATURE_STEP,
    VALUE_STEP,
    course,
    is_new_battery,
    low_voltage,
    outlook_days,
    slope_per_k,
)
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, Timeless, View, Watched
from ingest.runs import is_first, is_last, latest
from ingest.state import GrowingArray, StateTable

_DAY_NS = 86_400 * SECOND_NS
_SAME_NS = 7_200 * SECOND_NS
_KEPT = 0.97  # of what was learned about the temperature, from day to day
_VOLTAGE, _LEVEL = "battery_voltage", "battery_level"
_THERMOMETERS = ("air_temperature", "device_temperature")  # of one frame the last one counts
# apart, because they change with every voltage, every temperature, and once a day: less is written to the disk
_TODAY = np.dtype([("day", np.int64), ("sums", np.float64, (7,))])
_AIR = np.dtype([("at_ns", np.int64), ("value", np.float64)])
_DAYS = np.dtype(
    [("newest", np.int64), ("values", np.uint16, (DAYS,)), ("temperatures", np.int8, (DAYS,)),
     ("sxy", np.float64), ("sxx", np.float64), ("fresh", np.float64), ("start_ns", np.int64), ("known_ns", np.int64),
     ("days", np.float64)]
)  # fmt: skip
_TODAY_START, _AIR_START = (0, 0.0), (0, np.nan)
_DAYS_START = (0, NO_VALUE, NO_TEMPERATURE, 0.0, 0.0, 0.0, 0, 0, np.nan)


class _Step(NamedTuple):
    at_ns: int
    known_ns: int


class BatteryOutlookParams(Params):
    """`low_v` is when a battery is empty (default: by the range of its voltage), `low_percent` the same of a level.

    `least_days`: a trend needs as many days. `reference_cel`: values are judged as if it were that warm.
    """

    warn_days: Annotated[float, Field(gt=0, le=365)] = 60.0
    least_days: Annotated[int, Field(ge=3, le=DAYS)] = 14
    low_v: Annotated[float, Field(gt=0, le=60)] | None = None
    low_percent: Annotated[float, Field(ge=0, le=99)] = 10.0
    reference_cel: Annotated[float, Field(ge=-40, le=40)] = 0.0


class BatteryOutlook(Timeless):
    """The rule at work; its subjects are devices. `start_ns` 0 = no episode; `days` are those left when it was raised.

    `sums` of the day: count, value; of those with a temperature: count, value, T, T*value, T*T. `fresh` is the highest
    judged value since the battery was new.
    """

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        self._scope = scope
        self._params: BatteryOutlookParams = scope.params
        self._today = StateTable(f"{scope.name}#today", _TODAY, start=_TODAY_START)
        self._air = StateTable(f"{scope.name}#air", _AIR, start=_AIR_START)
        self._table = StateTable(scope.name, _DAYS, start=_DAYS_START)
        self._place = GrowingArray(np.int32, fill=-1)
        self._rank = GrowingArray(np.int8)
        self._battery = GrowingArray(np.int32, fill=-1)  # of each record of `_air` that of the battery, if there is one
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the three tables, a record for each battery or thermometer: the day, temperature, the days before."""
        return (self._today, self._air, self._table)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up battery and thermometer of a watched device."""
        self._place.grow(series + 1)
        self._rank.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or quantity not in (_battery(watched), *_THERMOMETERS):
            return False
        place = self._air.add(device_id, unit=watched.unit)
        self._battery.grow(place + 1)
        if quantity not in _THERMOMETERS:
            self._battery.values[place] = self._add_battery(watched)
        self._place.values[series] = place
        self._rank.values[series] = _THERMOMETERS.index(quantity) if quantity in _THERMOMETERS else 2
        return True

    def _add_battery(self, watched: Watched) -> int:
        self._today.add(watched.device_id, unit=watched.unit)
        place = self._table.add(watched.device_id, unit=watched.unit)
        if place == len(self._subjects):
            subject = Subject(key=watched.device_id, device_id=watched.device_id, quantity=_battery(watched))
            self._subjects.append(subject)
        return place

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        places = self._table.of_units(view.units)
        places = places[self._table.now["start_ns"][places] != 0]
        marks = [mark for place in places.tolist() for mark in self._open(place)]
        rows = np.flatnonzero(self._place.values[batch.series] >= 0)
        if len(rows):
            marks += self._take(batch, rows)
        return marks

    def _take(self, batch: Batch, rows: Int64s) -> list[Mark]:
        """Fold rows (N,) of batteries and thermometers in."""
        value, rank = batch.value[rows], self._rank.values[batch.series[rows]]
        is_usable = ~np.isnan(value) & flags.are_usable(batch.flag[rows]) & ((rank < 2) | (value > 0.0))
        rows, rank = rows[is_usable], rank[is_usable]
        if not len(rows):
            return []
        place = self._place.values[batch.series[rows]]
        if rank[0] < 2 and (rank == rank[0]).all():
            # one thermometer for each device, and its rows stand in order of time
            self._note_air(place, at_ns=batch.observed_ns[rows], value=batch.value[rows])
            return []
        rows = rows[np.lexsort((batch.seq[rows], rank, batch.observed_ns[rows], place))]
        return self._fold(batch.take(rows))

    def _fold(self, rows: Batch) -> list[Mark]:
        place = self._place.values[rows.series]
        is_battery = self._rank.values[rows.series] == 2
        air = self._air_at(rows, place, is_battery=is_battery)[is_battery]
        rows, place = rows.take(is_battery), self._battery.values[place[is_battery]]
        day = rows.observed_ns // _DAY_NS
        begins = np.flatnonzero(is_first(place) | is_first(day))
        if not len(begins):
            return []
        sums = np.add.reduceat(_products(rows.value, air), begins, axis=0)
        marks: list[Mark] = []
        for group, row in enumerate(begins.tolist()):
            step = _Step(int(rows.observed_ns[row]), int(rows.received_ns[row]))
            marks += self._add(int(place[row]), int(day[row]), sums[group], step)
        return marks

    def _air_at(self, rows: Batch, place: Int32s, *, is_battery: Bools) -> Floats:
        """Return the newest temperature (N,) up to each row, NaN where there is none or an old one; remember it."""
        state = self._air.now
        known = latest(is_first(place) | ~is_battery)
        air_ns = np.where(is_battery, state["at_ns"][place], rows.observed_ns)[known]
        air = np.where(is_battery, state["value"][place], rows.value)[known]
        self._note_air(place, at_ns=air_ns, value=air)
        return np.where(rows.observed_ns - air_ns <= _SAME_NS, air, np.nan)

    def _note_air(self, place: Int32s, *, at_ns: Int64s, value: Floats) -> None:
        """Remember the last temperature of each run of `place` (N,), where it is another one."""
        last = np.flatnonzero(is_last(place))
        known, chosen = self._air.now, place[last]
        is_other = (at_ns[last] != known["at_ns"][chosen]) | (value[last] != known["value"][chosen])
        last, chosen = last[is_other], chosen[is_other]
        state = self._air.touch(chosen)
        state["at_ns"][chosen], state["value"][chosen] = at_ns[last], value[last]

    def _add(self, place: int, day: int, sums: Floats, step: _Step) -> list[Mark]:
        """Add the values of a day; return the marks that the end of the day before gives."""
        state = self._today.touch([place])
        marks: list[Mark] = []
        if day > state["day"][place]:
            marks = self._end_day(place, step) if state["sums"][place][0] else []
            state["day"][place], state["sums"][place] = day, 0.0
        state["sums"][place] += sums
        return marks

    def _end_day(self, place: int, step: _Step) -> list[Mark]:
        one, today = self._table.touch([place])[place], self._today.now[place]
        count, value, warm, _, air, *_ = today["sums"].tolist()
        day, mean = int(today["day"]), value / count
        self._learn(place)
        passed = day - int(one["newest"])
        gone = np.arange(day - min(passed, DAYS) + 1, day + 1) % DAYS
        one["values"][gone], one["temperatures"][gone] = NO_VALUE, NO_TEMPERATURE
        one["values"][day % DAYS] = max(1, min(65_535, round(mean / VALUE_STEP / self._scale(place))))
        if warm:
            one["temperatures"][day % DAYS] = round(float(np.clip(air / warm, -127.0, 127.0)) / TEMPERATURE_STEP)
        one["newest"] = day
        return self._judge(place, step)

    def _scale(self, place: int) -> float:
        """Return by what a value is divided to lie between 0 and 65 in the ring: a level is kept in parts of 10 %."""
        return 10.0 if self._subjects[place].quantity == _LEVEL else 1.0

    def _learn(self, place: int) -> None:
        """Note how the value went with the temperature within the day."""
        one = self._table.touch([place])[place]
        _, _, warm, value, air, product, square = self._today.now["sums"][place].tolist()
        one["sxy"] *= _KEPT
        one["sxx"] *= _KEPT
        if warm >= 2:
            one["sxx"] += max(0.0, square - air * air / warm)
            one["sxy"] += (product - air * value / warm) / self._scale(place)

    def _judge(self, place: int, step: _Step) -> list[Mark]:
        one, params = self._table.touch([place])[place], self._params
        today = float(one["values"][int(one["newest"]) % DAYS]) * VALUE_STEP
        per_k = slope_per_k(float(one["sxy"]), float(one["sxx"]), value=today)
        known = course(one, per_k=per_k, reference_cel=params.reference_cel)
        if is_new_battery(known):
            kept = int(one["newest"]) % DAYS
            value, temperature = int(one["values"][kept]), int(one["temperatures"][kept])
            one["values"], one["temperatures"] = NO_VALUE, NO_TEMPERATURE
            one["values"][kept], one["temperatures"][kept] = value, temperature
            one["fresh"] = known.value[-1]
            return self._close(place, step)
        one["fresh"] = max(one["fresh"], known.value[-1])
        left = outlook_days(known, low=self._low(place, fresh=float(one["fresh"])), least_days=params.least_days)
        if not one["start_ns"] and left <= params.warn_days:
            one["start_ns"], one["known_ns"], one["days"] = step.at_ns, step.known_ns, left
            return self._open(place)
        return self._close(place, step) if left > 2 * params.warn_days else []

    def _low(self, place: int, *, fresh: float) -> float:
        if self._subjects[place].quantity == _LEVEL:
            return self._params.low_percent / self._scale(place)
        return low_voltage(fresh) if self._params.low_v is None else self._params.low_v

    def _open(self, place: int) -> list[Mark]:
        one = self._table.now[place]
        step = _Step(int(one["start_ns"]), int(one["known_ns"]))
        return [self._mark(place, EventState.RAISED, step)] if step.at_ns else []

    def _close(self, place: int, step: _Step) -> list[Mark]:
        if not self._table.now["start_ns"][place]:
            return []
        mark = self._mark(place, EventState.CLEARED, step)
        self._table.touch([place])["start_ns"][place] = 0
        return [mark]

    def _mark(self, place: int, kind: EventState, step: _Step) -> Mark:
        one = self._table.now[place]
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=int(one["start_ns"]), state=kind,
            observed_ns=step.at_ns, known_ns=step.known_ns, limit=self._params.warn_days,
            value=round(float(one["days"]), 1) if kind is EventState.RAISED else math.nan,
        )  # fmt: skip


def _battery(watched: Watched) -> str:
    """Return what tells of the battery: the voltage; the level of a model that gives no voltage."""
    is_any = len(watched.quantities) == len(QUANTITIES)
    gives_level_only = _LEVEL in watched.quantities and _VOLTAGE not in watched.quantities
    listed_level = is_any and _LEVEL in watched.listed and _VOLTAGE not in watched.listed
    return _LEVEL if gives_level_only or listed_level else _VOLTAGE


def _products(value: Floats, air: Floats) -> Floats:
    """Return what is summed over a day (N, 7)."""
    is_warm = ~np.isnan(air)
    warm = np.where(is_warm, air, 0.0)
    weight = is_warm.astype(np.float64)
    columns = (np.ones(len(value)), value, weight, weight * value, warm, warm * value, warm * warm)
    return np.stack(columns, axis=1)


RULE = RuleSpec(name="battery_outlook", params=BatteryOutlookParams, timeline="observed", build=BatteryOutlook)
