"""The core once more, as plainly as it can be said: a dict per identity, one scalar reading after another.

It is told which reading each copy is a copy of (the tests know, they made it), remembers everything for ever, and
works all out anew each time. What it says, dedup, timelines, rules and journal must say as well.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from devices.model import SECOND_NS, Reading
from ingest.events import event_id

EARLIEST_NS = 1_420_070_400 * SECOND_NS  # 2015-01-01T00:00Z
GOOD, BAD, MISSING = 1, 4, 9

Name = tuple[str, str, int, int]
"""Device, quantity, observed time, seq (-1: none)."""
Contents = tuple[int, str, int]
"""Received time, value as text, flag."""


class Told(NamedTuple):
    """An event that holds."""

    event_id: str
    state: str
    observed_ns: int
    value: str
    limit: str

    @classmethod
    def of(cls, one: Reading, *, rule: str, start_ns: int, state: str = "raised", limit: float = math.nan) -> Told:
        """Return what `rule` says of the device of `one`, by this reading."""
        episode = event_id(rule, subject=one.device_id, start_ns=start_ns)
        return cls(episode, state, one.observed_ns, repr(one.value), repr(limit))


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A threshold rule; `sign` -1: lower is worse."""

    name: str
    quantity: str
    raise_at: float
    clear_at: float
    hold_ns: int = 0
    clear_hold_ns: int = 0
    sign: int = 1

    def side(self, value: float) -> int:
        """Return 1 at and beyond `raise_at`, -1 at and beyond `clear_at`, 0 between."""
        if self.sign * value >= self.sign * self.raise_at:
            return 1
        return -1 if self.sign * value <= self.sign * self.clear_at else 0


@dataclass(frozen=True, kw_only=True)
class Town:
    """What the model must know of the site: limits of quantities, silence of devices (ns), rules."""

    limits: dict[str, tuple[float, float]]
    silent_after_ns: dict[str, int]
    fresh_ns: dict[str, int]
    thresholds: tuple[Threshold, ...]
    lateness_ns: int
    rearm_ns: int
    lost_ns: int
    ahead_ns: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Copy:
    """One way in which a reading came."""

    reading: Reading
    is_late: bool
    is_stale: bool

    @property
    def name(self) -> Name:
        one = self.reading
        return (one.device_id, one.quantity, one.observed_ns, -1 if one.seq is None else one.seq)

    @property
    def bits(self) -> int:
        value = math.nan if math.isnan(self.reading.value) else self.reading.value + 0.0
        return int(struct.unpack("<q", struct.pack("<d", value))[0])

    def rank(self) -> tuple[int, ...]:
        one = self.reading
        return (self.is_late, one.observed_ns, one.resent, one.received_ns, self.bits)

    def heard_rank(self) -> tuple[int, ...]:
        return (self.is_stale, self.reading.received_ns, self.reading.observed_ns, self.bits)


@dataclass(kw_only=True)
class PlainHub:
    """The model. `due_ns`: how far the clock is; `away`: when the hub was not there."""

    town: Town
    born_ns: int
    due_ns: int = 0
    away: list[tuple[int, int]] = field(default_factory=list)
    copies: dict[Hashable, list[Copy]] = field(default_factory=dict)
    newest_ns: dict[str, int] = field(default_factory=dict)
    heard_ns: dict[tuple[str, str], int] = field(default_factory=dict)
    counters: Counter[str] = field(default_factory=Counter)

    def take(self, batch: Sequence[tuple[Hashable, Reading]], *, now_ns: int) -> None:
        """Take in readings, each with what it is a copy of."""
        told_ns, self.due_ns = self.due_ns, max(self.due_ns, now_ns)
        losers = set(self._losers())
        # nothing can have been received later than now
        batch = [(name, replace(one, received_ns=min(one.received_ns, now_ns))) for name, one in batch]
        came = [(identity, self._copy(one, told_ns)) for identity, one in batch if not self._is_refused(one)]
        for identity, copy in sorted(came, key=lambda pair: pair[1].rank()):
            group = self.copies.setdefault(identity, [])
            says_nothing_new = (o.name == copy.name and o.bits == copy.bits and o.rank() <= copy.rank() for o in group)
            if not any(says_nothing_new):
                group.append(copy)
        stands = set(self._standing())
        self.counters["duplicates"] += sum(copy not in stands for _, copy in came)
        conflicts = len(set(self._losers()) - losers)
        self.counters += Counter({"conflicts": conflicts, "quarantined": conflicts, "quarantined.conflict": conflicts})
        for copy in stands:
            series = (copy.reading.device_id, copy.reading.quantity)
            heard_ns = 0 if copy.reading.resent else copy.reading.received_ns
            self.heard_ns[series] = max(self.heard_ns.get(series, 0), heard_ns)

    def _is_refused(self, one: Reading) -> bool:
        is_future = one.observed_ns > one.received_ns + self.town.ahead_ns
        if one.device_id not in self.town.silent_after_ns:
            reason = "unknown_device"
        elif is_future or one.observed_ns < EARLIEST_NS:
            reason = "future" if is_future else "before_2015"
        else:
            return False
        self.counters += Counter({"quarantined": 1, f"quarantined.{reason}": 1})
        return True

    def _copy(self, one: Reading, told_ns: int) -> Copy:
        newest_ns = self.newest_ns[one.device_id] = max(self.newest_ns.get(one.device_id, 0), one.observed_ns)
        is_stale = one.resent or one.received_ns < told_ns - self.town.fresh_ns[one.device_id]
        return Copy(reading=one, is_late=one.observed_ns < newest_ns - self.town.lateness_ns, is_stale=is_stale)

    def _standing(self) -> Iterator[Copy]:
        return (min(group, key=Copy.rank) for group in self.copies.values())

    def _losers(self) -> Iterator[Copy]:
        """Yield copies that say another value under the name of the best one of that name."""
        for group in self.copies.values():
            for copy in group:
                best = min((other for other in group if other.name == copy.name), key=Copy.rank)
                if best.bits != copy.bits:
                    yield copy

    def rows(self) -> dict[Name, Contents]:
        """Return the journal: every reading once."""
        return {c.name: (c.reading.received_ns, repr(c.reading.value), self._flag(c.reading)) for c in self._standing()}

    def _flag(self, one: Reading) -> int:
        lo, hi = self.town.limits[one.quantity]
        return MISSING if math.isnan(one.value) else GOOD if lo <= one.value <= hi else BAD

    def events(self) -> set[Told]:
        """Return what holds now."""
        told: set[Told] = set()
        stands = sorted(self._standing(), key=lambda copy: copy.name)
        for device_id in self.town.silent_after_ns:
            mine = [copy.reading for copy in stands if copy.reading.device_id == device_id and not copy.is_late]
            for rule in self.town.thresholds:
                told.update(self._crossed(rule, [one for one in mine if one.quantity == rule.quantity]))
            contacts = [c.reading for c in stands if c.reading.device_id == device_id]
            told.update(self._sprung([one for one in contacts if one.quantity == "contact_open"]))
            told.update(self._silent(device_id))
        return told

    def _crossed(self, rule: Threshold, readings: Sequence[Reading]) -> Iterator[Told]:
        side, since_ns, is_raised, start_ns = 0, 0, False, 0
        for one in readings:
            if self._flag(one) != GOOD:
                continue
            before, side = side, rule.side(one.value)
            since_ns = since_ns if side == before else one.observed_ns
            lasted_ns = one.observed_ns - since_ns
            if side == 1 and not is_raised and lasted_ns >= rule.hold_ns:
                is_raised, start_ns = True, since_ns
                yield Told.of(one, rule=rule.name, start_ns=start_ns, limit=rule.raise_at)
            elif side == -1 and is_raised and lasted_ns >= rule.clear_hold_ns:
                is_raised = False
                yield Told.of(one, rule=rule.name, start_ns=start_ns, state="cleared", limit=rule.clear_at)

    def _sprung(self, readings: Sequence[Reading]) -> Iterator[Told]:
        """An edge from shut to open is a spring, open from the start perhaps one; over when shut for long enough."""
        was_open: bool | None = None
        episode: Reading | None = None
        shut: Reading | None = None
        seen_ns, is_edge = 0, False
        for one in readings:
            if math.isnan(one.value):
                continue
            is_lost = one.observed_ns - seen_ns > self.town.lost_ns
            was_shut, is_news = was_open is False and not is_lost, was_open != bool(one.value) or is_lost
            was_open, seen_ns = bool(one.value), one.observed_ns
            if is_news and not was_open and episode:
                shut = shut or one
            elif is_news and was_open and episode and not (shut and self._is_over(shut, one.observed_ns)):
                shut = None
            elif is_news and was_open:
                yield from self._told(episode, shut, is_edge=is_edge, due_ns=one.observed_ns)
                episode, shut, is_edge = one, None, was_shut
        yield from self._told(episode, shut, is_edge=is_edge, due_ns=self.due_ns)

    def _is_over(self, shut: Reading, due_ns: int) -> bool:
        return due_ns - shut.observed_ns >= self.town.rearm_ns

    def _told(self, episode: Reading | None, shut: Reading | None, *, is_edge: bool, due_ns: int) -> Iterator[Told]:
        rule = "sprung" if is_edge else "trap-check"
        if episode:
            yield Told.of(episode, rule=rule, start_ns=episode.observed_ns)
        if episode and shut and self._is_over(shut, due_ns):
            yield Told.of(shut, rule=rule, start_ns=episode.observed_ns, state="cleared")

    def _silent(self, device_id: str) -> Iterator[Told]:
        """Whoever is not heard for too long is silent from the deadline until heard again."""
        heard = (min(group, key=Copy.heard_rank) for group in self.copies.values())
        times_ns = [c.reading.received_ns for c in heard if c.reading.device_id == device_id and not c.is_stale]
        since_ns = self.born_ns
        for at_ns in [*sorted(times_ns), None]:
            deadline_ns = self._deadline(since_ns, self.town.silent_after_ns[device_id])
            if deadline_ns < at_ns if at_ns is not None else deadline_ns <= self.due_ns:
                episode = event_id("silent", subject=device_id, start_ns=since_ns)
                yield Told(episode, "raised", deadline_ns, "nan", "nan")
                if at_ns is not None:
                    yield Told(episode, "cleared", at_ns, "nan", "nan")
            since_ns = max(since_ns, at_ns or 0)

    def _deadline(self, since_ns: int, after_ns: int) -> int:
        deadline_ns = since_ns + after_ns
        for start_ns, end_ns in self.away:
            if deadline_ns > start_ns and since_ns < end_ns:
                deadline_ns += end_ns - max(since_ns, start_ns)
        return deadline_ns
