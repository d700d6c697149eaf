"""Judges rows in one order, whatever the order in which they came.

Units (groups of devices, or devices) are judged apart. Rows newer than all before of their unit are judged from the
state as it is: nothing waits. A row that comes late, or turns out to be a copy, sets its unit back to `base`, and all
rows since then are judged again; what comes out differently is told, the rest is not (`ingest.events.difference`).
Rows later than the lateness take no part. `base` follows at a distance of one to two times the lateness and slack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from ingest.batch import Batch, Bools, Bytes, Int32s, Int64s, concat, empty_batch
from ingest.events import Mark, difference
from ingest.facts import Arrived, Facts
from ingest.layout import Layout
from ingest.plugins import View
from ingest.recent import RecentShelves
from ingest.runs import are_sorted, is_first, running_max, starts_of
from ingest.state import StateTable

NEVER_NS = np.iinfo(np.int64).min
_FAR_BEHIND = 3
_NOBODY, _NOBODY_32 = np.empty(0, np.int64), np.empty(0, np.int32)
_SCAN_BEYOND = 64  # with more than every 64th unit, marking them in a mask is faster than sorting
# a row may have arrived before its own observed time by as much as readings may be ahead of the clock
_AHEAD_NS = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What judging rows gave: the rows with flags, derived ones among them, and the marks of the rules."""

    rows: Batch
    marks: Sequence[Mark]


class Judge(Protocol):
    """The plugins of one timeline, in their order."""

    def tables(self) -> Sequence[StateTable]:
        """Return what they remember."""

    def judge(self, rows: Batch, view: View) -> Judgement:
        """Fold rows (N,), sorted by (series, time, seq), into the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a timeline is: `bit` in `member`, the time that orders it, unit of each device, lateness of each unit.

    `slack_ns`: a row in time may still change what rows before it are taken for, at most this much older ones.
    """

    name: str
    bit: int
    by: Literal["observed_ns", "received_ns"]
    unit_of_device: Int32s
    lateness_ns: Int64s
    slack_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What changed on the shelves: `added` readings, and rows that turned out to be copies or readings after all."""

    added: Facts
    lost: Facts
    gained: Facts


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The clock: deadlines up to `told_ns` were told before, those up to `due_ns` are due now."""

    told_ns: int
    due_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Rows of units judged again as they were before, all judged rows as they are now, and the marks to tell."""

    before: Batch
    after: Batch
    marks: Sequence[Mark]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Which units (U,) are to be judged, which of them from `base` on, and the rows that those held so far.

    `added` are the new rows (N,) to judge; `opened` is how many rows are to be judged that were not before.
    """

    touched: Int64s
    again: Int64s
    held_before: Batch
    added: Facts
    opened: int


class Timeline:
    """One order of judging and how far each unit is in it."""

    def __init__(self, order: Order, *, judge: Judge, layout: Layout, recent: RecentShelves) -> None:
        """Begin before the first row."""
        self.order = order
        self._judge, self._layout, self._recent = judge, layout, recent
        units = len(order.lateness_ns)
        self._newest_ns, self._mid_ns, self._base_ns = (np.full(units, NEVER_NS) for _ in range(3))
        self._before_ns = self._newest_ns.copy()
        self._is_ahead = True  # whether the rows that came last are newer than all before of their units
        self._is_marked = np.zeros(units, dtype=np.bool_)
        self._reach_ns = order.lateness_ns + order.slack_ns

    def admit(self, came: Arrived, *, clock_ns: int) -> Bytes:
        """Return this timeline's bit for rows (N,) that come in time to be judged, else 0; note how new they are."""
        unit, time_ns = self._unit(came.device[came.starts]), self._time(came.rows)
        known_ns, first_ns = self._newest_ns[unit], np.minimum.reduceat(time_ns, came.starts)
        self._before_ns[unit] = known_ns
        self._is_ahead = bool((first_ns > known_ns).all())
        np.maximum.at(self._newest_ns, unit, np.maximum.reduceat(time_ns, came.starts))
        # rows that came by time were in their turn the newest, or as late as they are behind those before
        newest_ns = known_ns if came.is_by_time else self._newest_ns[unit]
        oldest_ns = self._oldest_ns(newest_ns, unit=unit, clock_ns=clock_ns)
        if ((first_ns >= oldest_ns) & (first_ns > self._base_ns[unit])).all():
            return np.full(len(came.rows), self.order.bit, dtype=np.uint8)
        return self._admit_each(came, clock_ns=clock_ns)

    def _admit_each(self, came: Arrived, *, clock_ns: int) -> Bytes:
        unit, time_ns = self._unit(came.device), self._time(came.rows)
        newest_ns = np.maximum(time_ns, self._before_ns[unit])
        if not came.is_by_time:
            newest_ns = _newest_at_arrival(newest_ns, unit=unit, place=came.place)
        oldest_ns = self._oldest_ns(newest_ns, unit=unit, clock_ns=clock_ns)
        in_time: Bools = (time_ns >= oldest_ns) & (time_ns > self._base_ns[unit])
        return in_time.view(np.uint8) * np.uint8(self.order.bit)

    def _oldest_ns(self, newest_ns: Int64s, *, unit: Int32s, clock_ns: int) -> Int64s:
        """Return how old (R,) a row of `unit` (R,) may be when the newest one of the unit is of `newest_ns` (R,)."""
        since_ns = np.maximum(clock_ns if self.order.by == "received_ns" else newest_ns, NEVER_NS // 2)
        oldest_ns: Int64s = since_ns - self.order.lateness_ns[unit]
        return oldest_ns

    def plan(self, news: News, *, due: Int64s) -> Plan:
        """Return what is to be judged because of `news` and because units are `due`; call before the news are noted."""
        added = news.added.where((news.added.member & self.order.bit) != 0)
        lost, gained = self._open(news.lost), self._open(news.gained)
        changed = self._distinct(self._unit(lost.device), self._unit(gained.device))
        again = self._distinct(self._late_units(added), changed)
        came = self._unit(added.device[starts_of(added.device)])
        return Plan(
            touched=self._distinct(came, changed, due), again=again, held_before=self._held(again), added=added,
            opened=len(added) + len(gained),
        )  # fmt: skip

    def _late_units(self, added: Facts) -> Int32s:
        """Return the units (M,) of rows (N,), just admitted, that are no newer than what was known of their unit."""
        if self._is_ahead or not len(added):
            return _NOBODY_32
        unit = self._unit(added.device)
        return unit[self._time(added.rows) <= self._before_ns[unit]]

    def judge(self, plan: Plan, span: Span) -> Verdict:
        """Judge as planned, once the news are noted on the shelves."""
        if not len(plan.touched):
            return Verdict(before=empty_batch(), after=empty_batch(), marks=())
        again, rows = plan.again, plan.added.rows
        self._rewind(again)
        before = self._judge.judge(plan.held_before, View(units=plan.touched, due_ns=span.told_ns))
        if len(again):
            self._rewind(again)
            rows = concat([rows.take(~np.isin(self._unit(plan.added.device), again)), self._held(again)])
        if len(again) or self.order.by != "observed_ns":  # what is new stands in the order of observed time
            rows = self._sorted(rows)
        after = self._judge.judge(rows, View(units=plan.touched, due_ns=span.due_ns))
        self._follow(plan.touched)
        self._catch_up(again)
        return Verdict(before=before.rows, after=after.rows, marks=difference(before.marks, after.marks))

    def _rewind(self, units: Int64s) -> None:
        if len(units):
            for table in self._judge.tables():
                table.rewind(units)
            self._mid_ns[units] = self._base_ns[units]

    def _follow(self, units: Int64s) -> None:
        """Let `base` move on where `mid` is older than anything that may still come."""
        oldest_ns = np.maximum(self._newest_ns[units], NEVER_NS // 2) - self._reach_ns[units]
        ready = units[(self._mid_ns[units] < oldest_ns) & (self._mid_ns[units] < self._newest_ns[units])]
        if len(ready):
            for table in self._judge.tables():
                table.advance(ready)
            self._base_ns[ready] = self._mid_ns[ready]
            self._mid_ns[ready] = self._newest_ns[ready]

    def _catch_up(self, units: Int64s) -> None:
        """Move `base` on where units were judged again so often that it could not follow."""
        if not len(units):
            return
        behind_ns = np.maximum(self._newest_ns[units] // 2 - self._base_ns[units] // 2, 0)
        for unit in units[behind_ns > _FAR_BEHIND * self._reach_ns[units] // 2].tolist():
            one = np.array([unit])
            rows = self._held(one)
            cut_ns = int(self._newest_ns[unit] - self._reach_ns[unit]) - 1
            is_old = self._time(rows) <= cut_ns
            nobody = View(units=np.empty(0, np.int64), due_ns=NEVER_NS)
            self._rewind(one)
            self._judge.judge(rows.take(is_old), nobody)
            for table in self._judge.tables():
                table.settle(one)
            self._judge.judge(rows.take(~is_old), nobody)
            self._base_ns[unit] = self._mid_ns[unit] = cut_ns

    def forget(self, facts: Facts) -> Int64s:
        """Make final what rests on rows that are about to be dropped from the shelves; return its units (U,)."""
        units = self._distinct(self._unit(self._open(facts).device)) if len(facts) else _NOBODY
        self.settle(units)
        return units

    def settle(self, units: Int64s) -> None:
        """Make the state of `units` final: nothing before it will be judged again."""
        if len(units):
            for table in self._judge.tables():
                table.settle(units)
            self._base_ns[units] = self._mid_ns[units] = self._newest_ns[units]

    def _held(self, units: Int64s) -> Batch:
        """Return the readings of `units` since `base`, sorted."""
        if not len(units):
            return empty_batch()
        is_mine = np.zeros(len(self._newest_ns), dtype=np.bool_)
        is_mine[units] = True
        is_wanted = is_mine[self.order.unit_of_device[self._layout.device_of]]
        since_ns = max(int(self._base_ns[units].min()), NEVER_NS // 2) - _AHEAD_NS
        places = self._recent.find(is_wanted, arrived_since_ns=since_ns)
        places = places[(self._recent.standing(places) & self.order.bit) != 0]
        facts = self._recent.facts(places)
        return self._sorted(self._open(facts).rows)

    def _is_open(self, facts: Facts) -> Bools:
        """Return which rows (N,) take part and are newer than `base`, so that they can still be judged."""
        is_member = (facts.member & self.order.bit) != 0
        is_open: Bools = is_member & (self._time(facts.rows) > self._base_ns[self._unit(facts.device)])
        return is_open

    def _open(self, facts: Facts) -> Facts:
        return facts.where(self._is_open(facts)) if len(facts) else facts

    def opened(self, news: News) -> Batch:
        """Return the rows that are to be judged and were not before; call before the news are noted."""
        return concat([self._open(news.added).rows, self._open(news.gained).rows])

    def _distinct(self, *parts: Int32s | Int64s) -> Int64s:
        """Return each of the units once, in rising order."""
        given = [part for part in parts if len(part)]
        count = sum(map(len, given))
        if count <= 1:
            return given[0].astype(np.int64) if given else _NOBODY
        if count * _SCAN_BEYOND < len(self._is_marked):
            return np.unique(np.concatenate(given)).astype(np.int64)
        for part in given:
            self._is_marked[part] = True
        units = np.flatnonzero(self._is_marked)
        self._is_marked[units] = False
        return units

    def _sorted(self, rows: Batch) -> Batch:
        time_ns = self._time(rows)
        if are_sorted(rows.series, time_ns, rows.seq):
            return rows
        return rows.take(np.lexsort((rows.seq, time_ns, rows.series)))

    def _unit(self, device: Int32s) -> Int32s:
        return self.order.unit_of_device[device]

    def _time(self, rows: Batch) -> Int64s:
        return rows.observed_ns if self.order.by == "observed_ns" else rows.received_ns

    def dump(self, unit: int) -> tuple[int, int, int]:
        """Return how far `unit` is: times of newest, mid and base."""
        return int(self._newest_ns[unit]), int(self._mid_ns[unit]), int(self._base_ns[unit])

    def times(self, units: Int64s) -> list[tuple[int, int, int]]:
        """Return how far each of `units` (U,) is, see `dump`."""
        columns = (self._newest_ns, self._mid_ns, self._base_ns)
        return list(zip(*(column[units].tolist() for column in columns), strict=True))

    def columns(self, units: Int64s) -> tuple[Int64s, Int64s, Int64s]:
        """Return the times of newest, mid and base (U,) of `units` (U,)."""
        return self._newest_ns[units], self._mid_ns[units], self._base_ns[units]

    def load(self, unit: int, times_ns: tuple[int, int, int]) -> None:
        """Set `unit` to what `dump` gave."""
        self._newest_ns[unit], self._mid_ns[unit], self._base_ns[unit] = times_ns

    def tables(self) -> Sequence[StateTable]:
        """Return what the judge remembers."""
        return self._judge.tables()

    def units(self) -> Int64s:
        """Return all units (U,)."""
        return np.arange(len(self._newest_ns))


def _newest_at_arrival(newest_ns: Int64s, *, unit: Int32s, place: Int64s) -> Int64s:
    """Return for each row (N,) the largest `newest_ns` of its unit up to its `place` of arrival."""
    order = np.lexsort((place, unit))
    largest_ns = np.empty_like(newest_ns)
    largest_ns[order] = running_max(newest_ns[order], first=is_first(unit[order]))
    return largest_ns
