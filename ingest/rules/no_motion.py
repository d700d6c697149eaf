"""`no_motion`: nobody was seen moving in a home for too long, while its sensors were alive to see it.

Evidence of life, by `observed_ns`: a motion sensor that says occupied (for at most `stuck_after_s` after it began to:
a sensor that sticks sees nothing; one that has never said "not occupied" tells movements only, so each one counts), or
a door contact that changes. Raised when `hours` of waking time have passed since
the last evidence, or since the first reading of the home, and a motion sensor was heard within three of its expected
intervals. When none was, nothing is known and nothing is said (`silent` speaks of that); it is raised when one is heard
again and there is still no evidence. Cleared by the next evidence.

Source: rules in use, 5 to 24 h (domain notes 4.1); promise 5 of the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import Field, model_validator

from devices.model import SECOND_NS, EventState
from devices.quantities import is_hearsay
from ingest.batch import Batch, Bools, Int64s
from ingest.events import Mark, Subject
from ingest.plugins import Deadlines, Params, RuleSpec, Scope, View, Watched
from ingest.runs import is_first, is_last, latest, shifted
from ingest.spans import Spans
from ingest.state import GrowingArray, StateTable
from ingest.waking import DAY_MIN, WakingHours, minutes_of

_NEVER_NS = np.iinfo(np.int64).max
_ALIVE_INTERVALS = 3
_NOTHING, _OCCUPANCY, _CONTACT = 0, 1, 2
_KINDS = {"occupancy": _OCCUPANCY, "contact_open": _CONTACT}
_SENSOR = np.dtype([("value", np.int8), ("rise_ns", np.int64), ("says_none", np.bool_)])
_HOME = np.dtype(
    [("since_ns", np.int64), ("deadline_ns", np.int64), ("alive_until_ns", np.int64), ("is_alive", np.bool_),
     ("back_ns", np.int64)]
)  # fmt: skip


class NoMotionParams(Params):
    """Only time between `waking_from` and `waking_to` (HH:MM, the town's time zone) counts towards `hours`."""

    hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    waking_from: str = "00:00"
    waking_to: str = "24:00"
    stuck_after_s: Annotated[int, Field(ge=1, le=31_536_000)] = 14_400

    @model_validator(mode="after")
    def _some_time_is_waking(self) -> NoMotionParams:
        if minutes_of(self.waking_from) % DAY_MIN == minutes_of(self.waking_to):
            raise ValueError(f"waking_from = {self.waking_from!r} and waking_to leave no waking time")
        return self


class NoMotion:
    """The rule at work; its subjects are homes.

    Of a home it remembers the last evidence (`since_ns`, 0 = no reading yet), its deadline, until when the motion
    sensors heard so far count as alive, whether one was alive at the deadline, and when the first one was heard
    after it (`back_ns`, 0 = none).
    """

    def __init__(self, scope: Scope) -> None:
        """Begin with all homes of the watched devices."""
        params: NoMotionParams = scope.params
        self._scope = scope
        self._stuck_after_ns = params.stuck_after_s * SECOND_NS
        self._waking = WakingHours(
            from_min=minutes_of(params.waking_from), to_min=minutes_of(params.waking_to),
            zone=ZoneInfo(scope.timezone), limit_ns=round(params.hours * 3_600 * SECOND_NS),
        )  # fmt: skip
        self._homes = StateTable(f"{scope.name}#homes", _HOME, start=(0, 0, 0, False, 0))
        self._sensors = StateTable(f"{scope.name}#sensors", _SENSOR, start=(-1, 0, False))
        self._kind, self._alive_ns = GrowingArray(np.int8), GrowingArray(np.int64)
        self._home, self._sensor = GrowingArray(np.int32, fill=-1), GrowingArray(np.int32, fill=-1)
        self._subjects: list[Subject] = []
        self._life_sensors = _life_sensors(scope)
        self._away = Spans()
        for watched in scope.watched.values():
            if self._homes.add(watched.home, unit=watched.unit) == len(self._subjects):
                self._subjects.append(Subject(key=watched.home, device_id=""))

    def tables(self) -> Sequence[StateTable]:
        """Return the two tables: a record for each home and for each sensor channel."""
        return (self._homes, self._sensors)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Take up a channel of a device of a watched home."""
        for array in (self._kind, self._alive_ns, self._home, self._sensor):
            array.grow(series + 1)
        watched = self._scope.watched.get(device_id)
        if watched is None or is_hearsay(quantity):
            return False
        self._home.values[series] = self._homes.add(watched.home, unit=watched.unit)
        self._kind.values[series] = _KINDS.get(quantity, _NOTHING)
        self._sensor.values[series] = self._sensors.add(f"{device_id}/{quantity}", unit=watched.unit)
        if device_id in self._life_sensors:
            self._alive_ns.values[series] = _ALIVE_INTERVALS * watched.interval_ns
        return True

    def begin(self, now_ns: int, away: Spans) -> None:
        """Take up the hub's absences; work the deadlines out anew, because `hours` may have been changed."""
        del now_ns
        self._away = away
        for records in self._homes.versions(np.flatnonzero(self._homes.now["since_ns"])):
            for place in np.flatnonzero(records["since_ns"]).tolist():
                records["deadline_ns"][place] = self._waking.deadline_ns(int(records["since_ns"][place]))

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return the marks of `view.units`."""
        rows = batch.take(self._home.values[batch.series] >= 0)
        marks: list[Mark] = []
        if len(rows):
            is_evidence = self._evidence(rows)
            home = self._home.values[rows.series]
            order = np.lexsort((rows.received_ns, is_evidence, rows.observed_ns, home))
            ends = np.flatnonzero(is_last(home[order])) + 1
            for chosen in np.split(order, ends[:-1]):
                marks += self._fold(int(home[chosen[0]]), rows=rows.take(chosen), is_evidence=is_evidence[chosen])
        return marks + self._open(view)

    def _evidence(self, rows: Batch) -> Bools:
        """Return which rows (N,) are evidence of life, and remember the state of each sensor."""
        is_evidence = np.zeros(len(rows), dtype=np.bool_)
        is_state = (self._kind.values[rows.series] != _NOTHING) & ((rows.value == 0.0) | (rows.value == 1.0))
        if not is_state.any():
            return is_evidence
        states = rows.take(is_state)
        sensor, state = self._sensor.values[states.series], self._sensors.now
        first, last = is_first(sensor), is_last(sensor)
        value = states.value.astype(np.int8)
        before = shifted(value, first=first, carried=state["value"][sensor[first]])
        rises = (value == 1) & (before != 1)
        rise_ns = np.where(rises, states.observed_ns, state["rise_ns"][sensor])[latest(first | rises)]
        is_none = value == 0
        says_none = is_none[latest(first | is_none)] | state["says_none"][sensor]
        is_seen = (value == 1) & (~says_none | (states.observed_ns - rise_ns <= self._stuck_after_ns))
        is_moved = (before >= 0) & (before != value)
        is_evidence[is_state] = np.where(self._kind.values[states.series] == _OCCUPANCY, is_seen, is_moved)
        state = self._sensors.touch(sensor[last])
        state["value"][sensor[last]], state["rise_ns"][sensor[last]] = value[last], rise_ns[last]
        state["says_none"][sensor[last]] = says_none[last]
        return is_evidence

    def _fold(self, home: int, *, rows: Batch, is_evidence: Bools) -> list[Mark]:
        state = self._homes.now
        if not state["since_ns"][home]:
            self._restart(home, since_ns=int(rows.observed_ns[0]))
        seen = np.flatnonzero(is_evidence)
        seen_ns = rows.observed_ns[seen]
        ends_long = np.diff(seen_ns, prepend=state["since_ns"][home]) > self._waking.limit_ns
        # between two long gaps only the newest evidence matters
        matters = ends_long | np.append(ends_long[1:], True) if len(seen) else ends_long
        marks: list[Mark] = []
        begin = 0
        for row, at_ns, is_gap in zip(
            seen[matters].tolist(), seen_ns[matters].tolist(), ends_long[matters].tolist(), strict=True
        ):
            self._listen(home, rows.take(np.arange(begin, row)))
            marks += self._gap(home, at_ns=at_ns, known_ns=int(rows.received_ns[row])) if is_gap else []
            self._listen(home, rows.take(np.arange(row, row + 1)))
            self._restart(home, since_ns=at_ns)
            begin = row + 1
        self._listen(home, rows.take(np.arange(begin, len(rows))))
        return marks

    def _listen(self, home: int, rows: Batch) -> None:
        """Learn from rows that motion sensors of the home were alive."""
        state, alive_ns = self._homes.now, self._alive_ns.values[rows.series]
        is_fresh = (alive_ns > 0) & ~rows.resent
        if not is_fresh.any():
            return
        state = self._homes.touch([home])
        # a clock of a device that is ahead must not make it heard before it spoke
        heard_ns = np.maximum(rows.received_ns, rows.observed_ns)[is_fresh]
        until_ns = heard_ns + alive_ns[is_fresh]
        deadline_ns = state["deadline_ns"][home]
        state["alive_until_ns"][home] = max(int(state["alive_until_ns"][home]), int(until_ns.max()))
        state["is_alive"][home] |= bool(((heard_ns <= deadline_ns) & (deadline_ns < until_ns)).any())
        after_ns = heard_ns[heard_ns > deadline_ns]
        if len(after_ns):
            back_ns = int(state["back_ns"][home]) or _NEVER_NS
            state["back_ns"][home] = min(back_ns, int(after_ns.min()))

    def _restart(self, home: int, *, since_ns: int) -> None:
        state = self._homes.touch([home])
        deadline_ns = self._waking.deadline_ns(since_ns)
        state["since_ns"][home], state["deadline_ns"][home] = since_ns, deadline_ns
        state["is_alive"][home] = state["alive_until_ns"][home] > deadline_ns
        state["back_ns"][home] = 0

    def _gap(self, home: int, *, at_ns: int, known_ns: int) -> list[Mark]:
        raised_ns = int(self._raised_ns(np.array([home]))[0])
        if raised_ns >= at_ns:
            return []
        return [
            self._mark(home, EventState.RAISED, at_ns=raised_ns, known_ns=raised_ns),
            self._mark(home, EventState.CLEARED, at_ns=at_ns, known_ns=known_ns),
        ]

    def _raised_ns(self, homes: Int64s) -> Int64s:
        """Return when each of `homes` (M,) is to be raised as far as its sensors were heard; _NEVER_NS = unknown."""
        state = self._homes.now[homes]
        is_alive = state["is_alive"] & ~self._away.contain(state["deadline_ns"])
        back_ns = np.where(state["back_ns"] > 0, state["back_ns"], _NEVER_NS)
        return np.where(state["since_ns"] > 0, np.where(is_alive, state["deadline_ns"], back_ns), _NEVER_NS)

    def _open(self, view: View) -> list[Mark]:
        homes = self._homes.of_units(view.units)
        raised_ns = self._raised_ns(homes)
        is_open = raised_ns <= view.due_ns
        rows = zip(homes[is_open].tolist(), raised_ns[is_open].tolist(), strict=True)
        return [self._mark(home, EventState.RAISED, at_ns=at_ns, known_ns=at_ns) for home, at_ns in rows]

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return when the homes of `units` are to be raised as far as is known."""
        homes = self._homes.of_units(units)
        raised_ns = self._raised_ns(homes)
        is_known = raised_ns < _NEVER_NS
        return raised_ns[is_known], self._homes.unit[homes[is_known]]

    def _mark(self, home: int, kind: EventState, *, at_ns: int, known_ns: int) -> Mark:
        return Mark(
            rule_id=self._scope.name, subject=self._subjects[home], state=kind, observed_ns=at_ns, known_ns=known_ns,
            start_ns=int(self._homes.now["since_ns"][home]),
        )  # fmt: skip


def _life_sensors(scope: Scope) -> frozenset[str]:
    """Return the devices whose silence makes a home unknown: its motion sensors, or all where it has none."""
    homes: dict[str, list[Watched]] = {}
    for watched in scope.watched.values():
        homes.setdefault(watched.home, []).append(watched)
    found: set[str] = set()
    for devices in homes.values():
        motion = [device for device in devices if "occupancy" in device.quantities]
        found.update(device.device_id for device in motion or devices)
    return frozenset(found)


RULE = RuleSpec(name="no_motion", params=NoMotionParams, timeline="observed", build=NoMotion, subjects="homes")
