"""Alerts and acknowledgements: by the page, by programs, by the link in a message."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from alerts.links import Ticket, load_secret, sign
from alerts.model import AlertState
from alerts.orders import OrderReader
from devices.model import SECOND_NS
from tests.api.world import World, an_alert
from tests.support import wait_until

ALERT_ID = "a" * 32
ACKNOWLEDGE = f"/api/v1/alerts/{ALERT_ID}/acknowledge"


@pytest.fixture
def alerted(world: World, client: TestClient) -> TestClient:
    world.alerts.put(an_alert(opened_ns=world.now_ns()))
    return client


def orders(world: World) -> list[tuple[str, str, str]]:
    reader = OrderReader(world.folder / "orders.db")
    found = [row.acknowledgement for row in reader.orders_after(0)]
    reader.close()
    return [(order.alert_id, order.by, order.via) for order in found]


def token(world: World, *, valid_s: int = 60, alert_id: str = ALERT_ID) -> str:
    ticket = Ticket(alert_id=alert_id, contact_id="road-office", expires_ns=world.now_ns() + valid_s * SECOND_NS)
    return sign(ticket, load_secret(world.folder))


def test_an_alert_speaks_three_languages(alerted: TestClient) -> None:
    (alert,) = alerted.get("/api/v1/alerts").json()["alerts"]
    assert alert["text_ja"].startswith("【除雪の目安】")
    assert "ゆき" in alert["text_ja_easy"]
    assert alert["text_en"].startswith("Snow depth")
    assert (alert["state"], alert["severity"], alert["station_name"]) == ("firing", "critical", "国道17号 三俣")
    assert (alert["acknowledged_at"], alert["acknowledged_by"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 2), ("?state=firing", 1), ("?state=resolved", 1), ("?state=firing&state=resolved", 2), ("?limit=1", 1)],
)
def test_alerts_by_state(world: World, alerted: TestClient, query: str, count: int) -> None:
    over = replace(an_alert("b" * 32, opened_ns=world.now_ns()), state=AlertState.RESOLVED, resolved_ns=world.now_ns())
    world.alerts.put(over)
    assert len(alerted.get(f"/api/v1/alerts{query}").json()["alerts"]) == count


def test_acknowledging_is_an_order_on_disk(world: World, alerted: TestClient) -> None:
    body = alerted.post(ACKNOWLEDGE, json={"by": " 役場 当番 "}).json()
    assert (body["alert_id"], body["by"]) == (ALERT_ID, "役場 当番")
    assert orders(world) == [(ALERT_ID, "役場 当番", "api")]


def test_acknowledging_twice_is_one_order(world: World, alerted: TestClient) -> None:
    first, second = (alerted.post(ACKNOWLEDGE, json={"by": "x"}).json() for _ in range(2))
    assert first == second
    assert len(orders(world)) == 1


def test_a_browser_is_told_from_a_program(world: World, alerted: TestClient) -> None:
    alerted.post(ACKNOWLEDGE, json={"by": "x"}, headers={"sec-fetch-site": "same-origin"})
    assert orders(world) == [(ALERT_ID, "x", "page")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b'{"by": ""}',
        b'{"by": "   "}',
        b'{"by": 7}',
        b'{"by": null}',
        b'{"by": "x", "more": 1}',
        b'{"by": "' + b"x" * 101 + b'"}',
        b'{"by": "\\ud800"}',
        b'{"\\ud800": 1, "by": "x"}',
        b'{"by": NaN}',
        b"\xff\xfe",
        b'{"by": ' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
    ids=range(16),
)
def test_a_bad_order_is_refused_not_recorded(world: World, alerted: TestClient, body: bytes) -> None:
    answer = alerted.post(ACKNOWLEDGE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.json()["detail"]
    assert orders(world) == []


def test_what_is_not_there_cannot_be_acknowledged(world: World, client: TestClient) -> None:
    assert client.post(ACKNOWLEDGE, json={"by": "x"}).status_code == 404
    assert orders(world) == []


def test_a_link_shows_its_alert_and_changes_nothing(world: World, alerted: TestClient) -> None:
    body = alerted.post("/api/v1/links/show", json={"token": token(world)}).json()
    assert (body["alert"]["alert_id"], body["by"]) == (ALERT_ID, "道路係 当番")
    assert orders(world) == []


def test_a_link_acknowledges_for_its_contact(world: World, alerted: TestClient) -> None:
    body = alerted.post("/api/v1/links/acknowledge", json={"token": token(world)}).json()
    assert body["by"] == "道路係 当番"
    assert orders(world) == [(ALERT_ID, "road-office", "link")]


@pytest.mark.parametrize("verb", ["show", "acknowledge"])
def test_an_expired_link_says_so(world: World, alerted: TestClient, verb: str) -> None:
    old = token(world, valid_s=-2)
    assert alerted.post(f"/api/v1/links/{verb}", json={"token": old}).status_code == 410
    assert orders(world) == []


@pytest.mark.parametrize("change", ["cut", "other", "empty", "text"])
def test_a_changed_link_is_refused(world: World, alerted: TestClient, change: str) -> None:
    good = token(world)
    bad = {"cut": good[:-3], "other": good[:10] + "AAAA" + good[14:], "empty": ".", "text": "確認"}[change]
    assert alerted.post("/api/v1/links/acknowledge", json={"token": bad}).status_code == 404
    assert orders(world) == []


def test_a_link_to_an_alert_that_is_gone(world: World, client: TestClient) -> None:
    assert client.post("/api/v1/links/show", json={"token": token(world)}).status_code == 404


def test_the_link_page_is_one_static_file(client: TestClient) -> None:
    answer = client.get("/a")
    assert answer.headers["content-type"].startswith("text/html")
    assert "acknowledge.js" in answer.text


def test_names_of_contacts_are_shown(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    seen = replace(
        an_alert(opened_ns=now_ns),
        state=AlertState.ACKNOWLEDGED,
        acknowledged_ns=now_ns,
        acknowledged_by="road-office",
    )
    world.alerts.put(seen)
    alert = client.get(f"/api/v1/alerts/{ALERT_ID}").json()
    assert alert["acknowledged_by"] == "道路係 当番"
    assert alert["acknowledged_at"].endswith("Z")


def test_an_order_reaches_the_alert_service_and_comes_back(world: World, alerted: TestClient) -> None:
    world.alerts.close()
    site = Path(__file__).with_name("town.toml")
    command = [sys.executable, "-m", "alerts", "--site", str(site), "--data", str(world.folder)]
    service = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        alerted.post(ACKNOWLEDGE, json={"by": "道路係"})
        found = wait_until(lambda: _acknowledged(alerted), 30, what="the alert is acknowledged")
    finally:
        service.terminate()
        _, log = service.communicate(timeout=15)
    assert (found["acknowledged_by"], found["case_no"]) == ("道路係", "2026-aaaa")
    assert "Traceback" not in log


def _acknowledged(client: TestClient) -> dict[str, Any]:
    alert: dict[str, Any] = client.get(f"/api/v1/alerts/{ALERT_ID}").json()
    return alert if alert["state"] == "acknowledged" else {}
