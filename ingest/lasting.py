"""Conditions that last: a channel says "so" and later "not so"; short spells and short gaps are not told.

Raised when it has been so for `hold_s`, dated by that instant; cleared when it has not been so for `clear_hold_s`,
dated by when that began. Deadlines come with the clock, so that a device need not repeat itself.

Source: ISA-18.2 (on-delay, off-delay).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from devices.quantities import base_key
from ingest.batch import Batch, Bools, Floats, Int32s, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Deadlines, Params, Scope, View
from ingest.runs import is_first, shifted
from ingest.spans import Spans
from ingest.state import GrowingArray, Records, StateTable

_STATE = np.dtype(
    [("start_ns", np.int64), ("known_ns", np.int64), ("value", np.float64), ("raised_ns", np.int64),
     ("fine_ns", np.int64)]
)  # fmt: skip


class LastingParams(Params):
    """It is told when it has lasted `hold_s`, and is over when it has been gone for `clear_hold_s`."""

    hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 60
    clear_hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 300


class Lasting:
    """The rule at work; its subjects are channels (`device/quantity`). `quantities` are told apart by `is_so`.

    `start_ns` 0 = it is not so; `raised_ns` 0 = it has not lasted yet, by what the rows say; `fine_ns` 0 = it goes on.
    """

    quantities: frozenset[str] = frozenset()

    def is_so(self, quantity: str, value: Floats) -> Bools:
        """Return which values (N,) of this quantity say that it is so."""
        raise NotImplementedError

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        params: LastingParams = scope.params
        self._scope = scope
        self._hold_ns, self._clear_ns = params.hold_s * SECOND_NS, params.clear_hold_s * SECOND_NS
        self._table = StateTable(scope.name, _STATE, start=(0, 0, np.nan, 0, 0))
        self._place = GrowingArray(np.int32, fill=-1)
        self._names: list[str] = []
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each channel."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a channel of a watched device."""
        self._place.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        is_wanted = not self._scope.quantities or quantity in self._scope.quantities
        if watched is None or not is_wanted or base_key(quantity) not in self.quantities:
            return False
        subject = Subject(key=f"{device_id}/{quantity}", device_id=device_id, quantity=quantity)
        self._place.values[series] = self._table.add(subject.key, unit=watched.unit)
        self._subjects.append(subject)
        self._names.append(base_key(quantity))
        return True

    def begin(self, now_ns: int, away: Spans) -> None:
        """Do nothing: what was so before the hub was away still is."""

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        place = self._place.values[batch.series]
        rows = np.flatnonzero((place >= 0) & ~np.isnan(batch.value))
        is_so = self._so(place[rows], batch.value[rows])
        marks: list[Mark] = []
        # what a device repeats changes nothing: few rows are left to go through one by one
        for at in self._changes(place[rows], is_so).tolist():
            marks += self._take(int(place[rows[at]]), batch, int(rows[at]), is_so=bool(is_so[at]))
        places = self._table.of_units(view.units).tolist()
        return marks + [mark for one in places for mark in self._marks(one, due_ns=view.due_ns)]

    def _so(self, place: Int32s, value: Floats) -> Bools:
        is_so = np.zeros(len(place), dtype=np.bool_)
        for name in {self._names[one] for one in np.unique(place).tolist()}:
            mine = np.array([known == name for known in self._names], dtype=np.bool_)[place]
            is_so[mine] = self.is_so(name, value[mine])
        return is_so

    def _changes(self, place: Int32s, is_so: Bools) -> Int64s:
        """Return the positions where a channel goes from so to not so, or back."""
        first = is_first(place)
        state = self._table.now[place[first]]
        before = shifted(is_so, first=first, carried=(state["start_ns"] != 0) & (state["fine_ns"] == 0))
        return np.flatnonzero(is_so != before)

    def _take(self, place: int, batch: Batch, row: int, *, is_so: bool) -> list[Mark]:
        """Fold one change in; return the marks of the episode that it shows to be over."""
        state, at_ns = self._table.touch([place]), int(batch.observed_ns[row])
        if not is_so:
            if not state["raised_ns"][place] and at_ns - int(state["start_ns"][place]) >= self._hold_ns:
                state["raised_ns"][place] = state["start_ns"][place] + self._hold_ns
            state["fine_ns"][place] = at_ns
            return []
        is_over = state["fine_ns"][place] and at_ns - int(state["fine_ns"][place]) >= self._clear_ns
        marks = self._marks(place, due_ns=at_ns) if is_over else []
        if is_over or not state["start_ns"][place]:
            known_ns, value = int(batch.received_ns[row]), float(batch.value[row])
            state[place] = (at_ns, known_ns, value, 0, 0)
        elif not state["raised_ns"][place] and at_ns - int(state["start_ns"][place]) >= self._hold_ns:
            state["raised_ns"][place] = at_ns
        state["fine_ns"][place] = 0
        return marks

    def _marks(self, place: int, *, due_ns: int) -> list[Mark]:
        """Return the marks of the newest episode of a channel, as far as they are known at `due_ns`."""
        one = self._table.now[place]
        raised_ns, fine_ns = self._raised_ns(one), int(one["fine_ns"])
        if not raised_ns or raised_ns > due_ns:
            return []
        marks = [self._mark(place, EventState.RAISED, at_ns=raised_ns, known_ns=max(raised_ns, int(one["known_ns"])))]
        if fine_ns and fine_ns + self._clear_ns <= due_ns:
            marks.append(self._mark(place, EventState.CLEARED, at_ns=fine_ns, known_ns=fine_ns + self._clear_ns))
        return marks

    def _raised_ns(self, one: Records) -> int:
        """Return when it had lasted long enough, or will have if it goes on; 0 = never."""
        if one["raised_ns"] or not one["start_ns"] or one["fine_ns"]:
            return int(one["raised_ns"])
        return int(one["start_ns"]) + self._hold_ns

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return when channels of `units` will have lasted long enough, or been fine for long enough."""
        places = self._table.of_units(units)
        state = self._table.now[places]
        is_raised, is_fine = state["raised_ns"] != 0, state["fine_ns"] != 0
        waits, ends = (state["start_ns"] != 0) & ~is_raised & ~is_fine, is_raised & is_fine
        deadline_ns = [state["start_ns"][waits] + self._hold_ns, state["fine_ns"][ends] + self._clear_ns]
        unit = self._table.unit[places]
        return np.concatenate(deadline_ns), np.concatenate([unit[waits], unit[ends]])

    def _mark(self, place: int, kind: EventState, *, at_ns: int, known_ns: int) -> Mark:
        one = self._table.now[place]
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=int(one["start_ns"]), state=kind,
            observed_ns=at_ns, known_ns=known_ns, value=float(one["value"]) if kind is EventState.RAISED else 0.0,
            limit=0.0,
        )  # fmt: skip
