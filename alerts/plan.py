"""What would have been told, to whom, by what and when: the planner over recorded events, without a file or a clock."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from alerts.channels_found import load_channels
from alerts.facts import SiteIndex
from alerts.lifecycle import Episode, Known
from alerts.messages import Writer, load_texts
from alerts.model import Alert, Delivery, Lane, Telling, Waiting
from alerts.planner import Planner
from devices.model import SECOND_NS, Event
from devices.site import Site

Json = dict[str, str | int | float | bool | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDelivery:
    """A message that would have been sent at `delivery.queued_ns`, and the case it belongs to."""

    delivery: Delivery
    case_no: str
    rule_id: str


@dataclass(slots=True, kw_only=True)
class MemoryBook:
    """A Book in memory: alerts in the order in which they were opened, deliveries in the order of queueing."""

    alerts: dict[str, Alert] = field(default_factory=dict)
    episodes: dict[str, Episode] = field(default_factory=dict)
    deliveries: list[Delivery] = field(default_factory=list)
    _open: dict[tuple[str, str], str] = field(default_factory=dict)
    _attached: dict[str, list[str]] = field(default_factory=dict)
    _cases: dict[int, int] = field(default_factory=dict)
    _told: dict[str, set[Lane]] = field(default_factory=dict)

    def known(self, event: Event) -> Known:
        """Return what is on record about the event."""
        episode = self.episodes.get(event.event_id)
        alert = self.alerts.get(self._open.get((event.rule_id, event.subject), ""))
        if alert is None:
            return Known(episode=episode, ended=None if episode is None else self.alerts.get(episode.alert_id))
        attached = [self.episodes[event_id] for event_id in self._attached.get(alert.alert_id, ())]
        others = [
            other
            for other in attached
            if other.alert_id == alert.alert_id and other.end_state is None and other.event_id != event.event_id
        ]
        return Known(
            alert=alert,
            episode=episode,
            newest=self.episodes.get(alert.event_id),
            other=max(others, key=lambda other: (other.raised_ns, other.event_id), default=None),
        )

    def open_alert(self, rule_id: str, subject: str) -> Alert | None:
        """Return the alert of a rule at a subject that is not resolved, None when there is none."""
        return self.alerts.get(self._open.get((rule_id, subject), ""))

    def begun_again(self) -> list[Alert]:
        """Return the open alerts whose end was told before."""
        alerts = (self.alerts[alert_id] for alert_id in self._open.values())
        return [alert for alert in alerts if alert.waiting is Waiting.BEGUN_AGAIN]

    def next_case_no(self, year: int) -> int:
        """Return the next running number of that year, from 1."""
        self._cases[year] = self._cases.get(year, 0) + 1
        return self._cases[year]

    def told_lanes(self, alert_id: str) -> Collection[Lane]:
        """Return the lanes in which a message that the alert began was queued."""
        return self._told.get(alert_id, set())

    def save(self, alert: Alert | None, episode: Episode | None, deliveries: Collection[Delivery]) -> None:
        """Keep the alert and episode as they are now, and the messages."""
        if episode is not None:
            self.episodes[episode.event_id] = episode
            attached = self._attached.setdefault(episode.alert_id, [])
            if episode.event_id not in attached:
                attached.append(episode.event_id)
        if alert is not None:
            self._keep(alert)
        self.deliveries.extend(deliveries)
        for delivery in deliveries:
            if delivery.telling is Telling.RAISED:
                self._told.setdefault(delivery.alert_id, set()).add(delivery.lane)

    def _keep(self, alert: Alert) -> None:
        self.alerts[alert.alert_id] = alert
        identity = (alert.rule_id, alert.subject)
        if alert.is_open:
            self._open[identity] = alert.alert_id
        elif self._open.get(identity) == alert.alert_id:
            del self._open[identity]


def make_planner(site: Site) -> Planner:
    """Return the planner of a site with the texts and channels that ship with this package."""
    index = SiteIndex(site)
    return Planner(index=index, writer=Writer(index, load_texts()), channels=load_channels())


def plan_alerts(events: Iterable[Event], site: Site) -> tuple[list[Alert], list[PlannedDelivery]]:
    """Return the alerts as they stand after all `events` (in log order) and every message that would have been sent.

    Each event is taken in when it was detected; nobody acknowledges anything.
    """
    planner, book = make_planner(site), MemoryBook()
    again_ns: dict[str, int] = {}
    for event in events:
        _tell_again(planner, book, again_ns, now_ns=event.detected_ns)
        planner.take(event, book, now_ns=event.detected_ns)
        again_ns = {one.alert_id: again_ns.get(one.alert_id, event.detected_ns) for one in book.begun_again()}
    _tell_again(planner, book, again_ns, now_ns=None)
    planned = [
        PlannedDelivery(
            delivery=delivery,
            case_no=book.alerts[delivery.alert_id].case_no,
            rule_id=book.alerts[delivery.alert_id].rule_id,
        )
        for delivery in book.deliveries
    ]
    return list(book.alerts.values()), planned


def _tell_again(planner: Planner, book: MemoryBook, since_ns: dict[str, int], *, now_ns: int | None) -> None:
    """Tell what has begun again `since_ns` and is still so after its time; `now_ns` None: all time has passed."""
    for alert in book.begun_again():
        due_ns = since_ns[alert.alert_id] + planner.patience_ns(alert)
        if now_ns is None or now_ns >= due_ns:
            planner.catch_up(alert, book, now_ns=due_ns)


def alert_as_json(alert: Alert) -> Json:
    """Return the alert as it stands in `alerts.jsonl`."""
    return {
        "alert_id": alert.alert_id,
        "case_no": alert.case_no,
        "rule_id": alert.rule_id,
        "subject": alert.subject,
        "device_id": alert.device_id,
        "station_id": alert.station_id,
        "domain": alert.domain,
        "quantity": alert.quantity,
        "state": alert.state.value,
        "severity": alert.severity.key,
        "observed_at": _iso(alert.observed_ns),
        "opened_at": _iso(alert.opened_ns),
        "resolved_at": None if alert.resolved_ns is None else _iso(alert.resolved_ns),
        "value": _number(alert.value),
        "limit": _number(alert.limit),
        "is_history": alert.is_history,
        "note": alert.note,
        "text_ja": alert.text_ja,
        "text_ja_easy": alert.text_ja_easy,
        "text_en": alert.text_en,
    }


def delivery_as_json(planned: PlannedDelivery) -> Json:
    """Return the message as it stands in `deliveries.jsonl`: to whom, by what, when, what. No address."""
    delivery = planned.delivery
    return {
        "delivery_id": delivery.delivery_id,
        "alert_id": delivery.alert_id,
        "case_no": planned.case_no,
        "rule_id": planned.rule_id,
        "step": delivery.step,
        "telling": delivery.telling.value,
        "route_id": delivery.route_id,
        "contact_id": delivery.contact_id,
        "channel": delivery.channel,
        "severity": delivery.severity.key,
        "queued_at": _iso(delivery.queued_ns),
        "language": delivery.message.language,
        "subject": delivery.message.subject,
        "body": delivery.message.body,
    }


def _iso(town_ns: int) -> str:
    """Return ISO 8601 UTC with nanoseconds."""
    seconds, rest_ns = divmod(town_ns, SECOND_NS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest_ns:09d}Z"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
