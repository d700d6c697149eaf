"""ingest is silent when its heartbeat stands still for a minute of the machine's own time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerts.model import Alert
from alerts.watchdog import SILENT_AFTER_S, IngestWatch, event_of
from devices.model import EventState
from tests.alerts.town import T0_NS, alert

START = IngestWatch(heartbeat_ns=T0_NS, since_s=100.0)
OPEN = alert(rule_id="ingest-silent", subject="ingest", event_id="i1")


def state_of(watch: IngestWatch, open_alert: Alert | None, *, mono_s: float) -> EventState | None:
    event = event_of(watch, open_alert, mono_s=mono_s, now_ns=T0_NS + 5)
    return None if event is None else event.state


@pytest.mark.parametrize(
    ("open_alert", "has_moved", "after_s", "expected"),
    [
        (None, False, 59.9, None),
        (None, False, 60.0, EventState.RAISED),
        (None, True, 59.9, None),
        (None, True, 60.0, EventState.RAISED),
        (OPEN, False, 0.0, None),
        (OPEN, False, 3600.0, None),
        (OPEN, True, 60.0, None),
        (OPEN, True, 59.9, EventState.CLEARED),
    ],
)
def test_what_the_watch_calls_for(
    open_alert: Alert | None, has_moved: bool, after_s: float, expected: EventState | None
) -> None:
    assert state_of(replace(START, has_moved=has_moved), open_alert, mono_s=100.0 + after_s) is expected


@pytest.mark.parametrize("step_ns", [1, -1, 10**18, -(10**18)])
def test_any_movement_is_a_sign_of_life(step_ns: int) -> None:
    """A clock that was set forward or back, or a sped-up town, neither kills nor saves ingest."""
    watch = START.looked(T0_NS + step_ns, mono_s=150.0)
    assert (watch.has_moved, watch.since_s) == (True, 150.0)
    assert watch.looked(T0_NS + step_ns, mono_s=151.0) == watch


def test_a_heartbeat_that_never_was_is_silence() -> None:
    watch = IngestWatch(heartbeat_ns=0, since_s=0.0)
    event = event_of(watch, None, mono_s=SILENT_AFTER_S, now_ns=T0_NS)
    assert event is not None
    assert event.observed_ns == T0_NS


def test_each_silence_is_an_event_of_its_own_and_ends_as_itself() -> None:
    first = event_of(START, None, mono_s=999.0, now_ns=T0_NS)
    second = event_of(START, None, mono_s=999.0, now_ns=T0_NS + 1)
    assert first is not None
    assert second is not None
    assert first.event_id != second.event_id
    cleared = event_of(replace(START, has_moved=True), OPEN, mono_s=100.0, now_ns=T0_NS)
    assert cleared is not None
    assert (cleared.event_id, cleared.subject, cleared.rule_id) == ("i1", "ingest", "ingest-silent")
