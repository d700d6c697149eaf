"""A town of all three domains, events in it, and a journal of a few rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from alerts.model import Alert, AlertState, Delivery, Message, Outgoing, Telling, delivery_id_of
from alerts.plan import make_planner
from alerts.planner import Planner
from devices.model import SECOND_NS, Event, EventState, Severity
from devices.site import Site
from ingest.journal_read import EventRow
from ingest.journal_schema import SCHEMA, connect_writer

T0_NS = 1_767_569_400 * SECOND_NS
"""2026-01-05 08:30 in Japan."""
HOUR_NS = 3600 * SECOND_NS

FAST_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Where many small files may be made without wearing a disk; None = the usual place."""

NAMES = {
    "town": "ゆきもり町",
    "bridge": "上川橋",
    "traps": "杉沢 わな地区",
    "home": "大字上川 12-3 佐藤",
    "gauge": "上川橋 積雪計",
    "trap": "箱わな 1 号",
    "motion": "居間の人感センサー",
    "gateway": "役場のゲートウェイ",
}

CONTACTS: list[dict[str, str]] = [
    {"id": "road", "name": "道路係 当番", "email": "road.duty@town.example", "webhook_url": "http://127.0.0.1:9/hook"},
    {"id": "hunter", "name": "猟友会 鈴木", "email": "suzuki@hunters.example", "language": "ja_easy"},
    {"id": "family", "name": "佐藤 花子", "email": "hanako.sato@family.example", "language": "en"},
    {"id": "it", "name": "情報係", "email": "it@town.example"},
]
ROUTES: list[dict[str, Any]] = [
    {"id": "roads", "contacts": ["road"], "channels": ["smtp"], "domain": ["snow"]},
    {"id": "traps", "contacts": ["hunter"], "channels": ["smtp"], "domain": ["wildlife"]},
    {"id": "watch", "contacts": ["family"], "channels": ["smtp"], "domain": ["watch"], "rule": ["no-motion"]},
    {"id": "silence", "contacts": ["it"], "channels": ["smtp"], "rule": ["device-silent"]},
]


def site(**changes: Any) -> Site:
    """Give the town; `changes` replace whole tables of it."""
    tables: dict[str, Any] = {
        "version": 1,
        "town": {"id": "yukimori", "name": NAMES["town"], "office_phone": "0000-00-0000"},
        "alerting": {"base_url": "https://yukimori.example"},
        "channel": {"smtp": {"host": "127.0.0.1", "port": 25, "sender": "satomori@town.example"}},
        "station": [
            {"id": "bridge", "name": NAMES["bridge"], "domain": "snow"},
            {"id": "sugisawa", "name": NAMES["traps"], "domain": "wildlife"},
            {"id": "home-07", "name": NAMES["home"], "domain": "watch"},
        ],
        "gateway": [{"id": "gw-01", "name": NAMES["gateway"], "station": "bridge"}],
        "device": [
            {"id": "snow-01", "name": NAMES["gauge"], "model": "maxbotix_mb7374", "station": "bridge"},
            {"id": "trap-01", "name": NAMES["trap"], "model": "milesight_em300_mcs", "station": "sugisawa"},
            {"id": "pir-01", "name": NAMES["motion"], "model": "aqara_rtcgq11lm", "station": "home-07"},
        ],
        "home": [{"id": "person-07", "station": "home-07", "devices": ["pir-01"]}],
        "contact": CONTACTS,
        "rule": [
            {"id": "snow-depth", "kind": "threshold", "domain": "snow", "quantity": "snow_depth"},
            {"id": "trap-sprung", "kind": "contact_event", "domain": "wildlife"},
            {"id": "no-motion", "kind": "no_motion", "domain": "watch"},
            {"id": "trap-moved", "kind": "trap_moved", "domain": "wildlife"},
            {"id": "device-silent", "kind": "silent"},
        ],
        "route": ROUTES,
        **changes,
    }
    return Site.model_validate(tables)


def planner(town: Site | None = None) -> Planner:
    return make_planner(town or site())


def event(event_id: str = "e1", state: str = "raised", *, at_s: float = 0.0, **fields: Any) -> Event:
    """Give an event of the snow gauge at T0 + at_s, detected at once unless `detected_s` says otherwise."""
    detected_s = fields.pop("detected_s", at_s)
    given: dict[str, Any] = {
        "rule_id": "snow-depth",
        "subject": "snow-01",
        "device_id": "snow-01",
        "quantity": "snow_depth",
        "severity": Severity.WARNING,
        "value": 1.52,
        "limit": 1.5,
        **fields,
    }
    return Event(
        event_id=event_id,
        state=EventState(state),
        observed_ns=T0_NS + int(at_s * SECOND_NS),
        detected_ns=T0_NS + int(detected_s * SECOND_NS),
        **given,
    )


def trap_event(event_id: str = "t1", state: str = "raised", **fields: Any) -> Event:
    given: dict[str, Any] = {
        "rule_id": "trap-sprung",
        "subject": "trap-01",
        "device_id": "trap-01",
        "quantity": "contact_open",
        "severity": Severity.CRITICAL,
        **fields,
    }
    return event(event_id, state, **given)


def watch_event(event_id: str = "w1", state: str = "raised", **fields: Any) -> Event:
    given: dict[str, Any] = {
        "rule_id": "no-motion",
        "subject": "person-07",
        "device_id": "pir-01",
        "quantity": "occupancy",
        "severity": Severity.LIFE,
        "value": math.nan,
        "limit": math.nan,
        **fields,
    }
    return event(event_id, state, **given)


def silent_event(event_id: str = "s1", state: str = "raised", **fields: Any) -> Event:
    given: dict[str, Any] = {"rule_id": "device-silent", "quantity": "", "value": math.nan, "limit": math.nan, **fields}
    return event(event_id, state, **given)


def alert(**fields: Any) -> Alert:
    """Give an open alert of the snow gauge."""
    given: dict[str, Any] = {
        "alert_id": "a1",
        "case_no": "26-0012",
        "rule_id": "snow-depth",
        "subject": "snow-01",
        "device_id": "snow-01",
        "station_id": "bridge",
        "domain": "snow",
        "quantity": "snow_depth",
        "state": AlertState.FIRING,
        "severity": Severity.WARNING,
        "opened_ns": T0_NS,
        "observed_ns": T0_NS,
        "value": 1.52,
        "limit": 1.5,
        "event_id": "e1",
        **fields,
    }
    return Alert(**given)


def delivery(alert_id: str = "a1", *, contact_id: str = "road", channel: str = "smtp", **fields: Any) -> Delivery:
    given: dict[str, Any] = {
        "step": 0,
        "telling": Telling.RAISED,
        "severity": Severity.WARNING,
        "route_id": "roads",
        "message": Message(subject="【除雪の目安】", body="本文", language="ja"),
        "queued_ns": T0_NS,
        **fields,
    }
    delivery_id = delivery_id_of(alert_id, step=given["step"], contact_id=contact_id, channel=channel)
    return Delivery(delivery_id=delivery_id, alert_id=alert_id, contact_id=contact_id, channel=channel, **given)


def outgoing(address: str, *, delivery_id: str = "d1", **fields: Any) -> Outgoing:
    given: dict[str, Any] = {
        "message": Message(subject="【わな】箱わな 1 号 受付26-0012", body="本文\n二行目", language="ja"),
        "alert_id": "a1",
        "case_no": "26-0012",
        "telling": Telling.RAISED,
        "severity": Severity.CRITICAL,
        "domain": "wildlife",
        "queued_ns": T0_NS,
        "ack_url": "https://yukimori.example/a#t=token",
        **fields,
    }
    return Outgoing(delivery_id=delivery_id, address=address, **given)


class MemoryJournal:
    """The journal's reader over a list; each call of `commit` is one commit."""

    def __init__(self) -> None:
        self.name = "first"
        self.rows: list[EventRow] = []
        self.beats_ns = 0

    def journal_id(self) -> str:
        return self.name

    def commit(self, *events: Event) -> None:
        commit_no = self.rows[-1].commit_no + 1 if self.rows else 1
        for one in events:
            event_no = self.rows[-1].event_no + 1 if self.rows else 1
            self.rows.append(EventRow(event_no=event_no, commit_no=commit_no, event=one))

    def events_after(self, event_no: int, *, limit: int = 1000) -> list[EventRow]:
        return [row for row in self.rows if row.event_no > event_no][:limit]

    def heartbeat_ns(self) -> int:
        return self.beats_ns


class JournalFile:
    """`journal.db` with nothing but events and a heartbeat, as ingest would write them."""

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        self._connection = connect_writer(path)
        for statement in SCHEMA if is_new else ():
            self._connection.execute(statement)

    def commit(self, events: Sequence[Event]) -> None:
        rows = [
            (
                None, 0, e.event_id, e.rule_id, e.subject, e.device_id, e.quantity, e.state.value, int(e.severity),
                e.observed_ns, e.detected_ns, e.value, e.limit,
            )
            for e in events
        ]  # fmt: skip
        self._connection.execute("BEGIN IMMEDIATE")
        commit_no = self._connection.execute("UPDATE pulse SET commit_no = commit_no + 1 RETURNING commit_no")
        number = commit_no.fetchone()[0]
        marks = ", ".join("?" * 13)
        self._connection.executemany(
            f"INSERT INTO event_log VALUES ({marks})", [(row[0], number, *row[2:]) for row in rows]
        )
        self._connection.execute("COMMIT")

    def beat(self, now_ns: int) -> None:
        self._connection.execute("UPDATE pulse SET heartbeat_ns = ?", (now_ns,))

    def close(self) -> None:
        self._connection.close()


def shifted(one: Event, *, by_s: float) -> Event:
    """Give the event with its own time moved."""
    return replace(one, observed_ns=one.observed_ns + int(by_s * SECOND_NS))
