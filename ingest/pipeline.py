"""Readings in, observations and events out: the one visible order of what happens to them.

    intake    unknown devices, impossible times               -> quarantine
    dedup     copies of readings that are known already       -> counted; conflicts -> quarantine
    derive    snow depth from distance and air temperature    }
    checks    flags                                           } in the order of observed time, see `ingest.timeline`
    rules     events                                          }

Rules that ask other questions have orders of their own: `silent` goes by received time, `contact_event` by observed
time however late. Observations and events are a function of the set of readings and the clock: not of batching, of the
order of arrival within `lateness_s`, of duplicates or restarts. No alert waits for late rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from devices.model import SECOND_NS, Event, QuarantineRow, Reading
from devices.site import Site
from ingest.batch import Batch, Bools, Int64s, SeriesIndex, concat, empty_batch
from ingest.events import Mark, as_event, in_order
from ingest.facts import IN_OBSERVED, IN_RECORD, value_bits
from ingest.machine import Machine
from ingest.runs import is_first, latest
from ingest.setup import require_valid, severities
from ingest.state_log import Clock
from ingest.timeline import NEVER_NS, News, Plan, Span, Timeline, Verdict

Snapshot = Mapping[str, bytes]
"""Everything the pipeline remembers, by key, as the journal gives it back at start."""

StateDelta = dict[str, bytes]
"""What changed in it; must be committed in one transaction with the rest of the Outcome. b"" deletes a key."""

_AWAY_NS = 60 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What follows from some readings and the time; commit all of it in one transaction.

    `removed` are rows to delete by (series, observed_ns, seq) before `observations` are written: the same reading
    became known with an earlier stamp of another gateway (its derived rows move with it). Usually empty.
    `observations` are accepted and derived rows, new ones and those that changed (same identity: replace).
    `events` include withdrawn ones; an episode may be told again (RAISED or CLEARED with the same event_id): the last
    row holds, see `ingest.events.effective_events`. `duplicates` counts readings that were known already.
    """

    observations: Batch
    duplicates: int
    conflicts: tuple[QuarantineRow, ...]
    quarantine: tuple[QuarantineRow, ...]
    events: tuple[Event, ...]
    changed_state: StateDelta
    series: SeriesIndex
    removed: Batch = field(default_factory=empty_batch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """When rows are taken in: `now_ns` is the clock, `due_ns` the instant up to which deadlines count (<= now)."""

    now_ns: int
    due_ns: int


class Pipeline:
    """The core of ingest: pure, owns no file and no clock.

    `is_replay`: events are dated by the data instead of the clock, and no state is given out, so that nothing depends
    on how the input is cut.
    """

    def __init__(self, site: Site, *, snapshot: Snapshot | None = None, is_replay: bool = False) -> None:
        """Continue from `snapshot` as if never stopped; None starts afresh.

        Raises PermanentError listing all problems when rules or checks of the site are wrong.
        """
        require_valid(site)
        self._machine = Machine(site, snapshot or {})
        self._due_ns, self._away = self._machine.clock
        self._severities = severities(site)
        self._is_replay = is_replay
        self._has_begun = self._is_set_back = False

    @property
    def series(self) -> SeriesIndex:
        """The numbers of series in every Outcome."""
        return self._machine.series

    def resume(self, now_ns: int) -> None:
        """Say once, before the first `process`, that the hub is back: what it did not hear meanwhile is no silence.

        When its clock was set back, what was told of the time that is still to come is withdrawn.
        """
        if self._due_ns != NEVER_NS and now_ns - self._due_ns > _AWAY_NS:
            self._away = self._away.with_span(self._due_ns, now_ns)
        elif self._due_ns - now_ns > _AWAY_NS:
            self._away, self._is_set_back = self._away.until(now_ns), True

    def process(self, readings: Sequence[Reading], *, now_ns: int, due_ns: int | None = None) -> Outcome:
        """Take readings in and let the time be `now_ns`; with no readings this is a tick.

        `due_ns` (default `now_ns`): up to when deadlines count. Give an earlier instant while readings received
        before now may still be on their way, so that they are not called silence.
        """
        rows, refused = self._machine.intake.read(readings)
        moment = Moment(now_ns=now_ns, due_ns=now_ns if due_ns is None else min(due_ns, now_ns))
        outcome = self.process_rows(rows, moment)
        return replace(outcome, quarantine=(*refused, *outcome.quarantine)) if refused else outcome

    def process_rows(self, rows: Batch, moment: Moment) -> Outcome:
        """Take rows (N,) of known devices in, in their order of arrival, their series numbered by `series`."""
        machine, told_ns = self._machine, self._due_ns
        is_set_back, self._is_set_back = self._is_set_back, False
        due_ns = moment.due_ns if is_set_back else max(told_ns, moment.due_ns)
        begun = self._begin(moment.now_ns)  # silence of the never heard counts from now, not from the settled past
        span = Span(told_ns=told_ns, due_ns=due_ns)
        due = [agenda.due(due_ns) for agenda in machine.agendas]
        if is_set_back:
            due = [timeline.units() for timeline in machine.timelines]
        self._due_ns = due_ns
        if not len(rows) and not any(map(len, (*due, *begun))):
            return self._nothing_new()
        rows, refused = machine.intake.sift(rows, now_ns=moment.now_ns)
        machine.learn_series()
        found = machine.dedup.sort_out(machine.take_in(rows, clock_ns=min(told_ns, due_ns)))
        news = machine.news(found)
        plans = [t.plan(news[t.order.bit], due=units) for t, units in zip(machine.timelines, due, strict=True)]
        apart = _apart(machine.timelines[0], plans[0], news)
        machine.note(found, now_ns=moment.now_ns)
        verdicts = [timeline.judge(plan, span) for timeline, plan in zip(machine.timelines, plans, strict=True)]
        for agenda, plan in zip(machine.agendas, plans, strict=True):
            agenda.refresh(plan.touched, after_ns=due_ns)
        observations = self._observations(verdicts[0], apart=apart)
        settled = machine.drop_outdated(now_ns=moment.now_ns)
        # also where all rows were copies: they may tell that time has gone on
        heard = [t.order.unit_of_device[machine.layout.device_of[rows.series]] for t in machine.timelines]
        touched = [plan.touched for plan in plans]
        changed = [np.unique(np.concatenate(parts)) for parts in zip(touched, heard, settled, begun, strict=True)]
        return Outcome(
            observations=observations,
            duplicates=len(rows) - len(news[IN_RECORD].added),
            conflicts=found.conflicts,
            quarantine=tuple(refused),
            events=self._events([mark for verdict in verdicts for mark in verdict.marks], now_ns=moment.now_ns),
            changed_state=self._changed_state(changed),
            series=machine.series,
            removed=self._removed(news[IN_RECORD].lost.rows, observations),
        )

    def _nothing_new(self) -> Outcome:
        return Outcome(
            observations=empty_batch(), duplicates=0, conflicts=(), quarantine=(), events=(), changed_state={},
            series=self._machine.series,
        )  # fmt: skip

    def next_deadline_ns(self) -> int | None:
        """Return when `process` must next be called even without readings; None when nothing is due."""
        found = [agenda.next_ns() for agenda in self._machine.agendas] if self._has_begun else []
        return min((deadline_ns for deadline_ns in found if deadline_ns is not None), default=None)

    def _begin(self, now_ns: int) -> list[Int64s]:
        """Tell the rules once what time it is; return the units (U,) of each timeline that this may change."""
        if self._has_begun:
            return [np.empty(0, np.int64)] * len(self._machine.timelines)
        self._has_begun = True
        for working in self._machine.rules:
            working.runner.begin(now_ns, self._away)
        everybody = [timeline.units() for timeline in self._machine.timelines]
        for agenda, units in zip(self._machine.agendas, everybody, strict=True):
            agenda.refresh(units, after_ns=self._due_ns)
        return everybody

    def _observations(self, verdict: Verdict, *, apart: Batch) -> Batch:
        """Return the rows to write: judged ones as far as they changed, and those too old to be judged."""
        changed = _changed(verdict.before, verdict.after)
        if not len(apart):
            return changed
        return _sorted(concat([changed, self._machine.record(apart)]))

    def _removed(self, lost: Batch, observations: Batch) -> Batch:
        """Return the names of `lost` rows and of what was derived from them, unless they are written anew."""
        if not len(lost):
            return lost
        depth = self._machine.derive.depth_of(lost.series)
        derived = replace(lost, series=depth).take(depth >= 0)
        names = concat([lost, derived])
        return names.take(~_has_name(names, among=observations))

    def _events(self, marks: Sequence[Mark], *, now_ns: int) -> tuple[Event, ...]:
        return tuple(
            as_event(mark, severities=self._severities, detected_ns=mark.known_ns if self._is_replay else now_ns)
            for mark in in_order(marks)
        )

    def _changed_state(self, units: Sequence[Int64s]) -> StateDelta:
        if self._is_replay:
            self._machine.memory.discard()
            return {}
        return self._machine.memory.pack(units, clock=Clock(self._due_ns, self._away.items))


def _apart(observed: Timeline, plan: Plan, news: Mapping[int, News]) -> Batch:
    """Return the new readings (N,) that are not judged, because they came or were recognised too late; sorted."""
    record = news[IN_RECORD]
    if plan.opened == len(record.added) + len(record.gained):
        return empty_batch()
    rows = concat([record.added.rows, record.gained.rows])
    return _sorted(rows.take(~_has_name(rows, among=observed.opened(news[IN_OBSERVED]))))


def _sorted(rows: Batch) -> Batch:
    return rows.take(np.lexsort((rows.seq, rows.observed_ns, rows.series)))


def _changed(before: Batch, after: Batch) -> Batch:
    """Return the rows of `after` that do not stand in `before` exactly like that; both are sorted by name."""
    if not len(before):
        return after
    both = concat([before, after])
    is_after = np.arange(len(both)) >= len(before)
    order = np.lexsort((is_after, both.seq, both.observed_ns, both.series))
    columns = (
        both.series,
        both.observed_ns,
        both.seq,
        both.received_ns,
        value_bits(both.value),
        both.flag,
        both.resent,
    )
    is_new = np.logical_or.reduce([is_first(column[order]) for column in columns])
    return both.take(order[is_new & is_after[order]])


def _has_name(rows: Batch, *, among: Batch) -> Bools:
    """Return which rows (N,) have the series, observed time and seq of a row `among` others."""
    both = concat([among, rows])
    is_asked = np.arange(len(both)) >= len(among)
    order = np.lexsort((is_asked, both.seq, both.observed_ns, both.series))
    first = np.logical_or.reduce([is_first(column[order]) for column in (both.series, both.observed_ns, both.seq)])
    found = np.empty(len(both), dtype=np.bool_)
    # within a run of one name the rows of `among` come first
    found[order] = ~is_asked[order][latest(first)]
    return found[len(among) :]
