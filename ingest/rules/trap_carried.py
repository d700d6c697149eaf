"""`trap_carried`: a trap or another thing that stays where it is put is somewhere else by its own position.

The first usable fix is where it stands. Raised by the second fix in a row that lies further than `moved_m` plus its own
accuracy from there (one spike moves nothing), dated by it; its value is the distance in m. Cleared by a fix back there,
or when it has stayed in another place for `settle_s`, which is where it stands from then on. A fix is latitude and
longitude of one instant; 0,0 and fixes less accurate than `worst_m` are none. Only where a site asks for it: collars
and vehicles move as they like.

Source: bad inputs 60, 62 and 69 of the device notes (trap moved without spring; spikes; last position repeated).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from ingest import flags
from ingest.batch import Batch
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, Timeless, View
from ingest.state import GrowingArray, StateTable

_EARTH_M = 6_371_000.0
_LATITUDE, _LONGITUDE, _ACCURACY = 0, 1, 2
_PARTS = {"latitude": _LATITUDE, "longitude": _LONGITUDE, "position_accuracy": _ACCURACY}
_STATE = np.dtype(
    [("home", np.float64, (2,)), ("away", np.float64, (2,)), ("away_ns", np.int64), ("start_ns", np.int64),
     ("known_ns", np.int64), ("far_m", np.float64)]
)  # fmt: skip


class TrapCarriedParams(Params):
    """Distances in m: how far it must be, and how inaccurate a fix may be."""

    moved_m: Annotated[float, Field(gt=0, le=100_000)] = 100.0
    worst_m: Annotated[float, Field(gt=0, le=100_000)] = 200.0
    settle_s: Annotated[int, Field(ge=0, le=31_536_000)] = 86_400


class _Fix(NamedTuple):
    at_ns: int
    known_ns: int
    latitude: float
    longitude: float
    accuracy_m: float


class TrapCarried(Timeless):
    """The rule at work; its subjects are devices. `away_ns` 0 = it is at home; `start_ns` 0 = no episode."""

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        self._scope = scope
        self._params: TrapCarriedParams = scope.params
        self._table = StateTable(scope.name, _STATE, start=(np.nan, np.nan, 0, 0, 0, np.nan))
        self._place, self._part = GrowingArray(np.int32, fill=-1), GrowingArray(np.int8)
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each device."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a part of the position of a watched device."""
        self._place.grow(series + 1)
        self._part.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or quantity not in _PARTS:
            return False
        place = self._table.add(device_id, unit=watched.unit)
        if place == len(self._subjects):
            self._subjects.append(Subject(key=device_id, device_id=device_id, quantity="latitude"))
        self._place.values[series], self._part.values[series] = place, _PARTS[quantity]
        return True

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        marks = [mark for place in self._table.of_units(view.units).tolist() for mark in self._open(place)]
        place = self._place.values[batch.series]
        is_usable = (place >= 0) & ~np.isnan(batch.value) & flags.are_usable(batch.flag)
        rows = np.flatnonzero(is_usable)
        rows = rows[np.lexsort((batch.observed_ns[rows], place[rows]))]
        for one, fix in self._fixes(batch.take(rows)):
            marks += self._take(one, fix)
        return marks

    def _fixes(self, rows: Batch) -> list[tuple[int, _Fix]]:
        """Return what is a whole and usable fix, by device and time."""
        found: dict[tuple[int, int], dict[int, float]] = {}
        known_ns: dict[tuple[int, int], int] = {}
        columns = (rows.series.tolist(), rows.observed_ns.tolist(), rows.received_ns.tolist(), rows.value.tolist())
        for series, at_ns, received_ns, value in zip(*columns, strict=True):
            key = (int(self._place.values[series]), at_ns)
            found.setdefault(key, {})[int(self._part.values[series])] = value
            known_ns[key] = max(received_ns, known_ns.get(key, 0))
        return [
            (key[0], _Fix(key[1], known_ns[key], parts[_LATITUDE], parts[_LONGITUDE], parts.get(_ACCURACY, 0.0)))
            for key, parts in found.items()
            if self._is_fix(parts)
        ]

    def _is_fix(self, parts: dict[int, float]) -> bool:
        is_whole = _LATITUDE in parts and _LONGITUDE in parts
        is_nowhere = is_whole and parts[_LATITUDE] == 0.0 and parts[_LONGITUDE] == 0.0
        return is_whole and not is_nowhere and parts.get(_ACCURACY, 0.0) <= self._params.worst_m

    def _take(self, place: int, fix: _Fix) -> list[Mark]:
        one, where = self._table.touch([place])[place], (fix.latitude, fix.longitude)
        if math.isnan(one["home"][0]):
            one["home"] = where
        limit_m = self._params.moved_m + fix.accuracy_m
        if distance_m(one["home"].tolist(), where) <= limit_m:
            one["away_ns"] = 0
            return self._close(place, fix)
        if not one["away_ns"] or distance_m(one["away"].tolist(), where) > limit_m:
            is_second = bool(one["away_ns"])
            one["away"], one["away_ns"] = where, fix.at_ns
            return self._begin(place, fix) if is_second else []
        if fix.at_ns - int(one["away_ns"]) >= self._params.settle_s * SECOND_NS:
            one["home"], one["away_ns"] = where, 0
            return [*self._begin(place, fix), *self._close(place, fix)]
        return self._begin(place, fix)

    def _begin(self, place: int, fix: _Fix) -> list[Mark]:
        one = self._table.touch([place])[place]
        if one["start_ns"]:
            return []
        far_m = distance_m(one["home"].tolist(), (fix.latitude, fix.longitude))
        one["start_ns"], one["known_ns"], one["far_m"] = fix.at_ns, fix.known_ns, round(far_m)
        return self._open(place)

    def _open(self, place: int) -> list[Mark]:
        one = self._table.now[place]
        at_ns, known_ns = int(one["start_ns"]), int(one["known_ns"])
        return [self._mark(place, EventState.RAISED, at_ns=at_ns, known_ns=known_ns)] if at_ns else []

    def _close(self, place: int, fix: _Fix) -> list[Mark]:
        if not self._table.now["start_ns"][place]:
            return []
        mark = self._mark(place, EventState.CLEARED, at_ns=fix.at_ns, known_ns=fix.known_ns)
        self._table.touch([place])["start_ns"][place] = 0
        return [mark]

    def _mark(self, place: int, kind: EventState, *, at_ns: int, known_ns: int) -> Mark:
        one = self._table.now[place]
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=int(one["start_ns"]), state=kind,
            observed_ns=at_ns, known_ns=known_ns, limit=self._params.moved_m,
            value=float(one["far_m"]) if kind is EventState.RAISED else math.nan,
        )  # fmt: skip


def distance_m(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the distance in m of two places (latitude, longitude in degrees) on a sphere."""
    (a, b), (c, d) = np.radians(one), np.radians(other)
    root = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * _EARTH_M * math.asin(min(1.0, math.sqrt(root)))


RULE = RuleSpec(name="trap_carried", params=TrapCarriedParams, timeline="observed", build=TrapCarried)
