"""What a rule says of a few readings, however they are cut."""

from __future__ import annotations

import numpy as np

from devices.model import Event, Reading
from devices.site import Site
from ingest.events import effective_events
from ingest.pipeline import Pipeline
from tests.ingest.core_town import SECOND_NS, T0_NS

Told = list[tuple[str, str, float]]
"""Subject, state and seconds since T0 of events."""


def ns(at_s: float) -> int:
    return T0_NS + round(at_s * SECOND_NS)


def events_of(site: Site, *readings: Reading, until_s: float) -> tuple[Event, ...]:
    """The events that hold at `until_s`, of what was received until then; all at once says the same as one by one."""
    heard = [reading for reading in readings if reading.received_ns <= ns(until_s)]
    in_order = sorted(heard, key=lambda reading: reading.received_ns)
    at_once = _played(site, [tuple(in_order)], until_s=until_s)
    one_by_one = _played(site, [(reading,) for reading in in_order], until_s=until_s)
    assert [_as_texts(event) for event in at_once] == [_as_texts(event) for event in one_by_one]
    return at_once


def told(site: Site, *readings: Reading, until_s: float) -> Told:
    events = events_of(site, *readings, until_s=until_s)
    return [(event.subject, event.state.value, (event.observed_ns - T0_NS) / SECOND_NS) for event in events]


def changes(site: Site, *readings: Reading, until_s: float) -> list[tuple[str, float]]:
    """State and time of events where it is clear about whom they are."""
    return [(state, at_s) for _, state, at_s in told(site, *readings, until_s=until_s)]


def _played(site: Site, parts: list[tuple[Reading, ...]], *, until_s: float) -> tuple[Event, ...]:
    pipeline = Pipeline(site, is_replay=True)
    outcomes = [pipeline.process((), now_ns=T0_NS)]
    for part in parts:
        now_ns = max((reading.received_ns for reading in part), default=T0_NS)
        outcomes.append(pipeline.process(part, now_ns=now_ns))
    outcomes.append(pipeline.process((), now_ns=ns(until_s)))
    events = effective_events(event for outcome in outcomes for event in outcome.events)
    return tuple(sorted(events, key=lambda event: (event.observed_ns, event.event_id, event.state.value)))


def _as_texts(event: Event) -> tuple[str, ...]:
    numbers = np.array([event.value, event.limit])
    return (event.event_id, event.state.value, str(event.observed_ns), str(event.detected_ns), str(numbers))
