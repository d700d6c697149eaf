"""`counter_reset`: a cumulative counter (openings, energy) began anew: reboot, a meter replaced or its unit changed.

What was counted between the two reports is not known; no negative step is ever made of it. A counter that only wraps,
where its end is known, is no reset. Each reset is an event that begins and ends with the report that shows it; its
value is the new count, its limit the one before. Only where a site asks for it.

Source: device notes 4.5 (negative step: wrap or reboot; emit `counter_reset`, do not emit a negative rate) and bad
input 78; see `ingest.counters`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from devices.model import EventState
from devices.quantities import QUANTITIES
from ingest import flags
from ingest.batch import Batch
from ingest.counters import RESET, moduli_of, steps
from ingest.events import Mark, Subject
from ingest.plugins import Params, RuleSpec, Scope, Timeless, View
from ingest.runs import is_first, is_last, shifted
from ingest.state import GrowingArray, StateTable

_STATE = np.dtype([("count", np.float64)])


class CounterResetParams(Params):
    """There is nothing to set."""


class CounterReset(Timeless):
    """The rule at work; its subjects are counters (`device/quantity`)."""

    def __init__(self, scope: Scope) -> None:
        """Begin with no series."""
        self._scope = scope
        self._table = StateTable(scope.name, _STATE, start=(np.nan,))
        self._place = GrowingArray(np.int32, fill=-1)
        self._kind = GrowingArray(np.int32)
        self._moduli: list[tuple[float, ...]] = []
        self._subjects: list[Subject] = []

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each counter."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a counter of a watched device."""
        self._place.grow(series + 1)
        watched, known = self._scope.watched.get(device_id), QUANTITIES.get(quantity)
        is_wanted = not self._scope.quantities or quantity in self._scope.quantities
        if watched is None or known is None or known.kind != "counter" or not is_wanted:
            return False
        subject = Subject(key=f"{device_id}/{quantity}", device_id=device_id, quantity=quantity)
        place = self._table.add(subject.key, unit=watched.unit)
        self._place.values[series] = place
        moduli = moduli_of(watched.model, quantity)
        if moduli not in self._moduli:
            self._moduli.append(moduli)
        self._kind.grow(place + 1)
        self._kind.values[place] = self._moduli.index(moduli)
        self._subjects.append(subject)
        return True

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks they give."""
        del view
        place = self._place.values[batch.series]
        is_usable = (place >= 0) & ~np.isnan(batch.value) & flags.are_usable(batch.flag)
        if not is_usable.any():
            return []
        rows, place = batch.take(is_usable), place[is_usable]
        state, first, last = self._table.now, is_first(place), is_last(place)
        before = shifted(rows.value, first=first, carried=state["count"][place[first]])
        self._table.touch(place[last])["count"][place[last]] = rows.value[last]
        is_reset = np.zeros(len(rows), dtype=np.bool_)
        for kind, moduli in enumerate(self._moduli):
            mine = self._kind.values[place] == kind
            is_reset[mine] = steps(before[mine], rows.value[mine], moduli=moduli).kind == RESET
        return [
            self._mark(rows, row, state=kind, before=float(before[row]))
            for row in np.flatnonzero(is_reset).tolist()
            for kind in (EventState.RAISED, EventState.CLEARED)
        ]

    def _mark(self, rows: Batch, row: int, *, state: EventState, before: float) -> Mark:
        at_ns = int(rows.observed_ns[row])
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[int(self._place.values[rows.series[row]])],
            start_ns=at_ns, state=state, observed_ns=at_ns, known_ns=int(rows.received_ns[row]),
            value=float(rows.value[row]), limit=before,
        )  # fmt: skip


RULE = RuleSpec(name="counter_reset", params=CounterResetParams, timeline="observed", build=CounterReset)
