"""What the simulation has found, each as the smallest case."""

from __future__ import annotations

from alerts.model import Telling
from alerts.plan import MemoryBook
from devices.model import SECOND_NS, Event, EventState, Severity
from tests.simulation.book import make_planner
from tests.simulation.parts import START_NS


def _event(state: EventState, *, detected_s: int) -> Event:
    at_s = 10 if state is EventState.RAISED else 20
    return Event(
        event_id="e1", rule_id="deep", subject="snow-01", device_id="snow-01", quantity="snow_depth", state=state,
        severity=Severity.WARNING, observed_ns=START_NS + at_s * SECOND_NS,
        detected_ns=START_NS + detected_s * SECOND_NS, value=2.0, limit=2.0,
    )  # fmt: skip


def test_an_ended_episode_that_a_restored_hub_hears_again_is_not_told_a_second_time() -> None:
    planner, book = make_planner(), MemoryBook()
    for detected_s in (30, 90):  # at first, and again after the backup was put back and the gateway sent its rows again
        for state, delay_s in ((EventState.RAISED, 0), (EventState.CLEARED, 5)):
            event = _event(state, detected_s=detected_s + delay_s)
            planner.take_commit([event], book, now_ns=event.detected_ns)
    told = [delivery.delivery_id for delivery in book.deliveries if delivery.telling is Telling.RAISED]
    assert len(set(told)) == 1
