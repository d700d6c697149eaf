"""What is told of episodes: only the difference between what was so and what is so."""

from __future__ import annotations

import itertools
import math

import pytest

from devices.model import EventState, Severity
from ingest.events import Mark, Subject, as_event, difference, effective_events, event_id

RAISED, CLEARED, WITHDRAWN = EventState.RAISED, EventState.CLEARED, EventState.WITHDRAWN
SEVERITIES = {"deep": Severity.WARNING}

Step = tuple[EventState, int]


def mark(state: EventState, at_ns: int, *, start_ns: int = 1, value: float = math.nan) -> Mark:
    return Mark(
        rule_id="deep", subject=Subject(key="gauge", device_id="gauge"), start_ns=start_ns, state=state,
        observed_ns=at_ns, known_ns=at_ns, value=value,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([], [(RAISED, 5)], [(RAISED, 5)]),
        ([(RAISED, 5)], [(RAISED, 5)], []),
        ([(RAISED, 5)], [(RAISED, 5), (CLEARED, 9)], [(CLEARED, 9)]),
        ([(RAISED, 5)], [], [(WITHDRAWN, 5)]),
        ([(RAISED, 5), (CLEARED, 9)], [], [(WITHDRAWN, 5)]),
        ([(RAISED, 5), (CLEARED, 9)], [(RAISED, 5)], [(RAISED, 5)]),
        ([(RAISED, 5), (CLEARED, 9)], [(RAISED, 5), (CLEARED, 7)], [(CLEARED, 7)]),
        ([(RAISED, 5), (CLEARED, 9)], [(RAISED, 6), (CLEARED, 9)], [(RAISED, 6), (CLEARED, 9)]),
    ],
)
def test_difference(before: list[Step], after: list[Step], told: list[Step]) -> None:
    found = difference([mark(*step) for step in before], [mark(*step) for step in after])
    assert [(one.state, one.observed_ns) for one in found] == told


def test_another_value_is_told_again() -> None:
    assert difference([mark(RAISED, 5, value=1.0)], [mark(RAISED, 5, value=1.5)]) == [mark(RAISED, 5, value=1.5)]


STORIES: list[list[Step]] = [
    [],
    [(RAISED, 5)],
    [(RAISED, 6)],
    [(RAISED, 5), (CLEARED, 9)],
    [(RAISED, 6), (CLEARED, 8)],
]


@pytest.mark.parametrize("story", list(itertools.product(range(len(STORIES)), repeat=3)))
def test_whatever_was_told_before_the_last_word_holds(story: tuple[int, ...]) -> None:
    told: list[Mark] = []
    before: list[Mark] = []
    for number in story:
        after = [mark(*step) for step in STORIES[number]]
        told += difference(before, after)
        before = after
    events = effective_events(as_event(one, severities=SEVERITIES, detected_ns=0) for one in told)
    assert [(event.state, event.observed_ns) for event in events] == STORIES[story[-1]]


@pytest.mark.lesson(40)
def test_event_id_is_the_hash_of_rule_subject_and_start() -> None:
    assert event_id("deep", subject="gauge", start_ns=1) == "d9d169c571394aa959c4a32007400eb1"
    ids = {
        event_id("deep", subject="gauge", start_ns=1),
        event_id("deep", subject="gauge", start_ns=2),
        event_id("deep", subject="other", start_ns=1),
        event_id("high", subject="gauge", start_ns=1),
    }
    assert len(ids) == 4
    assert {len(one) for one in ids} == {32}
