"""`contact_event`: a contact went from armed to sprung (trap door, help button); every such edge is told, late or not.

The first reading ever only says how things stand: sprung at start-up is no event. Cleared at the edge back. No data
leaves the state as it is. Which contact state means sprung is the device's `sprung_when`.

Source: R-trap rules of the design notes (closed at start-up is unknown, not sprung).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from devices.model import EventState
from ingest.batch import Batch, Int32s, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, Timeless, View
from ingest.runs import is_first, is_last, shifted
from ingest.state import GrowingArray, StateTable

_NOTHING, _ARMED, _SPRUNG = 0, 1, 2
_STATE = np.dtype([("contact", np.int8), ("start_ns", np.int64), ("known_ns", np.int64)])


class ContactEventParams(Params):
    """`quantity` is the contact, 1 = open, 0 = closed; the rule's own `quantity` goes before it."""

    quantity: Annotated[str, Field(min_length=1)] = "contact_open"


class ContactEvent(Timeless):
    """The rule at work; its subjects are devices (one quantity each). `start_ns` 0 = no episode is open."""

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        self._scope = scope
        self._quantity: str = next(iter(scope.quantities), scope.params.quantity)
        self._table = StateTable(scope.name, _STATE, start=(_NOTHING, 0, 0))
        self._place = GrowingArray(np.int32, fill=-1)
        self._sprung_value = GrowingArray(np.float64)
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each contact."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Take up the contact of a watched device."""
        self._place.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or quantity != self._quantity:
            return
        subject = Subject(key=device_id, device_id=device_id, quantity=quantity)
        place = self._table.add(subject.key, unit=watched.unit)
        self._place.values[series] = place
        self._sprung_value.grow(place + 1)
        self._sprung_value.values[place] = float(watched.sprung_when_open)
        self._subjects.append(subject)

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        marks = self._open(view.units)
        place = self._place.values[batch.series]
        is_contact = (place >= 0) & ((batch.value == 0.0) | (batch.value == 1.0))
        if is_contact.any():
            marks += self._fold(batch.take(is_contact), place[is_contact])
        return marks

    def _open(self, units: Int64s) -> list[Mark]:
        state = self._table.now
        return [
            self._mark(
                place, EventState.RAISED, at_ns=int(state["start_ns"][place]), known_ns=int(state["known_ns"][place])
            )
            for place in self._table.of_units(units).tolist()
            if state["start_ns"][place]
        ]

    def _fold(self, rows: Batch, place: Int32s) -> list[Mark]:
        state, first, last = self._table.now, is_first(place), is_last(place)
        contact = np.where(rows.value == self._sprung_value.values[place], _SPRUNG, _ARMED).astype(np.int8)
        before = shifted(contact, first=first, carried=state["contact"][place[first]])
        state["contact"][place[last]] = contact[last]
        edges = np.flatnonzero((before != _NOTHING) & (contact != before))
        marks = [
            self._edge(rows, row=row, place=int(place[row]), is_sprung=bool(contact[row] == _SPRUNG))
            for row in edges.tolist()
        ]
        return [mark for mark in marks if mark is not None]

    def _edge(self, rows: Batch, *, row: int, place: int, is_sprung: bool) -> Mark | None:
        starts_ns, at_ns, known_ns = self._table.now["start_ns"], int(rows.observed_ns[row]), int(rows.received_ns[row])
        if is_sprung:
            starts_ns[place], self._table.now["known_ns"][place] = at_ns, known_ns
            return self._mark(place, EventState.RAISED, at_ns=at_ns, known_ns=known_ns)
        if not starts_ns[place]:
            return None
        mark = self._mark(place, EventState.CLEARED, at_ns=at_ns, known_ns=known_ns)
        starts_ns[place] = 0
        return mark

    def _mark(self, place: int, kind: EventState, *, at_ns: int, known_ns: int) -> Mark:
        sprung = float(self._sprung_value.values[place])
        return Mark(
            rule_id=self._scope.name,
            subject=self._subjects[place],
            start_ns=int(self._table.now["start_ns"][place]),
            state=kind,
            observed_ns=at_ns,
            known_ns=known_ns,
            value=sprung if kind is EventState.RAISED else 1.0 - sprung,
        )


RULE = RuleSpec(name="contact_event", params=ContactEventParams, timeline="contact", build=ContactEvent)
