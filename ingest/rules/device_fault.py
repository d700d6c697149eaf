"""`device_fault`: a device, or its gateway for it, says that something is wrong with it. A fault is never data.

Looks at `line_fault` (what the gateway says of the wire: lost, no answer, garbage, wrong instrument), `device_fault`
(the device's own code) and `battery_low`, channels included; anything but 0 is a fault, NaN says nothing. Each of them
is a subject of its own. Raised when it has lasted `hold_s`, dated by that instant; short gaps do not end it: cleared
when it has been 0 for `clear_hold_s`, dated by the first 0. A device with a fault keeps its deadline of silence
(`silent` does not count hearsay). Always at work: a site that names no such rule has it for all devices.

Source: acceptance of the issue "real devices" (a line's failure is a fault, not data); ISA-18.2 (on-delay, off-delay).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from devices.quantities import base_key
from ingest.batch import Batch, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, View
from ingest.spans import Spans
from ingest.state import GrowingArray, Records, StateTable

QUANTITIES = frozenset({"line_fault", "device_fault", "battery_low"})
_STATE = np.dtype(
    [("start_ns", np.int64), ("known_ns", np.int64), ("value", np.float64), ("raised_ns", np.int64),
     ("fine_ns", np.int64)]
)  # fmt: skip


class DeviceFaultParams(Params):
    """A fault is told when it has lasted `hold_s`, and is over when it has been gone for `clear_hold_s`."""

    hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 60
    clear_hold_s: Annotated[int, Field(ge=0, le=31_536_000)] = 300


class DeviceFault:
    """The rule at work; its subjects are channels (`device/quantity`).

    `start_ns` 0 = no fault; `raised_ns` 0 = it has not lasted yet, by what the rows say; `fine_ns` 0 = it goes on.
    """

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        params: DeviceFaultParams = scope.params
        self._scope = scope
        self._hold_ns, self._clear_ns = params.hold_s * SECOND_NS, params.clear_hold_s * SECOND_NS
        self._table = StateTable(scope.name, _STATE, start=(0, 0, np.nan, 0, 0))
        self._place = GrowingArray(np.int32, fill=-1)
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each channel that tells faults."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Take up a channel of a watched device that tells faults."""
        self._place.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        is_wanted = not self._scope.quantities or quantity in self._scope.quantities
        if watched is None or not is_wanted or base_key(quantity) not in QUANTITIES:
            return
        subject = Subject(key=f"{device_id}/{quantity}", device_id=device_id, quantity=quantity)
        self._place.values[series] = self._table.add(subject.key, unit=watched.unit)
        self._subjects.append(subject)

    def begin(self, now_ns: int, away: Spans) -> None:
        """Do nothing: a fault that was told before the hub was away still holds."""

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        place = self._place.values[batch.series]
        rows = np.flatnonzero((place >= 0) & ~np.isnan(batch.value))
        marks: list[Mark] = []
        # what a device repeats changes nothing: few rows are left to go through one by one
        for row in rows[self._matters(place[rows], batch.value[rows])].tolist():
            marks += self._take(int(place[row]), batch, row)
        places = self._table.of_units(view.units).tolist()
        return marks + [mark for one in places for mark in self._marks(one, due_ns=view.due_ns)]

    def _matters(self, place: Int64s, value: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Int64s:
        """Return the positions where a channel goes from fine to faulty or back."""
        is_faulty = value != 0.0
        state = self._table.now[place]
        first = np.ones(len(place), dtype=np.bool_)
        first[1:] = place[1:] != place[:-1]
        before = np.empty_like(is_faulty)
        before[1:] = is_faulty[:-1]
        before[first] = ((state["start_ns"] != 0) & (state["fine_ns"] == 0))[first]
        return np.flatnonzero(is_faulty != before)

    def _take(self, place: int, batch: Batch, row: int) -> list[Mark]:
        """Fold one change in; return the marks of the episode that it shows to be over."""
        state, at_ns = self._table.now, int(batch.observed_ns[row])
        if batch.value[row] == 0.0:
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
        """Return when the fault had lasted long enough, or will have if it goes on; 0 = never."""
        if one["raised_ns"] or not one["start_ns"] or one["fine_ns"]:
            return int(one["raised_ns"])
        return int(one["start_ns"]) + self._hold_ns

    def _deadlines(self) -> tuple[Int64s, Int64s]:
        """Return the deadlines (D,) there are, and the unit (D,) of each."""
        state, unit = self._table.now, self._table.unit
        waits = (state["start_ns"] != 0) & (state["raised_ns"] == 0) & (state["fine_ns"] == 0)
        ends = (state["raised_ns"] != 0) & (state["fine_ns"] != 0)
        deadline_ns = np.concatenate(
            [state["start_ns"][waits] + self._hold_ns, state["fine_ns"][ends] + self._clear_ns]
        )
        return deadline_ns, np.concatenate([unit[waits], unit[ends]]).astype(np.int64)

    def units_due(self, *, after_ns: int, until_ns: int) -> Int64s:
        """Return the units with a deadline in (after_ns, until_ns]."""
        deadline_ns, unit = self._deadlines()
        return np.unique(unit[(deadline_ns > after_ns) & (deadline_ns <= until_ns)])

    def next_deadline_ns(self, *, after_ns: int) -> int | None:
        """Return the first deadline after `after_ns`."""
        deadline_ns, _ = self._deadlines()
        ahead_ns = deadline_ns[deadline_ns > after_ns]
        return int(ahead_ns.min()) if len(ahead_ns) else None

    def _mark(self, place: int, kind: EventState, *, at_ns: int, known_ns: int) -> Mark:
        one = self._table.now[place]
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=int(one["start_ns"]), state=kind,
            observed_ns=at_ns, known_ns=known_ns, value=float(one["value"]) if kind is EventState.RAISED else 0.0,
            limit=0.0,
        )  # fmt: skip


RULE = RuleSpec(name="device_fault", params=DeviceFaultParams, timeline="observed", build=DeviceFault)
