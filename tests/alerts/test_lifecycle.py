"""What one event does to one alert, as tables; and what a commit comes down to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from alerts.lifecycle import (
    AGAIN_NOTE,
    WITHDRAWN_NOTE,
    Change,
    Context,
    Episode,
    Known,
    acknowledge,
    apply_event,
    caught_up,
    effective,
)
from alerts.model import Acknowledgement, Alert, AlertState, Telling, Waiting
from devices.model import Event, EventState, Severity
from tests.alerts.town import T0_NS, alert, event

SNOW = Context(station_id="bridge", domain="snow")
OLD = replace(SNOW, waiting=Waiting.HISTORY)
FIRING, ACKNOWLEDGED, RESOLVED = AlertState.FIRING, AlertState.ACKNOWLEDGED, AlertState.RESOLVED


def episode(event_id: str = "e1", *, at_s: float = 0.0, end: EventState | None = None, openings: int = 1) -> Episode:
    return Episode(
        event_id=event_id, alert_id="a1", openings=openings, raised_ns=event(at_s=at_s).observed_ns, end_state=end
    )


def open_known(of: Event, *, state: AlertState = FIRING, waiting: Waiting = Waiting.NONE) -> Known:
    """What is on record when alert a1 is open by episode e1 at T0."""
    current = alert(state=state, waiting=waiting)
    own = episode() if of.event_id == "e1" else None
    return Known(alert=current, episode=own, newest=episode(), other=None if own else episode())


@dataclass(frozen=True, kw_only=True)
class Row:
    name: str
    event: Event
    known: Known
    state: AlertState | None
    telling: Telling | None = None
    is_new: bool = False
    context: Context = SNOW


RAISED_AGAIN = event(at_s=0)
SECOND = event("e2", at_s=60)
EARLIER = event("e0", at_s=-60)
CLEAR = event(state="cleared", at_s=600)
WITHDRAW = event(state="withdrawn", at_s=600)

ROWS = [
    Row(name="first raise", event=event(), known=Known(), state=FIRING, telling=Telling.RAISED, is_new=True),
    Row(name="old raise is history", event=event(), known=Known(), state=FIRING, is_new=True, context=OLD),
    Row(name="same row again", event=RAISED_AGAIN, known=open_known(RAISED_AGAIN), state=None),
    Row(name="better numbers", event=event(at_s=5), known=open_known(event()), state=FIRING),
    Row(name="second episode attaches", event=SECOND, known=open_known(SECOND), state=FIRING),
    Row(
        name="attaches to acknowledged", event=SECOND, known=open_known(SECOND, state=ACKNOWLEDGED),
        state=ACKNOWLEDGED,
    ),
    Row(name="earlier episode attaches", event=EARLIER, known=open_known(EARLIER), state=FIRING),
    Row(
        name="news wakes history", event=SECOND, known=open_known(SECOND, waiting=Waiting.HISTORY),
        state=FIRING, telling=Telling.RAISED,
    ),
    Row(
        name="old news wakes nothing", event=SECOND, known=open_known(SECOND, waiting=Waiting.HISTORY),
        state=FIRING, context=OLD,
    ),
    Row(name="clear", event=CLEAR, known=open_known(CLEAR), state=RESOLVED, telling=Telling.CLEARED),
    Row(
        name="clear of acknowledged", event=CLEAR, known=open_known(CLEAR, state=ACKNOWLEDGED),
        state=RESOLVED, telling=Telling.CLEARED,
    ),
    Row(
        name="clear of an untold alert", event=CLEAR, known=open_known(CLEAR, waiting=Waiting.HISTORY), state=RESOLVED
    ),
    Row(
        name="clear by a later episode whose raise was lost", event=event("e9", "cleared", at_s=60),
        known=open_known(event("e9")), state=RESOLVED, telling=Telling.CLEARED,
    ),
    Row(
        name="clear stamped before its own raise", event=event(state="cleared", at_s=-5), known=open_known(event()),
        state=RESOLVED, telling=Telling.CLEARED,
    ),
    Row(
        name="clear of an earlier episode", event=event("e0", "cleared", at_s=-30),
        known=replace(open_known(EARLIER), episode=episode("e0", at_s=-60)), state=None,
    ),
    Row(name="clear of nothing", event=CLEAR, known=Known(), state=None),
    Row(name="withdrawn", event=WITHDRAW, known=open_known(WITHDRAW), state=RESOLVED, telling=Telling.WITHDRAWN),
    Row(
        name="withdrawn while another goes on", event=WITHDRAW,
        known=replace(open_known(WITHDRAW), other=episode("e0", at_s=-60)), state=FIRING,
    ),
    Row(name="withdrawn of nothing", event=WITHDRAW, known=Known(), state=None),
    Row(name="withdrawn of another's episode", event=event("e7", "withdrawn"), known=open_known(SECOND), state=None),
    Row(
        name="late data undo the end", event=event(), known=Known(episode=episode(end=EventState.CLEARED)),
        state=FIRING, telling=Telling.RAISED, is_new=True,
    ),
    Row(
        name="withdrawn and so after all", event=event(), known=Known(episode=episode(end=EventState.WITHDRAWN)),
        state=FIRING, telling=Telling.RAISED, is_new=True,
    ),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_event_changes_alert(row: Row) -> None:
    change = apply_event(row.event, row.known, row.context)
    found = (change.alert.state if change and change.alert else None, change and change.telling)
    assert found == (row.state, row.telling)
    assert (change is not None and change.is_new) == row.is_new


def changed(of: Event, known: Known, context: Context = SNOW) -> Alert:
    change = apply_event(of, known, context)
    assert change is not None
    assert change.alert is not None
    return change.alert


def test_a_new_alert_says_what_the_event_says() -> None:
    raised = event(at_s=1, detected_s=3)
    assert changed(raised, Known()) == alert(
        alert_id="e1", case_no="", observed_ns=raised.observed_ns, opened_ns=raised.detected_ns
    )


def again(of: Event) -> Known:
    """What is on record when alert a1 is open again after its end was told."""
    return replace(open_known(of), alert=replace(alert(), waiting=Waiting.BEGUN_AGAIN, note=AGAIN_NOTE))


def again_known(end: EventState = EventState.CLEARED, **more: Any) -> Known:
    ended = replace(alert(state=RESOLVED), resolved_ns=T0_NS + 600, **more)
    return Known(episode=episode(end=end), ended=ended)


@pytest.mark.parametrize("end", [EventState.CLEARED, EventState.WITHDRAWN])
@pytest.mark.parametrize("acknowledged_ns", [None, T0_NS])
def test_what_begins_again_after_its_end_was_told_is_the_same_alert_and_not_told_yet(
    end: EventState, acknowledged_ns: int | None
) -> None:
    change = apply_event(event(at_s=5), again_known(end, acknowledged_ns=acknowledged_ns), SNOW)
    assert change is not None
    assert change.alert is not None
    assert (change.telling, change.is_new, change.episode.end_state) == (None, False, None)
    assert change.alert.state is (FIRING if acknowledged_ns is None else ACKNOWLEDGED)
    assert (change.alert.alert_id, change.alert.resolved_ns, change.alert.waiting) == ("a1", None, Waiting.BEGUN_AGAIN)


def test_what_began_again_and_ends_is_resolved_and_nobody_is_told_a_second_time() -> None:
    change = apply_event(CLEAR, again(CLEAR), SNOW)
    assert change is not None
    assert change.alert is not None
    assert (change.telling, change.alert.state, change.alert.waiting) == (None, RESOLVED, Waiting.NONE)


def test_another_episode_is_news_for_what_began_again() -> None:
    change = apply_event(SECOND, again(SECOND), SNOW)
    assert change is not None
    assert change.telling is Telling.RAISED


def test_what_was_never_told_is_told_when_it_begins_again() -> None:
    change = apply_event(event(), again_known(waiting=Waiting.HISTORY), SNOW)
    assert change is not None
    assert change.alert is not None
    assert (change.telling, change.alert.waiting) == (Telling.RAISED, Waiting.NONE)


def test_what_begins_again_as_old_news_is_open_and_stays_told_when_it_ends() -> None:
    opened = changed(event(), again_known(), OLD)
    assert (opened.state, opened.waiting) == (FIRING, Waiting.HISTORY)
    assert changed(CLEAR, replace(open_known(CLEAR), alert=opened)).waiting is Waiting.NONE


def test_the_newest_episode_names_the_alert() -> None:
    assert changed(SECOND, open_known(SECOND)).event_id == "e2"
    assert changed(EARLIER, open_known(EARLIER)).event_id == "e1"


def test_attaching_keeps_the_first_numbers_and_the_highest_severity() -> None:
    worse = replace(SECOND, severity=Severity.LIFE, value=9.0)
    attached = changed(worse, open_known(worse))
    assert (attached.severity, attached.value, attached.observed_ns) == (Severity.LIFE, 1.52, T0_NS)


def test_what_goes_on_takes_over_after_a_withdrawal() -> None:
    known = replace(open_known(WITHDRAW), other=episode("e0", at_s=-60))
    assert changed(WITHDRAW, known).event_id == "e0"


def test_a_withdrawn_alert_says_so() -> None:
    assert changed(WITHDRAW, open_known(WITHDRAW)).note == WITHDRAWN_NOTE


def test_an_alert_that_was_never_told_ends_as_history() -> None:
    known = open_known(CLEAR, waiting=Waiting.CATCHING_UP)
    assert changed(CLEAR, known).waiting is Waiting.HISTORY


ORDER = Acknowledgement(order_id="o1", alert_id="a1", by="road", at_ns=T0_NS + 5, via="link")


@pytest.mark.parametrize(("before", "after"), [(FIRING, ACKNOWLEDGED), (RESOLVED, RESOLVED)])
def test_acknowledged_is_not_resolved(before: AlertState, after: AlertState) -> None:
    found = acknowledge(alert(state=before), ORDER)
    assert found == alert(state=after, acknowledged_ns=T0_NS + 5, acknowledged_by="road")


def test_the_first_acknowledgement_stands() -> None:
    first = acknowledge(alert(), ORDER)
    assert first is not None
    assert acknowledge(first, replace(ORDER, by="it", order_id="o2")) is None


@pytest.mark.parametrize(("state", "waiting"), [(FIRING, Waiting.NONE), (RESOLVED, Waiting.HISTORY)])
def test_caught_up(state: AlertState, waiting: Waiting) -> None:
    assert caught_up(alert(state=state, waiting=Waiting.CATCHING_UP)).waiting is waiting


R1, C1, W1 = event("e1"), event("e1", "cleared", at_s=9), event("e1", "withdrawn", at_s=9)
R2, C2 = event("e2", at_s=20), event("e2", "cleared", at_s=30)


@pytest.mark.parametrize(
    ("known", "rows", "expected"),
    [
        ((), [R1], [R1]),
        ((), [R1, C1], [R1, C1]),
        ((), [R1, C1, R2], [R1, C1, R2]),
        ((), [R1, C1, R2, C2], [R1, C1, R2, C2]),
        ((), [R1, W1], []),
        (("e1",), [R1, C1], [C1]),
        (("e1",), [C1, R1], [R1]),
        (("e1",), [W1, R2], [R2, W1]),
        (("e1",), [W1, R1], [R1]),
        (("e1",), [W1, R2, C2], [R2, C2, W1]),
        ((), [], []),
    ],
    ids=lambda value: "-".join(f"{e.event_id}{e.state.value[0]}" for e in value) if isinstance(value, list) else None,
)
def test_a_commit_comes_down_to(known: tuple[str, ...], rows: list[Event], expected: list[Event]) -> None:
    assert effective(rows, is_known=lambda event_id: event_id in known) == expected


def test_an_episode_that_ends_without_its_alert_is_noted() -> None:
    known = replace(open_known(EARLIER), episode=episode("e0", at_s=-60))
    change = apply_event(event("e0", "cleared", at_s=-30), known, SNOW)
    assert change == Change(episode=replace(episode("e0", at_s=-60), end_state=EventState.CLEARED))
