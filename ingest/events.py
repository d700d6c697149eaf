"""Episodes and what is told of them. No numpy in here: events are few.

A rule gives Marks: "the episode of this subject that began then was raised / cleared at". The pipeline asks each rule
twice, with what was known before and with what is known now, and tells only the difference. That is why late rows,
duplicates and restarts tell nothing twice, and why what turned out never to have been so is withdrawn.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from devices.model import Event, EventState, Severity

ID_HEX_DIGITS = 32

EpisodeKey = tuple[str, str, int]
"""Rule id, subject, start of the episode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whom an event is about: `key` is device, `device/quantity`, home or gateway; `device_id` is empty for a home."""

    key: str
    device_id: str
    quantity: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One step of an episode. `known_ns`: when it could first be known (arrival of the row, or the deadline)."""

    rule_id: str
    subject: Subject
    start_ns: int
    state: EventState
    observed_ns: int
    known_ns: int
    value: float = math.nan
    limit: float = math.nan

    @property
    def episode(self) -> EpisodeKey:
        """What the marks of one episode have in common."""
        return (self.rule_id, self.subject.key, self.start_ns)


def event_id(rule_id: str, *, subject: str, start_ns: int) -> str:
    """Return the identity of an episode: the first 32 hex digits of the SHA-256 of `rule|subject|start`."""
    text = f"{rule_id}|{subject}|{start_ns}"
    return hashlib.sha256(text.encode()).hexdigest()[:ID_HEX_DIGITS]


def difference(before: Iterable[Mark], after: Iterable[Mark]) -> list[Mark]:
    """Return the marks that turn what was told (`before`) into what is so (`after`), see `effective_events`.

    `before` and `after` must begin from the same state, so that they hold the same episodes as far as nothing changed.
    """
    old, new = _by_episode(before), _by_episode(after)
    told: list[Mark] = []
    for key in {**old, **new}:
        told += _difference(old.get(key, []), new.get(key, []))
    return in_order(told)


def in_order(marks: Iterable[Mark]) -> list[Mark]:
    """Return `marks` by observed time, rule, subject; RAISED before CLEARED."""
    return sorted(marks, key=_order)


def _by_episode(marks: Iterable[Mark]) -> dict[EpisodeKey, list[Mark]]:
    found: dict[EpisodeKey, list[Mark]] = {}
    for mark in marks:
        found.setdefault(mark.episode, []).append(mark)
    return found


def _difference(old: Sequence[Mark], new: Sequence[Mark]) -> list[Mark]:
    same = 0
    while same < min(len(old), len(new)) and _says_the_same(old[same], new[same]):
        same += 1
    if same == len(old):
        return list(new[same:])
    if not new:
        return [_withdrawn(old[0])]
    # a CLEARED that moved replaces the old one; one that vanished is undone by telling RAISED again
    return list(new[same:]) if same < len(new) else [new[0]]


def _says_the_same(one: Mark, other: Mark) -> bool:
    return _contents(one) == _contents(other)


def _contents(mark: Mark) -> tuple[EventState, int, float | None, float | None]:
    # NaN is not equal to itself
    value, limit = (None if math.isnan(number) else number for number in (mark.value, mark.limit))
    return (mark.state, mark.observed_ns, value, limit)


def _withdrawn(mark: Mark) -> Mark:
    return Mark(
        rule_id=mark.rule_id, subject=mark.subject, start_ns=mark.start_ns, state=EventState.WITHDRAWN,
        observed_ns=mark.observed_ns, known_ns=mark.known_ns, value=mark.value, limit=mark.limit,
    )  # fmt: skip


def _order(mark: Mark) -> tuple[int, str, str, int, str]:
    # "raised" must stand before "cleared" of the same instant
    rank = {EventState.RAISED: "0", EventState.CLEARED: "1", EventState.WITHDRAWN: "2"}[mark.state]
    return (mark.observed_ns, mark.rule_id, mark.subject.key, mark.start_ns, rank)


def as_event(mark: Mark, *, severities: Mapping[str, Severity], detected_ns: int) -> Event:
    """Return the Event that tells `mark`; `severities` by rule id."""
    return Event(
        event_id=event_id(mark.rule_id, subject=mark.subject.key, start_ns=mark.start_ns),
        rule_id=mark.rule_id,
        subject=mark.subject.key,
        device_id=mark.subject.device_id,
        quantity=mark.subject.quantity,
        state=mark.state,
        severity=severities[mark.rule_id],
        observed_ns=mark.observed_ns,
        detected_ns=detected_ns,
        value=mark.value,
        limit=mark.limit,
    )


def effective_events(events: Iterable[Event]) -> list[Event]:
    """Return what holds after all `events` were told in this order: at most one RAISED and one CLEARED an episode.

    A RAISED replaces the one before and un-clears; a CLEARED replaces the one before; a WITHDRAWN takes the episode
    back. Sorted by observed time, rule, subject, RAISED before CLEARED.
    """
    episodes: dict[str, list[Event]] = {}
    for event in events:
        if event.state is EventState.WITHDRAWN:
            episodes.pop(event.event_id, None)
        elif event.state is EventState.RAISED:
            episodes[event.event_id] = [event]
        else:
            episodes[event.event_id] = [*_raised(episodes.get(event.event_id, ())), event]
    return sorted(_flat(episodes), key=_event_order)


def _raised(rows: Iterable[Event]) -> Iterator[Event]:
    return (row for row in rows if row.state is EventState.RAISED)


def _flat(episodes: Mapping[str, Sequence[Event]]) -> Iterator[Event]:
    return (event for rows in episodes.values() for event in rows)


def _event_order(event: Event) -> tuple[int, str, str, str, bool]:
    return (event.observed_ns, event.rule_id, event.subject, event.event_id, event.state is EventState.CLEARED)
