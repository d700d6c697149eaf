"""Events to changes of alerts. Pure: no clock, no file, no site.

Identity is (rule_id, subject): while an alert of it is open, further raises attach to it. What is resolved stays
resolved; a new beginning is a new alert. Acknowledged is not resolved.

| open alert | event | becomes |
|---|---|---|
| none | raised | new alert, firing; told unless it is old news |
| one | raised again, by the same episode | better numbers; nothing is told, an acknowledgement stands |
| one | raised, by another episode | the episode attaches; nothing is told, an acknowledgement stands |
| one that was never told | raised, and this is news | the same alert, told now |
| one | cleared, of its newest episode or later than that one began | resolved, told |
| one | withdrawn, another episode still goes on | the alert goes on with that one |
| one | withdrawn, none goes on | resolved with the note `withdrawn`, told as a correction |
| none | cleared, withdrawn | nothing |
| none | raised, by an episode that had ended | its alert is open again; told when it still is so after `AGAIN_NS` |
| one that is open again and not told | cleared, withdrawn | resolved as it was; nothing is told |
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from alerts.model import Acknowledgement, Alert, AlertState, Telling, Waiting
from devices.model import SECOND_NS, Event, EventState
from devices.site import Domain

WITHDRAWN_NOTE = "withdrawn"
AGAIN_NOTE = "begun_again"
"""Of an alert whose end was told before it was open again."""
AGAIN_NS = 300 * SECOND_NS
"""So long a hub that was set back to an old state may take to hear the end of an episode, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One event_id and the alert it belongs to. `openings` is 1 when it opened an alert of its own, else 0.

    `raised_ns` is when it began to be so; `end_state` None while it goes on.
    """

    event_id: str
    alert_id: str
    openings: int
    raised_ns: int
    end_state: EventState | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is on record about an event: the open alert of its identity, its own episode, the alert's other episodes.

    `newest` is the episode `alert.event_id` names. `other` is the newest episode of that alert, apart from the event's
    own, that still goes on. `ended` is the resolved alert of the event's own episode, when none is open.
    """

    alert: Alert | None = None
    ended: Alert | None = None
    episode: Episode | None = None
    newest: Episode | None = None
    other: Episode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the site says about an event, and whether the event is still news."""

    station_id: str = ""
    domain: Domain = "system"
    waiting: Waiting = Waiting.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What an event does. `alert` None: only the episode is noted. `telling` None: nobody is told."""

    episode: Episode
    alert: Alert | None = None
    telling: Telling | None = None
    is_new: bool = False


def apply_event(event: Event, known: Known, context: Context) -> Change | None:
    """Return what `event` changes, None when it changes nothing (unknown episode, or an old row)."""
    match event.state:
        case EventState.RAISED:
            return _raised(event, known, context)
        case EventState.CLEARED:
            return _cleared(event, known)
        case EventState.WITHDRAWN:
            return _withdrawn(event, known)


def acknowledge(alert: Alert, order: Acknowledgement) -> Alert | None:
    """Return the alert as acknowledged, None when somebody was first. A resolved alert keeps its state."""
    if alert.acknowledged_ns is not None:
        return None
    state = AlertState.ACKNOWLEDGED if alert.is_open else AlertState.RESOLVED
    return replace(alert, state=state, acknowledged_ns=order.at_ns, acknowledged_by=order.by)


def caught_up(alert: Alert) -> Alert:
    """Return an alert that waited for the service to catch up: one that is still open is told after all."""
    return replace(alert, waiting=Waiting.NONE if alert.is_open else Waiting.HISTORY)


def effective(events: Sequence[Event], *, is_known: Callable[[str], bool]) -> list[Event]:
    """Return what one commit comes down to, withdrawals last.

    Late data may tell an episode again; of each episode its last row holds. One that began and ended within the commit
    keeps both rows when it is new (it is told), and none when it was withdrawn at once. With withdrawals last, an
    episode whose start has moved attaches under its new identity before the old one goes, and nobody is told twice.
    """
    last = {event.event_id: index for index, event in enumerate(events)}
    began = {event.event_id: index for index, event in enumerate(events) if event.state is EventState.RAISED}
    kept: list[int] = []
    moved: list[int] = []
    for event_id, index in last.items():
        state = events[index].state
        if state is not EventState.WITHDRAWN:
            kept.append(index)
        elif is_known(event_id):
            moved.append(index)
        if state is EventState.CLEARED and event_id in began and not is_known(event_id):
            kept.append(began[event_id])
    return [events[index] for index in (*sorted(kept), *sorted(moved))]


def _raised(event: Event, known: Known, context: Context) -> Change | None:
    episode = known.episode
    if episode is not None and episode.end_state is None:
        return _told_again(event, episode, known.alert)
    if known.alert is not None:
        return _attached(event, known, known.alert, context)
    if known.ended is not None:
        return _begun_again(event, known.ended, context)
    return Change(
        episode=Episode(event_id=event.event_id, alert_id=event.event_id, openings=1, raised_ns=event.observed_ns),
        alert=_new_alert(event, event.event_id, context),
        telling=Telling.RAISED if context.waiting is Waiting.NONE else None,
        is_new=True,
    )


def _begun_again(event: Event, ended: Alert, context: Context) -> Change:
    """Open the alert of an ended episode again. One that nobody was ever told of is told like a new one."""
    openings = int(ended.alert_id == event.event_id)
    was_told = ended.waiting is Waiting.NONE or ended.note == AGAIN_NOTE
    waiting = Waiting.BEGUN_AGAIN if was_told and context.waiting is Waiting.NONE else context.waiting
    alert = replace(
        ended,
        state=AlertState.FIRING if ended.acknowledged_ns is None else AlertState.ACKNOWLEDGED,
        resolved_ns=None,
        event_id=event.event_id,
        observed_ns=event.observed_ns,
        value=event.value,
        limit=event.limit,
        waiting=waiting,
        note=AGAIN_NOTE if was_told else "",
    )
    return Change(
        episode=Episode(
            event_id=event.event_id, alert_id=ended.alert_id, openings=openings, raised_ns=event.observed_ns
        ),
        alert=alert,
        telling=Telling.RAISED if waiting is Waiting.NONE else None,
    )


def _told_again(event: Event, episode: Episode, alert: Alert | None) -> Change | None:
    """Take over the better numbers that late data gave an episode that goes on; nobody is told again."""
    if event.observed_ns == episode.raised_ns:
        return None
    episode = replace(episode, raised_ns=event.observed_ns)
    if alert is None or alert.event_id != event.event_id:
        return Change(episode=episode)
    corrected = replace(alert, observed_ns=event.observed_ns, value=event.value, limit=event.limit)
    return Change(episode=episode, alert=corrected)


def _new_alert(event: Event, alert_id: str, context: Context) -> Alert:
    return Alert(
        alert_id=alert_id,
        case_no="",
        rule_id=event.rule_id,
        subject=event.subject,
        device_id=event.device_id,
        station_id=context.station_id,
        domain=context.domain,
        quantity=event.quantity,
        state=AlertState.FIRING,
        severity=event.severity,
        opened_ns=event.detected_ns,
        observed_ns=event.observed_ns,
        value=event.value,
        limit=event.limit,
        event_id=event.event_id,
        waiting=context.waiting,
    )


def _attached(event: Event, known: Known, alert: Alert, context: Context) -> Change:
    openings = 0 if known.episode is None else known.episode.openings
    episode = Episode(event_id=event.event_id, alert_id=alert.alert_id, openings=openings, raised_ns=event.observed_ns)
    is_newest = known.newest is None or event.observed_ns >= known.newest.raised_ns
    severity = max(alert.severity, event.severity)
    alert = replace(alert, event_id=event.event_id if is_newest else alert.event_id, severity=severity)
    if alert.waiting is Waiting.NONE or context.waiting is not Waiting.NONE:
        return Change(episode=episode, alert=alert)
    news = replace(alert, observed_ns=event.observed_ns, value=event.value, limit=event.limit, waiting=Waiting.NONE)
    return Change(episode=episode, alert=news, telling=Telling.RAISED)


def _cleared(event: Event, known: Known) -> Change | None:
    alert = known.alert
    is_over = alert is not None and (
        event.event_id == alert.event_id or known.newest is None or event.observed_ns >= known.newest.raised_ns
    )
    if alert is None or not is_over:
        return _ended(event, known)
    episode = known.episode or _unknown_episode(event, alert)
    return Change(
        episode=replace(episode, end_state=EventState.CLEARED),
        alert=_resolved(alert, event, note=""),
        telling=Telling.CLEARED if alert.waiting is Waiting.NONE else None,
    )


def _withdrawn(event: Event, known: Known) -> Change | None:
    alert, episode = known.alert, known.episode
    if alert is None or episode is None or episode.alert_id != alert.alert_id or episode.end_state is not None:
        return _ended(event, known)
    ended = replace(episode, end_state=EventState.WITHDRAWN)
    if known.other is not None:
        goes_on_with = known.other.event_id if alert.event_id == event.event_id else alert.event_id
        return Change(episode=ended, alert=replace(alert, event_id=goes_on_with))
    return Change(
        episode=ended,
        alert=_resolved(alert, event, note=WITHDRAWN_NOTE),
        telling=Telling.WITHDRAWN if alert.waiting is Waiting.NONE else None,
    )


def _resolved(alert: Alert, event: Event, *, note: str) -> Alert:
    """Return the alert as over; one that was never told is history."""
    was_told = alert.waiting is Waiting.NONE or alert.note == AGAIN_NOTE
    waiting = Waiting.NONE if was_told else Waiting.HISTORY
    return replace(alert, state=AlertState.RESOLVED, resolved_ns=event.detected_ns, note=note, waiting=waiting)


def _ended(event: Event, known: Known) -> Change | None:
    """Note the end of an episode that does not end its alert."""
    if known.episode is None or known.episode.end_state is event.state:
        return None
    return Change(episode=replace(known.episode, end_state=event.state))


def _unknown_episode(event: Event, alert: Alert) -> Episode:
    return Episode(event_id=event.event_id, alert_id=alert.alert_id, openings=0, raised_ns=event.observed_ns)
