"""`threshold`: a value reached a limit and stayed there; hysteresis and hold times keep it from flapping.

Raised by the reading with which the value has been at or beyond `raise_at` for `hold_s`; the episode starts with the
first reading of that run. Cleared likewise at `clear_at`. A gap in the data neither breaks nor completes a run: no data
leaves the state as it is. Values that are NaN or flagged SUSPECT, BAD or MISSING count as no data.

Source: ISA-18.2 (hysteresis, on-delay, off-delay); the published ploughing rules of municipalities.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import Field, model_validator

from devices.model import SECOND_NS, EventState
from ingest import flags
from ingest.batch import Batch, Floats, Int32s, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, Timeless, View
from ingest.runs import is_first, is_last, latest, shifted
from ingest.state import GrowingArray, StateTable

Sides = np.ndarray[Any, np.dtype[np.int8]]

_RAISED, _BETWEEN, _CLEARED = 1, 0, -1
_STATE = np.dtype(
    [("side", np.int8), ("side_ns", np.int64), ("is_raised", np.bool_), ("start_ns", np.int64),
     ("raised_ns", np.int64), ("known_ns", np.int64), ("raised_value", np.float64)]
)  # fmt: skip


class _Step(NamedTuple):
    at_ns: int
    known_ns: int
    value: float


class ThresholdParams(Params):
    """Limits in the quantity's unit. `clear_at` must not lie beyond `raise_at`; equal to it when not given."""

    raise_at: float
    clear_at: float | None = None
    direction: Literal["above", "below"] = "above"
    hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 0
    clear_hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 0

    @model_validator(mode="after")
    def _clear_lies_on_the_other_side(self) -> ThresholdParams:
        clear_at = self.raise_at if self.clear_at is None else self.clear_at
        if (clear_at - self.raise_at) * self.sign > 0:
            side = "at most" if self.direction == "above" else "at least"
            raise ValueError(f"clear_at = {clear_at:g} must be {side} raise_at = {self.raise_at:g}")
        return self

    @property
    def sign(self) -> int:
        """1 when higher is worse, -1 when lower is."""
        return 1 if self.direction == "above" else -1


class Threshold(Timeless):
    """The rule at work; its subjects are devices (one quantity each)."""

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        params: ThresholdParams = scope.params
        self._scope = scope
        self._params = params
        self._raise_at = params.raise_at
        self._clear_at = params.raise_at if params.clear_at is None else params.clear_at
        self._table = StateTable(scope.name, _STATE, start=(0, 0, False, 0, 0, 0, np.nan))
        self._place = GrowingArray(np.int32, fill=-1)
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each series."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a series of a watched device and quantity."""
        self._place.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or quantity not in self._scope.quantities:
            return False
        subject = Subject(key=device_id, device_id=device_id, quantity=quantity)
        self._place.values[series] = self._table.add(subject.key, unit=watched.unit)
        self._subjects.append(subject)
        return True

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        marks = self._open(view.units)
        place = self._place.values[batch.series]
        mine = np.flatnonzero(place >= 0)
        if len(mine):
            rows = self._news(batch, mine, place[mine])
            marks += self._fold(batch.take(rows), place[rows]) if len(rows) else []
        return marks

    def _news(self, batch: Batch, mine: Int64s, place: Int32s) -> Int64s:
        """Return the rows to fold: all usable ones of those subjects of which any changes something.

        A value that is still on the side it was on, and is told to be there or is between, changes nothing.
        """
        value, state = batch.value[mine], self._table.now
        side = self._side(value)
        is_told = (side == _BETWEEN) | ((side == _RAISED) == state["is_raised"][place])
        may_matter = np.flatnonzero((side != state["side"][place]) | ~is_told)
        if not len(may_matter):
            return may_matter
        is_usable = ~np.isnan(value) & flags.are_usable(batch.flag[mine])
        return mine[is_usable & np.isin(place, place[may_matter])]

    def _open(self, units: Int64s) -> list[Mark]:
        state = self._table.now
        places = self._table.of_units(units)
        places = places[state["is_raised"][places]] if len(places) else places
        steps = zip(
            places.tolist(),
            state["raised_ns"][places].tolist(),
            state["known_ns"][places].tolist(),
            state["raised_value"][places].tolist(),
            strict=True,
        )
        return [self._mark(place, EventState.RAISED, _Step(*step)) for place, *step in steps]

    def _fold(self, rows: Batch, place: Int32s) -> list[Mark]:
        state, first, last = self._table.now, is_first(place), is_last(place)
        side = self._side(rows.value)
        held_ns, side_ns = self._held(rows.observed_ns, side=side, place=place)
        confirmed = np.where(held_ns >= self._hold_ns(side), side, _BETWEEN)
        was_raised = np.where(state["is_raised"][place[first]], _RAISED, _CLEARED).astype(np.int8)
        level = np.where(first & (confirmed == _BETWEEN), 0, confirmed)
        level[first & (confirmed == _BETWEEN)] = was_raised[confirmed[first] == _BETWEEN]
        level = level[latest(first | (confirmed != _BETWEEN))]
        turns = np.flatnonzero(level != shifted(level, first=first, carried=was_raised))
        marks = [self._turn(rows, row=row, place=int(place[row]), start_ns=int(side_ns[row])) for row in turns.tolist()]
        self._note(place[last], side[last], side_ns[last])
        return marks

    def _note(self, place: Int32s, side: Sides, side_ns: Int64s) -> None:
        """Remember on which side (P,) each value is and since when (P,), where that changed."""
        state = self._table.now
        moved = np.flatnonzero((state["side"][place] != side) | (state["side_ns"][place] != side_ns))
        if len(moved):
            state, place = self._table.touch(place[moved]), place[moved]
            state["side"][place], state["side_ns"][place] = side[moved], side_ns[moved]

    def _side(self, value: Floats) -> Sides:
        sign = self._params.sign
        is_raising = value * sign >= self._raise_at * sign
        is_clearing = ~is_raising & (value * sign <= self._clear_at * sign)
        return np.where(is_raising, _RAISED, np.where(is_clearing, _CLEARED, _BETWEEN)).astype(np.int8)

    def _held(self, observed_ns: Int64s, *, side: Sides, place: Int32s) -> tuple[Int64s, Int64s]:
        """Return for how long (N,) the value has been on its side, and since when (N,)."""
        state, first = self._table.now, is_first(place)
        is_new_side = side != shifted(side, first=first, carried=state["side"][place[first]])
        since_ns = np.where(is_new_side, observed_ns, 0)
        goes_on = first & ~is_new_side
        since_ns[goes_on] = state["side_ns"][place[goes_on]]
        since_ns = since_ns[latest(first | is_new_side)]
        return observed_ns - since_ns, since_ns

    def _hold_ns(self, side: Sides) -> Int64s:
        raise_ns, clear_ns = self._params.hold_s * SECOND_NS, self._params.clear_hold_s * SECOND_NS
        return np.where(side == _RAISED, np.int64(raise_ns), np.int64(clear_ns))

    def _turn(self, rows: Batch, *, row: int, place: int, start_ns: int) -> Mark:
        state = self._table.touch([place])
        step = _Step(int(rows.observed_ns[row]), int(rows.received_ns[row]), float(rows.value[row]))
        is_raised = not state["is_raised"][place]
        state["is_raised"][place] = is_raised
        if is_raised:
            state["start_ns"][place], state["raised_ns"][place] = start_ns, step.at_ns
            state["known_ns"][place], state["raised_value"][place] = step.known_ns, step.value
        return self._mark(place, EventState.RAISED if is_raised else EventState.CLEARED, step)

    def _mark(self, place: int, kind: EventState, step: _Step) -> Mark:
        return Mark(
            rule_id=self._scope.name,
            subject=self._subjects[place],
            start_ns=int(self._table.now["start_ns"][place]),
            state=kind,
            observed_ns=step.at_ns,
            known_ns=step.known_ns,
            value=step.value,
            limit=self._raise_at if kind is EventState.RAISED else self._clear_at,
        )


RULE = RuleSpec(name="threshold", params=ThresholdParams, timeline="observed", build=Threshold)
