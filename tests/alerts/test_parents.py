"""A gateway falls silent and forty devices with it: one message a person, and nobody is called fine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.consume import Consumer
from alerts.model import Alert, AlertState, Waiting
from alerts.orders import ORDERS_FILE, OrderReader
from alerts.parents import Parents
from alerts.plan import MemoryBook, PlannedDelivery, plan_alerts
from alerts.store import AlertStore, open_store
from devices.model import SECOND_NS, Event
from devices.site import Site
from ingest.journal_read import EventRow
from tests.alerts.town import CONTACTS, NAMES, T0_NS, event, planner, silent_event, site

COUNT = 40
HOUR_S = 3600.0
EVERYTHING: list[dict[str, Any]] = [
    {"id": "it", "contacts": ["it"], "channels": ["smtp"], "domain": ["system", "snow"]},
    {"id": "watch", "contacts": ["family"], "channels": ["smtp"], "domain": ["watch"]},
]


def town(**changes: Any) -> Site:
    """Forty devices behind one gateway, one in a watched home among them; a gauge of its own besides."""
    devices: list[dict[str, Any]] = [
        {"id": f"d-{n}", "name": f"機器{n}", "model": "senml", "station": "bridge", "parent": "gw-01"}
        for n in range(COUNT - 1)
    ]
    devices += [
        {"id": "pir-01", "name": NAMES["motion"], "model": "senml", "station": "home-07", "parent": "gw-01"},
        {"id": "alone", "name": "alone", "model": "senml", "station": "bridge"},
    ]
    given: dict[str, Any] = {"device": devices, "route": EVERYTHING, "contact": CONTACTS, "home": [], **changes}
    return site(**given)


def silence(subject: str, state: str = "raised", *, at_s: float = 0.0) -> Event:
    return silent_event(f"silent-{subject}", state, subject=subject, device_id=subject, at_s=at_s)


def children() -> list[Event]:
    return [silence(f"d-{n}", at_s=10) for n in range(COUNT - 1)] + [silence("pir-01", at_s=10)]


def told(planned: list[PlannedDelivery]) -> list[tuple[str, str]]:
    return [(p.delivery.telling.value, p.delivery.contact_id) for p in planned]


def by_subject(alerts: list[Alert]) -> dict[str, Alert]:
    return {alert.subject: alert for alert in alerts}


@pytest.mark.bad_input(73)
@pytest.mark.lesson(24)
def test_forty_silent_devices_behind_a_silent_gateway_are_one_message_a_person() -> None:
    alerts, planned = plan_alerts([silence("gw-01"), *children()], town())

    assert told(planned) == [("raised", "it"), ("raised", "family")]
    assert len(alerts) == COUNT + 1
    assert {a.waiting for a in alerts if a.subject != "gw-01"} == {Waiting.EXPLAINED}
    assert {a.note for a in alerts if a.subject != "gw-01"} == {"parent:gw-01"}
    assert {a.state for a in alerts} == {AlertState.FIRING}  # unknown on the page, never fine


@pytest.mark.bad_input(73)
def test_what_comes_in_one_commit_is_put_in_order() -> None:
    book = MemoryBook()

    planner(town()).take_commit([*children(), silence("gw-01")], book, now_ns=T0_NS)

    assert [d.contact_id for d in book.deliveries] == ["it", "family"]


def test_the_message_says_how_much_is_not_heard_and_where() -> None:
    _, planned = plan_alerts([silence("gw-01")], town())

    body = planned[0].delivery.message.body
    assert "ここを通る機器40台（上川橋、ほか）の様子も分かりません。正常という意味ではありません。" in body
    assert NAMES["home"] not in body


def test_a_device_of_its_own_is_told_as_ever() -> None:
    _, planned = plan_alerts([silence("gw-01"), silence("alone", at_s=10)], town())

    assert told(planned) == [("raised", "it"), ("raised", "family"), ("raised", "it")]


def test_a_device_behind_a_gateway_that_is_heard_is_told() -> None:
    _, planned = plan_alerts([silence("gw-01"), silence("gw-01", "cleared", at_s=5), silence("d-1", at_s=10)], town())

    assert told(planned)[-1] == ("raised", "it")
    assert "ゲートウェイ" not in planned[-1].delivery.message.body


def test_what_nobody_was_told_of_the_parent_is_told_of_the_child() -> None:
    only_snow = [{**EVERYTHING[0], "rule": ["device-silent"], "station": ["bridge"], "severity_min": "critical"}]
    _, planned = plan_alerts([silence("gw-01"), silence("d-1", at_s=10)], town(route=only_snow))
    assert told(planned) == []

    book = MemoryBook()
    by = planner(town(route=[]))
    by.take(silence("gw-01"), book, now_ns=T0_NS)
    planner(town()).take(silence("d-1", at_s=10), book, now_ns=T0_NS)
    assert [(d.contact_id, book.alerts[d.alert_id].note) for d in book.deliveries] == [("it", "parent:gw-01")]
    assert f"この機器が通る{NAMES['gateway']}からも届いていません" in book.deliveries[0].message.body


def test_who_did_not_hear_that_it_began_does_not_hear_that_it_ended() -> None:
    events = [
        silence("gw-01"),
        silence("d-1", at_s=10),
        silence("d-1", "cleared", at_s=20),
        silence("gw-01", "cleared", at_s=30),
    ]
    alerts, planned = plan_alerts(events, town())

    assert told(planned) == [("raised", "it"), ("raised", "family"), ("cleared", "it"), ("cleared", "family")]
    assert {a.state for a in alerts} == {AlertState.RESOLVED}


def test_other_kinds_of_alert_are_not_explained_by_silence() -> None:
    _, planned = plan_alerts([silence("gw-01"), event(subject="d-1", device_id="d-1", at_s=10)], town())

    assert told(planned)[-1] == ("raised", "it")


class Service:
    """A consumer over a store, fed by hand."""

    def __init__(self, folder: Path) -> None:
        self.rows: list[EventRow] = []
        self.store: AlertStore = open_store(folder / "alerts.db", now_ns=0)
        self.orders = OrderReader(folder / ORDERS_FILE)
        self.restart()

    def restart(self) -> None:
        self.consumer = Consumer(journal=self, orders=self.orders, store=self.store, planner=planner(town()))

    def journal_id(self) -> str:
        return "j1"

    def events_after(self, event_no: int, *, limit: int = 1000) -> list[EventRow]:
        return [row for row in self.rows if row.event_no > event_no][:limit]

    def heartbeat_ns(self) -> int:
        return 0

    def take(self, *events: Event, at_s: float) -> list[str]:
        """Take events in at a time; return who has been told of what since the beginning."""
        first = len(self.rows) + 1
        self.rows += [EventRow(event_no=first + n, commit_no=first, event=one) for n, one in enumerate(events)]
        self.consumer.take_events(now_ns=T0_NS + round(at_s * SECOND_NS))
        sql = "SELECT alerts.subject FROM deliveries JOIN alerts USING (alert_id) ORDER BY delivery_no"
        rows = self.store.rows(sql)
        return [str(row[0]) for row in rows]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.store.close()
    service.orders.close()


PATIENCE_S = 3 * 600 + 600


def test_a_device_that_stays_silent_when_its_gateway_is_back_is_told_after_all(service: Service) -> None:
    service.take(silence("gw-01"), silence("d-1", at_s=10), at_s=20)
    back_s = HOUR_S
    assert service.take(silence("gw-01", "cleared", at_s=back_s), at_s=back_s) == ["gw-01"] * 4
    assert service.take(at_s=back_s + PATIENCE_S - 1) == ["gw-01"] * 4
    assert service.take(at_s=back_s + PATIENCE_S) == ["gw-01"] * 4 + ["d-1"]
    assert service.take(at_s=back_s + 2 * PATIENCE_S) == ["gw-01"] * 4 + ["d-1"]
    assert service.take(silence("d-1", "cleared", at_s=3 * HOUR_S), at_s=3 * HOUR_S) == ["gw-01"] * 4 + ["d-1"] * 2


def test_a_device_that_comes_back_with_its_gateway_is_not_told(service: Service) -> None:
    service.take(silence("gw-01"), silence("d-1", at_s=10), at_s=20)
    service.take(
        silence("gw-01", "cleared", at_s=HOUR_S), silence("d-1", "cleared", at_s=HOUR_S + 60), at_s=HOUR_S + 60
    )

    assert service.take(at_s=3 * HOUR_S) == ["gw-01"] * 4


def test_a_gateway_that_falls_silent_again_explains_again(service: Service) -> None:
    service.take(silence("gw-01"), silence("d-1", at_s=10), at_s=20)
    service.take(silence("gw-01", "cleared", at_s=HOUR_S), at_s=HOUR_S)
    again = silent_event("silent-again", subject="gw-01", device_id="gw-01", at_s=HOUR_S + 600)
    service.take(again, at_s=HOUR_S + 600)
    service.restart()

    assert "d-1" not in service.take(at_s=9 * HOUR_S)


def test_ties_of_a_site() -> None:
    gateway = {
        "id": "gw-01", "name": "g", "source": [{"kind": "serial", "port": "/dev/x", "devices": ["a", "b"]}],
    }  # fmt: skip
    devices = [
        {"id": name, "name": name, "model": "senml", "station": "bridge", "parent": parent}
        for name, parent in (("a", ""), ("b", "c"), ("c", "gw-01"), ("d", "d"))
    ]
    ties = Parents(site(gateway=[gateway], device=devices, home=[]))

    assert {one: ties.ancestors(one) for one in "abcd"} == {
        "a": ("gw-01",), "b": ("c", "gw-01"), "c": ("gw-01",), "d": (),
    }  # fmt: skip
    assert [device.id for device in ties.behind("gw-01")] == ["a", "b", "c"]
    assert ties.patience_ns("a", "no-such-rule") == PATIENCE_S * SECOND_NS
