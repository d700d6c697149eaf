"""How a contact stands and since when: the state machine behind `contact_event` (it sprang) and `trap_check` (perhaps).

Only an edge from armed to sprung, seen in a run of reports without a break, is a spring. Sprung in the first report
ever, in the first after the device restarted, or after nothing was heard for long, is unknown: it may be a catch, or
somebody is just setting it up. Both kinds of episode end when the contact has been armed for `rearm_s`, dated by when
that began: what bounces (30 edges in a second, wind, a person at work) is one episode.

A counter of openings recovers what was missed: a step greater than the edges seen is that many springs and returns,
dated by the report that tells them (all that is known is that they lie between two reports). Several within `rearm_s`
of the report before, or while it is sprung already, are bounce.

A quantity that happens (`sos`, `button`) has no position to be armed in: each press is told, the first ever included;
presses within `rearm_s` of one another are one. Its episode ends with the next one, or when nothing has been pressed
for `forget_s`.

A cut wire of a normally closed loop looks exactly like a spring; that is the safe side, and only a look can tell.

Source: device notes 4.3, 4.5 and bad inputs 66 to 68.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from devices.quantities import QUANTITIES, label_value
from ingest.batch import Batch, Bools, Int32s, Int64s
from ingest.counters import moduli_of, steps
from ingest.events import Mark, Subject
from ingest.plugins import Deadlines, Params, Scope, View, Watched
from ingest.runs import is_first, is_last, shifted
from ingest.spans import Spans
from ingest.state import GrowingArray, StateTable

SPRANG, UNKNOWN = 1, 2
"""Kinds of episode: an edge that was seen, a position of which nobody knows since when."""

MOST_RECOVERED = 100
"""A counter that jumps further has been replaced, set, or is no counter of openings."""

Sides = np.ndarray[Any, np.dtype[np.int8]]

_NOTHING, _ARMED, _SPRUNG = 0, 1, 2
_RESTART, _CONTACT, _COUNT, _NONE = 0, 1, 2, 9
_STATE = np.dtype(
    [("contact", np.int8), ("seen_ns", np.int64), ("kind", np.int8), ("start_ns", np.int64), ("known_ns", np.int64),
     ("armed_ns", np.int64), ("armed_known_ns", np.int64), ("count", np.float64), ("count_ns", np.int64),
     ("edges", np.int32)]
)  # fmt: skip
_START = (_NOTHING, 0, 0, 0, 0, 0, 0, np.nan, 0, 0)


class _Step(NamedTuple):
    place: int
    at_ns: int
    known_ns: int
    value: float


class ContactParams(Params):
    """`quantity` is the contact, 1 = open, 0 = closed; the rule's own `quantity` goes before it.

    `rearm_s`: an episode is over when the contact has been armed again for that long. `forget_s`: what happens (a
    press) is over after that long. `lost_after_s`: what was not heard for longer, and for longer than three of its
    intervals, may have changed more than once meanwhile.
    """

    quantity: Annotated[str, Field(min_length=1)] = "contact_open"
    rearm_s: Annotated[int, Field(ge=0, le=86_400)] = 60
    forget_s: Annotated[int, Field(ge=60, le=31_536_000)] = 43_200
    lost_after_s: Annotated[int, Field(ge=60, le=31_536_000)] = 86_400


class Contacts:
    """A rule about contacts at work; its subjects are devices (one quantity each).

    `kind` 0 = no episode; `armed_ns` 0 = it is still sprung; `edges` counts openings since the last word of the
    counter. Subclasses say of which kind of episode they tell.
    """

    tells = SPRANG

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        params: ContactParams = scope.params
        self._scope = scope
        self._rearm_ns = params.rearm_s * SECOND_NS
        self._lost_after_ns = params.lost_after_s * SECOND_NS
        self._quantity: str = next(iter(scope.quantities), params.quantity)
        known = QUANTITIES.get(self._quantity)
        self._is_press = known is not None and known.kind == "event"
        self._over_ns = params.forget_s * SECOND_NS if self._is_press else self._rearm_ns
        self._table = StateTable(scope.name, _STATE, start=_START)
        self._place, self._role = GrowingArray(np.int32, fill=-1), GrowingArray(np.int8, fill=_NONE)
        self._sprung_when = GrowingArray(np.float64)
        self._sprung_value, self._lost_ns = GrowingArray(np.float64), GrowingArray(np.int64)
        self._moduli: list[tuple[float, ...]] = []
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each device."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up contact, counter of openings and restarts of a watched device."""
        for array in (self._place, self._role, self._sprung_when):
            array.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        role = self._role_of(quantity)
        if watched is None or role == _NONE:
            return False
        place = self._add(watched)
        self._place.values[series], self._role.values[series] = place, role
        is_state = quantity == "trap_state"
        self._sprung_when.values[series] = (
            label_value("trap_state", "sprung") if is_state else float(watched.sprung_when_open)
        )
        return True

    def _role_of(self, quantity: str) -> int:
        if quantity == self._quantity or (quantity == "trap_state" and self._quantity == "contact_open"):
            return _CONTACT
        if quantity == "restarted":
            return _RESTART
        return _COUNT if quantity == "count" and self._quantity == "contact_open" else _NONE

    def _add(self, watched: Watched) -> int:
        place = self._table.add(watched.device_id, unit=watched.unit)
        if place == len(self._subjects):
            self._subjects.append(Subject(key=watched.device_id, device_id=watched.device_id, quantity=self._quantity))
            self._moduli.append(moduli_of(watched.model, "count"))
            self._sprung_value.grow(place + 1)
            self._lost_ns.grow(place + 1)
            self._sprung_value.values[place] = float(watched.sprung_when_open or self._is_press)
            self._lost_ns.values[place] = max(self._lost_after_ns, 3 * watched.interval_ns)
        return place

    def begin(self, now_ns: int, away: Spans) -> None:
        """Do nothing: how a contact stands does not depend on the hub."""

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        place, role = self._place.values[batch.series], self._role.values[batch.series]
        is_mine = (place >= 0) & ~np.isnan(batch.value) & self._is_clear(batch, role)
        marks: list[Mark] = []
        if is_mine.any():
            rows = np.flatnonzero(is_mine)
            rows = rows[np.lexsort((role[rows], batch.seq[rows], batch.observed_ns[rows], place[rows]))]
            marks = self._fold(batch.take(rows))
        places = self._table.of_units(view.units).tolist()
        return marks + [mark for one in places for mark in self._marks(one, due_ns=view.due_ns)]

    def _is_clear(self, batch: Batch, role: Sides) -> Bools:
        """Return which rows (N,) say something: contacts that are armed or sprung, presses, restarts, counts."""
        is_state = batch.value > 0.0 if self._is_press else (batch.value == 0.0) | (batch.value == 1.0)
        clear: Bools = np.where(role == _CONTACT, is_state, np.where(role == _RESTART, batch.value == 1.0, True))
        return clear

    def _fold(self, rows: Batch) -> list[Mark]:
        """Go through rows sorted by device and time; most of them repeat what is known and are passed over."""
        place, role = self._place.values[rows.series], self._role.values[rows.series]
        is_sprung = self._is_press | (rows.value == self._sprung_when.values[rows.series])
        contact = np.where(is_sprung, _SPRUNG, _ARMED).astype(np.int8)
        is_contact = role == _CONTACT
        matters, is_lost = ~is_contact, np.zeros(len(rows), dtype=np.bool_)
        if is_contact.any():
            matters[is_contact], is_lost[is_contact] = self._news(
                place[is_contact], contact[is_contact], rows.observed_ns[is_contact]
            )
        # after a restart the next word counts, even if it is the same as before
        matters[1:] |= role[:-1] == _RESTART
        marks: list[Mark] = []
        for row in np.flatnonzero(matters).tolist():
            step = _Step(
                place=int(place[row]), at_ns=int(rows.observed_ns[row]), known_ns=int(rows.received_ns[row]),
                value=float(rows.value[row]),
            )  # fmt: skip
            if is_contact[row]:
                marks += self._turn(step, contact=int(contact[row]), is_lost=bool(is_lost[row]))
            elif role[row] == _COUNT:
                marks += self._recover(step)
            else:
                state = self._table.touch([step.place])
                state["contact"][step.place] = _NOTHING
                state["count"][step.place] = np.nan
        last = is_last(place[is_contact])
        seen = place[is_contact][last]
        self._table.touch(seen)["seen_ns"][seen] = rows.observed_ns[is_contact][last]
        return marks

    def _news(self, place: Int32s, contact: Sides, observed_ns: Int64s) -> tuple[Bools, Bools]:
        """Return which contacts (N,) differ from the one before or come after a long silence, and the latter alone."""
        state, first = self._table.now, is_first(place)
        before = shifted(contact, first=first, carried=state["contact"][place[first]])
        seen_ns = shifted(observed_ns, first=first, carried=state["seen_ns"][place[first]])
        is_lost = observed_ns - seen_ns > self._lost_ns.values[place]
        return (contact != before) | is_lost | self._is_press, is_lost

    def _turn(self, step: _Step, *, contact: int, is_lost: bool) -> list[Mark]:
        """Take a contact in; return the marks of the episode that it shows to be over."""
        if self._is_press:
            return self._press(step)
        state, place = self._table.touch([step.place]), step.place
        was_known = state["contact"][place] != _NOTHING and not is_lost
        state["edges"][place] += bool(was_known and step.value == 1.0 and state["contact"][place] != contact)
        is_edge = was_known and state["contact"][place] == _ARMED
        state["contact"][place] = contact
        if contact == _ARMED:
            if state["kind"][place] and not state["armed_ns"][place]:
                state["armed_ns"][place], state["armed_known_ns"][place] = step.at_ns, step.known_ns
            return []
        if state["kind"][place] and not self._is_over(place, step.at_ns):
            state["armed_ns"][place] = 0
            return []
        marks = self._marks(place, due_ns=step.at_ns)
        state["kind"][place] = SPRANG if is_edge else UNKNOWN
        state["start_ns"][place], state["known_ns"][place] = step.at_ns, step.known_ns
        state["armed_ns"][place] = 0
        return marks

    def _press(self, step: _Step) -> list[Mark]:
        """Take a press in; return the marks of the episode before it."""
        state, place = self._table.touch([step.place]), step.place
        marks: list[Mark] = []
        if not state["kind"][place] or self._is_over(place, step.at_ns):
            marks = self._marks(place, due_ns=step.at_ns)
            if len(marks) == 1:  # the one before ends at the latest now, so that this one is told by itself
                start_ns = int(state["start_ns"][place])
                marks.append(
                    self._mark(place, EventState.CLEARED, start_ns=start_ns, at_ns=step.at_ns, known_ns=step.known_ns)
                )
            state["kind"][place] = SPRANG
            state["start_ns"][place], state["known_ns"][place] = step.at_ns, step.known_ns
        state["armed_ns"][place], state["armed_known_ns"][place] = step.at_ns, step.known_ns
        return marks

    def _is_over(self, place: int, at_ns: int) -> bool:
        armed_ns = int(self._table.now["armed_ns"][place])
        return armed_ns != 0 and at_ns - armed_ns >= self._rearm_ns

    def _recover(self, step: _Step) -> list[Mark]:
        """Take a word of the counter in; return the marks of what it counted and nobody saw."""
        state, place = self._table.touch([step.place]), step.place
        done = steps(state["count"][[place]], np.array([step.value]), moduli=self._moduli[place])
        waited_ns = step.at_ns - int(state["count_ns"][place])
        missed = np.nan_to_num(done.step[0]) - state["edges"][place]
        state["count"][place], state["count_ns"][place], state["edges"][place] = step.value, step.at_ns, 0
        goes_on = state["kind"][place] and state["start_ns"][place] < step.at_ns
        is_bounce = waited_ns <= self._rearm_ns or (goes_on and not self._is_over(place, step.at_ns))
        is_told = self.tells == SPRANG and state["contact"][place] != _NOTHING and not is_bounce
        if not is_told or not 1 <= missed <= MOST_RECOVERED:
            return []
        return [
            mark for before in range(int(missed), 0, -1) for mark in self._recovered(step, start_ns=step.at_ns - before)
        ]

    def _recovered(self, step: _Step, *, start_ns: int) -> list[Mark]:
        times = ((EventState.RAISED, start_ns), (EventState.CLEARED, step.at_ns))
        return [
            self._mark(step.place, kind, start_ns=start_ns, at_ns=at_ns, known_ns=step.known_ns)
            for kind, at_ns in times
        ]

    def _marks(self, place: int, *, due_ns: int) -> list[Mark]:
        """Return the marks of the newest episode of a device, as far as this rule tells it and they are known."""
        one = self._table.now[place]
        if one["kind"] != self.tells:
            return []
        start_ns, armed_ns = int(one["start_ns"]), int(one["armed_ns"])
        marks = [self._mark(place, EventState.RAISED, start_ns=start_ns, at_ns=start_ns, known_ns=int(one["known_ns"]))]
        if armed_ns and armed_ns + self._over_ns <= due_ns:
            known_ns = max(int(one["armed_known_ns"]), armed_ns + self._over_ns)
            marks.append(self._mark(place, EventState.CLEARED, start_ns=start_ns, at_ns=armed_ns, known_ns=known_ns))
        return marks

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return when armed contacts of `units` will have been armed for long enough."""
        places = self._table.of_units(units)
        state = self._table.now
        places = places[(state["kind"][places] == self.tells) & (state["armed_ns"][places] != 0)]
        return state["armed_ns"][places] + self._over_ns, self._table.unit[places]

    def _mark(self, place: int, kind: EventState, *, start_ns: int, at_ns: int, known_ns: int) -> Mark:  # noqa: PLR0913
        sprung = float(self._sprung_value.values[place])
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=start_ns, state=kind,
            observed_ns=at_ns, known_ns=known_ns, value=sprung if kind is EventState.RAISED else 1.0 - sprung,
        )  # fmt: skip
