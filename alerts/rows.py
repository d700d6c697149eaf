"""Rows of `alerts.db` to Alert, Delivery and Episode and back; the order of columns stands here and nowhere else."""

from __future__ import annotations

import math
from typing import Any

from alerts.lifecycle import Episode
from alerts.model import Alert, AlertState, Delivery, DeliveryState, Message, Telling, Waiting
from devices.model import EventState, Severity

Row = tuple[Any, ...]

ALERT_COLUMNS = (
    "alert_id, case_no, rule_id, subject, device_id, station_id, domain, quantity, state, severity, opened_ns,"
    " observed_ns, value, limit_value, event_id, resolved_ns, acknowledged_ns, acknowledged_by, waiting, note, step,"
    " text_ja, text_ja_easy, text_en, change_no"
)
DELIVERY_COLUMNS = (
    "delivery_id, alert_id, step, telling, route_id, contact_id, channel, severity, subject, body, language, queued_ns,"
    " state, attempts, next_ns, lease_until_ns, accepted_ns, provider_ref, error"
)
EPISODE_COLUMNS = "event_id, alert_id, openings, raised_ns, end_state"


def _select(table: str, columns: str) -> str:
    return f"SELECT {columns} FROM {table}"  # noqa: S608 - constants of this file


def _upsert(table: str, columns: str) -> str:
    """Return the statement that writes a row or brings the one with its key up to date.

    A REPLACE would delete the old row, and with it what refers to it.
    """
    key, *others = columns.split(", ")
    marks = ", ".join("?" * (len(others) + 1))
    changes = ", ".join(f"{name} = excluded.{name}" for name in others)
    return f"INSERT INTO {table} ({columns}) VALUES ({marks}) ON CONFLICT ({key}) DO UPDATE SET {changes}"  # noqa: S608


SELECT_ALERT = _select("alerts", ALERT_COLUMNS)
SELECT_DELIVERY = _select("deliveries", DELIVERY_COLUMNS)
SELECT_EPISODE = _select("episodes", EPISODE_COLUMNS)
UPSERT_ALERT = _upsert("alerts", ALERT_COLUMNS)
UPSERT_EPISODE = _upsert("episodes", EPISODE_COLUMNS)
# a delivery that is in the ledger already is never queued again
QUEUE_DELIVERY = (
    f"INSERT OR IGNORE INTO deliveries ({DELIVERY_COLUMNS})"  # noqa: S608 - constants of this file
    f" VALUES ({', '.join('?' * (DELIVERY_COLUMNS.count(',') + 1))})"
)


def alert_of(row: Row) -> Alert:
    """Return the alert in a row of ALERT_COLUMNS."""
    (alert_id, case_no, rule_id, subject, device_id, station_id, domain, quantity, state, severity, opened_ns,
     observed_ns, value, limit, event_id, resolved_ns, acknowledged_ns, acknowledged_by, waiting, note, step,
     text_ja, text_ja_easy, text_en, change_no) = row  # fmt: skip
    return Alert(
        alert_id=alert_id,
        case_no=case_no,
        rule_id=rule_id,
        subject=subject,
        device_id=device_id,
        station_id=station_id,
        domain=domain,
        quantity=quantity,
        state=AlertState(state),
        severity=Severity(severity),
        opened_ns=opened_ns,
        observed_ns=observed_ns,
        value=_number_or_nan(value),
        limit=_number_or_nan(limit),
        event_id=event_id,
        resolved_ns=resolved_ns,
        acknowledged_ns=acknowledged_ns,
        acknowledged_by=acknowledged_by,
        waiting=Waiting(waiting),
        note=note,
        step=step,
        text_ja=text_ja,
        text_ja_easy=text_ja_easy,
        text_en=text_en,
        change_no=change_no,
    )


def alert_row(alert: Alert) -> Row:
    """Return the row of ALERT_COLUMNS that holds `alert`."""
    return (
        alert.alert_id,
        alert.case_no,
        alert.rule_id,
        alert.subject,
        alert.device_id,
        alert.station_id,
        alert.domain,
        alert.quantity,
        alert.state.value,
        int(alert.severity),
        alert.opened_ns,
        alert.observed_ns,
        alert.value,
        alert.limit,
        alert.event_id,
        alert.resolved_ns,
        alert.acknowledged_ns,
        alert.acknowledged_by,
        alert.waiting.value,
        alert.note,
        alert.step,
        alert.text_ja,
        alert.text_ja_easy,
        alert.text_en,
        alert.change_no,
    )


def delivery_of(row: Row) -> Delivery:
    """Return the delivery in a row of DELIVERY_COLUMNS."""
    (delivery_id, alert_id, step, telling, route_id, contact_id, channel, severity, subject, body, language, queued_ns,
     state, attempts, next_ns, lease_until_ns, accepted_ns, provider_ref, error) = row  # fmt: skip
    return Delivery(
        delivery_id=delivery_id,
        alert_id=alert_id,
        step=step,
        telling=Telling(telling),
        route_id=route_id,
        contact_id=contact_id,
        channel=channel,
        severity=Severity(severity),
        message=Message(subject=subject, body=body, language=language),
        queued_ns=queued_ns,
        state=DeliveryState(state),
        attempts=attempts,
        next_ns=next_ns,
        lease_until_ns=lease_until_ns,
        accepted_ns=accepted_ns,
        provider_ref=provider_ref,
        error=error,
    )


def delivery_row(delivery: Delivery) -> Row:
    """Return the row of DELIVERY_COLUMNS that holds `delivery`."""
    return (
        delivery.delivery_id,
        delivery.alert_id,
        delivery.step,
        delivery.telling.value,
        delivery.route_id,
        delivery.contact_id,
        delivery.channel,
        int(delivery.severity),
        delivery.message.subject,
        delivery.message.body,
        delivery.message.language,
        delivery.queued_ns,
        delivery.state.value,
        delivery.attempts,
        delivery.next_ns,
        delivery.lease_until_ns,
        delivery.accepted_ns,
        delivery.provider_ref,
        delivery.error,
    )


def episode_of(row: Row) -> Episode:
    """Return the episode in a row of EPISODE_COLUMNS."""
    event_id, alert_id, openings, raised_ns, end_state = row
    return Episode(
        event_id=event_id, alert_id=alert_id, openings=openings, raised_ns=raised_ns,
        end_state=EventState(end_state) if end_state else None,
    )  # fmt: skip


def episode_row(episode: Episode) -> Row:
    """Return the row of EPISODE_COLUMNS that holds `episode`."""
    end_state = "" if episode.end_state is None else episode.end_state.value
    return (episode.event_id, episode.alert_id, episode.openings, episode.raised_ns, end_state)


def _number_or_nan(value: float | None) -> float:
    return math.nan if value is None else value
