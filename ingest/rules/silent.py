"""`silent`: a device, a channel of a device or a gateway has not been heard for longer than it should.

Asks `received_ns` ("is it alive?"), never `observed_ns`: back-filled data neither clear a silence nor raise one. The
deadline is the last fresh reading + `intervals` x expected interval + `grace_s`; the event bears the deadline as its
time, whenever the tick came that saw it. Time in which the hub itself was away does not count. A device that was never
heard is counted from the first start of ingest; a channel that the site does not list is watched once heard. What a
gateway or a network says about a device (hearsay: line fault, online) is no sign of its life, and no such channel.

Source: contract of the design notes, promise 5 (3 expected intervals + grace + 1 tick).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field

from devices.model import SECOND_NS, EventState
from devices.quantities import is_hearsay
from ingest.batch import Batch, Int32s, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Deadlines, Params, RuleSpec, Scope, View, Watched
from ingest.runs import is_first, is_last, shifted
from ingest.spans import Spans
from ingest.state import GrowingArray, StateTable

_STATE = np.dtype([("heard_ns", np.int64), ("born_ns", np.int64)])


class SilentParams(Params):
    """`channel`: watch each quantity of a device instead of the device as a whole."""

    intervals: Annotated[float, Field(gt=0, le=1000)] = 3.0
    grace_s: Annotated[int, Field(ge=0, le=31_536_000)] = 600
    channel: bool = False


class Silent:
    """The rule at work; its subjects are devices, or channels. `heard_ns` 0 = never heard, `born_ns` 0 = no matter."""

    def __init__(self, scope: Scope) -> None:
        """Begin with all watched devices, or with the channels that the site lists."""
        self._scope = scope
        self._params: SilentParams = scope.params
        self._table = StateTable(scope.name, _STATE, start=(0, 0))
        self._place = GrowingArray(np.int32, fill=-1)
        self._limit_ns = GrowingArray(np.int64)
        self._is_expected = GrowingArray(np.bool_)
        self._subjects: list[Subject] = []
        self._away = Spans()
        for watched in scope.watched.values():
            for quantity in self._expected(watched):
                place = self._add(watched, quantity=quantity)
                self._is_expected.values[place] = True

    def _expected(self, watched: Watched) -> Sequence[str]:
        if not self._params.channel:
            return ("",)
        return tuple(quantity for quantity in watched.listed if self._applies_to(quantity))

    def _applies_to(self, quantity: str) -> bool:
        is_wanted = not self._scope.quantities or quantity in self._scope.quantities
        return is_wanted and not is_hearsay(quantity)

    def _add(self, watched: Watched, *, quantity: str) -> int:
        key = f"{watched.device_id}/{quantity}" if quantity else watched.device_id
        place = self._table.add(key, unit=watched.unit)
        if place == len(self._subjects):
            self._subjects.append(Subject(key=key, device_id=watched.device_id, quantity=quantity))
            self._limit_ns.grow(place + 1)
            self._is_expected.grow(place + 1)
            self._limit_ns.values[place] = limit_ns(watched.interval_ns, self._params)
        return place

    def tables(self) -> Sequence[StateTable]:
        """Return the one table: a record for each subject."""
        return (self._table,)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a channel of a watched device."""
        self._place.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or is_hearsay(quantity):
            return False
        if not self._params.channel:
            self._place.values[series] = self._add(watched, quantity="")
            return True
        # a listed snow depth that we derive is heard when its distance is
        is_source = quantity == "distance" and watched.derives_depth and "snow_depth" in watched.listed
        channel = "snow_depth" if is_source and "distance" not in watched.listed else quantity
        if not self._applies_to(channel):
            return False
        self._place.values[series] = self._add(watched, quantity=channel)
        return True

    def begin(self, now_ns: int, away: Spans) -> None:
        """Count from now for every subject that is expected, was never heard and is new."""
        self._away = away
        state = self._table.now
        is_new = self._is_expected.values & (state["heard_ns"] == 0) & (state["born_ns"] == 0)
        for records in self._table.versions(np.flatnonzero(is_new)):
            records["born_ns"][is_new] = now_ns

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        place = self._place.values[batch.series]
        mine = np.flatnonzero(place >= 0)
        marks = self._hear(batch.received_ns[mine], place=place[mine]) if len(mine) else []
        return marks + self._open(view)

    def _hear(self, heard_ns: Int64s, *, place: Int32s) -> list[Mark]:
        """Fold what was heard (N,); go through it in order only where there may have been a gap."""
        order = np.argsort(place, kind="stable")
        heard_ns, place = heard_ns[order], place[order]
        starts = np.flatnonzero(is_first(place))
        newest_ns, subject = np.maximum.reduceat(heard_ns, starts), place[starts]
        _, deadline_ns = self._deadlines(subject.astype(np.int64))
        is_gapless = newest_ns <= deadline_ns
        later = np.flatnonzero(is_gapless & (newest_ns > self._table.now["heard_ns"][subject]))
        self._table.touch(subject[later])["heard_ns"][subject[later]] = newest_ns[later]
        if is_gapless.all():
            return []
        rows = np.flatnonzero(np.isin(place, subject[~is_gapless]))
        rows = rows[np.lexsort((heard_ns[rows], place[rows]))]
        return self._fold(heard_ns[rows], place=place[rows])

    def _fold(self, heard_ns: Int64s, *, place: Int32s) -> list[Mark]:
        state, first, last = self._table.now, is_first(place), is_last(place)
        since_ns = shifted(heard_ns, first=first, carried=state["heard_ns"][place[first]])
        since_ns = np.maximum(since_ns, state["born_ns"][place])
        deadline_ns = self._away.deadlines(since_ns, after_ns=self._limit_ns.values[place])
        gaps = np.flatnonzero((heard_ns > deadline_ns) & (since_ns > 0))
        newest_ns = np.maximum(state["heard_ns"][place[last]], heard_ns[last])
        self._table.touch(place[last])["heard_ns"][place[last]] = newest_ns
        marks: list[Mark] = []
        for row in gaps.tolist():
            subject, start_ns = int(place[row]), int(since_ns[row])
            marks.append(self._mark(subject, EventState.RAISED, start_ns=start_ns, at_ns=int(deadline_ns[row])))
            marks.append(self._mark(subject, EventState.CLEARED, start_ns=start_ns, at_ns=int(heard_ns[row])))
        return marks

    def _open(self, view: View) -> list[Mark]:
        places = self._table.of_units(view.units)
        since_ns, deadline_ns = self._deadlines(places)
        is_open = (deadline_ns <= view.due_ns) & (since_ns > 0)
        rows = zip(places[is_open].tolist(), since_ns[is_open].tolist(), deadline_ns[is_open].tolist(), strict=True)
        return [self._mark(place, EventState.RAISED, start_ns=start, at_ns=at_ns) for place, start, at_ns in rows]

    def _deadlines(self, places: Int64s) -> tuple[Int64s, Int64s]:
        state = self._table.now[places]
        since_ns = np.maximum(state["heard_ns"], state["born_ns"])
        return since_ns, self._away.deadlines(since_ns, after_ns=self._limit_ns.values[places])

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return when the subjects of `units` that were heard or are expected will be silent."""
        places = self._table.of_units(units)
        since_ns, deadline_ns = self._deadlines(places)
        is_counted = since_ns > 0
        return deadline_ns[is_counted], self._table.unit[places[is_counted]]

    def _mark(self, place: int, kind: EventState, *, start_ns: int, at_ns: int) -> Mark:
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[place], start_ns=start_ns, state=kind,
            observed_ns=at_ns, known_ns=at_ns,
        )  # fmt: skip


def limit_ns(interval_ns: int, params: SilentParams) -> int:
    """Return how long a subject with this expected interval may be silent.

    Example: interval 600 s, 3 intervals, grace 600 s: 2,400 s.
    """
    return round(params.intervals * interval_ns) + params.grace_s * SECOND_NS


RULE = RuleSpec(name="silent", params=SilentParams, timeline="received", build=Silent, subjects="devices")
