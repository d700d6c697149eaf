"""Events to alerts and messages, in one visible order: news or not, lifecycle, case number, route, text.

Knows no file and no clock: a Book keeps what is decided. The alert service and the backtest use the very same planner.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from alerts.facts import LANGUAGES, Occasion, SiteIndex
from alerts.lifecycle import AGAIN_NS, Change, Context, Episode, Known, apply_event, caught_up, effective
from alerts.messages import Writer
from alerts.model import (
    Alert,
    ChannelSpec,
    Delivery,
    Lane,
    Telling,
    Waiting,
    delivery_id_of,
)
from alerts.parents import NOTE
from alerts.routing import Recipient, only_told, recipients
from devices.model import SECOND_NS, Event, EventState
from devices.site import Site

log = logging.getLogger(__name__)

TOLD_LATE = frozenset(
    {
        "contact_event",
        "trap_check",
        "trap_moved",
        "trap_carried",
        "silent",
        "no_motion",
        "device_fault",
        "battery_outlook",
        "ingest_silent",
    }
)
"""Kinds whose events are news however old their time is: a trap that sprung must be visited, and absence that is
detected now goes on now. Only an old reading that crosses a level is history."""


class Book(Protocol):
    """Where alerts are kept. All calls for one event belong to one transaction."""

    def known(self, event: Event) -> Known:
        """Return what is on record about the event."""

    def next_case_no(self, year: int) -> int:
        """Return the next running number of that year, from 1."""

    def open_alert(self, rule_id: str, subject: str) -> Alert | None:
        """Return the alert of a rule at a subject that is not resolved, None when there is none."""

    def told_lanes(self, alert_id: str) -> Collection[Lane]:
        """Return the lanes in which a message that the alert began was queued."""

    def save(self, alert: Alert | None, episode: Episode | None, deliveries: Collection[Delivery]) -> None:
        """Keep the alert and episode as they are now, and queue the messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planner:
    """Decides what events do to alerts, whom to tell and what to say. Pure apart from the Book it is given."""

    index: SiteIndex
    writer: Writer
    channels: Mapping[str, ChannelSpec]

    @property
    def site(self) -> Site:
        """The town's Site."""
        return self.index.site

    def take_commit(self, events: Sequence[Event], book: Book, *, now_ns: int) -> list[Alert]:
        """Take in the events of one commit of the journal; return the alerts they changed."""

        def is_known(event_id: str) -> bool:
            return any(book.known(event).episode is not None for event in events if event.event_id == event_id)

        ordered = sorted(effective(events, is_known=is_known), key=self._rank)
        taken = [self.take(event, book, now_ns=now_ns) for event in ordered]
        return [alert for alert in taken if alert is not None]

    def _rank(self, event: Event) -> tuple[bool, int]:
        """Order the events of a commit: silent parents before what lies behind them, withdrawals last as they were."""
        is_silence = self.index.rule_kind(event.rule_id) == "silent"
        depth = len(self.index.parents.ancestors(event.device_id)) if is_silence else 0
        return event.state is EventState.WITHDRAWN, depth

    def take(self, event: Event, book: Book, *, now_ns: int) -> Alert | None:
        """Take in one event; return the alert it changed, None when it changed none.

        `now_ns` (town) matters only for events that the alert service itself sees too late (after an outage).
        """
        change = apply_event(event, book.known(event), self._context(event, now_ns=now_ns))
        if change is None:
            return None
        alert = self._completed(change, book)
        deliveries: list[Delivery] = []
        if alert is not None and change.telling is not None:
            told = Occasion(
                alert=alert,
                observed_ns=event.observed_ns,
                value=event.value,
                limit=event.limit,
                is_late=self._is_late(event),
            )
            step = _Step(telling=change.telling, occasion=told, at_ns=event.detected_ns)
            alert, deliveries = self._told(alert, step, book)
        book.save(alert, change.episode, deliveries)
        return alert

    def catch_up(self, waiting: Alert, book: Book, *, now_ns: int) -> Alert:
        """Tell an alert that waited (an outage of the alert service, a silent parent), if it still goes on."""
        is_explained = waiting.waiting is Waiting.EXPLAINED
        alert = replace(caught_up(waiting), note="" if is_explained else waiting.note)
        deliveries: list[Delivery] = []
        if alert.is_open:
            step = _Step(telling=Telling.RAISED, occasion=_beginning(alert, is_late=True), at_ns=now_ns)
            alert, deliveries = self._told(alert, step, book)
        book.save(alert, None, deliveries)
        return alert

    def patience_ns(self, alert: Alert) -> int:
        """Return for how long an alert that is held back must still be so before it is told."""
        if alert.waiting is Waiting.BEGUN_AGAIN:
            return AGAIN_NS
        return self.index.parents.patience_ns(alert.device_id, alert.rule_id)

    def _context(self, event: Event, *, now_ns: int) -> Context:
        place = self.index.place(subject=event.subject, device_id=event.device_id)
        waiting = self._waiting(event, now_ns=now_ns)
        return Context(station_id=place.station_id, domain=place.domain, waiting=waiting)

    def _waiting(self, event: Event, *, now_ns: int) -> Waiting:
        if self._is_late(event) and self.index.rule_kind(event.rule_id) not in TOLD_LATE:
            return Waiting.HISTORY
        is_old_for_us = now_ns - event.detected_ns > self._most_age_ns
        return Waiting.CATCHING_UP if is_old_for_us else Waiting.NONE

    def _is_late(self, event: Event) -> bool:
        return event.detected_ns - event.observed_ns > self._most_age_ns

    @property
    def _most_age_ns(self) -> int:
        return self.site.alerting.max_alert_age_s * SECOND_NS

    def _completed(self, change: Change, book: Book) -> Alert | None:
        """Return the alert with its case number and texts when it is new."""
        if change.alert is None or not change.is_new:
            return change.alert
        year = self.index.year_of(change.alert.opened_ns)
        alert = replace(change.alert, case_no=f"{year % 100:02d}-{book.next_case_no(year):04d}")
        short = {
            language: self.writer.message(_beginning(alert), telling=Telling.RAISED, language=language).subject
            for language in LANGUAGES
        }
        return replace(alert, text_ja=short["ja"], text_ja_easy=short["ja_easy"], text_en=short["en"])

    def _told(self, alert: Alert, step: _Step, book: Book) -> tuple[Alert, list[Delivery]]:
        """Return the alert one step on and the messages of that step; without any reader it stays where it is."""
        found = self._recipients(alert, step.telling)
        explaining = self.silent_parent(alert, book) if step.telling is Telling.RAISED else None
        if explaining is not None:
            alert = replace(alert, note=f"{NOTE}{explaining.subject}")
            step = replace(step, occasion=replace(step.occasion, alert=alert))
            knows = book.told_lanes(explaining.alert_id)
            if found and all(recipient.lane in knows for recipient in found):
                return replace(alert, waiting=Waiting.EXPLAINED), []
            found = [recipient for recipient in found if recipient.lane not in knows]
        if step.telling is not Telling.RAISED:
            found = only_told(found, book.told_lanes(alert.alert_id))
        elif not found:
            log.warning("alert_without_route", extra=alert.log_fields())
        # a second beginning must not bear the ids of the first, or nobody would get it
        is_first = step.telling is Telling.RAISED and not book.told_lanes(alert.alert_id)
        step_no = 0 if is_first else alert.step + 1
        deliveries = [self._delivery(alert, step, recipient, step_no) for recipient in found]
        return (replace(alert, step=step_no) if deliveries else alert), deliveries

    def _recipients(self, alert: Alert, telling: Telling) -> list[Recipient]:
        """Return whom the routes tell; of a silent gateway also those who would be told of what lies behind it."""
        fields = {name: spec.address_field for name, spec in self.channels.items()}
        concerned = [alert]
        if self.index.rule_kind(alert.rule_id) == "silent":
            for device in self.index.parents.behind(alert.subject):
                place = self.index.place(subject=device.id, device_id=device.id)
                concerned.append(replace(alert, station_id=place.station_id, domain=place.domain))
        found: dict[Lane, Recipient] = {}
        for one in concerned:
            for recipient in recipients(one, self.site, fields, telling=telling):
                found.setdefault(recipient.lane, recipient)
        return list(found.values())

    def silent_parent(self, alert: Alert, book: Book) -> Alert | None:
        """Return the open alert of the nearest silent parent of what fell silent itself, None when there is none."""
        if self.index.rule_kind(alert.rule_id) != "silent":
            return None
        rules = self.index.rules_of_kind("silent")
        for ancestor in self.index.parents.ancestors(alert.device_id):
            for rule_id in rules:
                if (found := book.open_alert(rule_id, ancestor)) is not None:
                    return found
        return None

    def _delivery(self, alert: Alert, step: _Step, recipient: Recipient, step_no: int) -> Delivery:
        contact = recipient.contact
        return Delivery(
            delivery_id=delivery_id_of(alert.alert_id, step=step_no, contact_id=contact.id, channel=recipient.channel),
            alert_id=alert.alert_id,
            step=step_no,
            telling=step.telling,
            route_id=recipient.route_id,
            contact_id=contact.id,
            channel=recipient.channel,
            severity=alert.severity,
            message=self.writer.message(step.occasion, telling=step.telling, language=contact.language),
            queued_ns=step.at_ns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """What is told and since when (town time) it was to be told."""

    telling: Telling
    occasion: Occasion
    at_ns: int


def _beginning(alert: Alert, *, is_late: bool = False) -> Occasion:
    return Occasion(alert=alert, observed_ns=alert.observed_ns, value=alert.value, limit=alert.limit, is_late=is_late)
