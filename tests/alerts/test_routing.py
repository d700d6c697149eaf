"""Whom one route table tells of what."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.model import AddressField, Alert, Lane, Telling
from alerts.routing import INGEST_SILENT, only_told, recipients
from devices.model import Severity
from tests.alerts.town import ROUTES, alert, site

FIELDS: dict[str, AddressField] = {"smtp": "email", "webhook": "webhook_url"}
INGEST = alert(rule_id=INGEST_SILENT, subject="ingest", domain="system", station_id="", severity=Severity.CRITICAL)


def told(routes: list[dict[str, Any]], of: Alert, *, telling: Telling = Telling.RAISED) -> list[str]:
    found = recipients(of, site(route=routes), FIELDS, telling=telling)
    return [f"{r.route_id}:{r.contact.id}:{r.channel}" for r in found]


def route(**fields: Any) -> dict[str, Any]:
    return {"id": "r", "contacts": ["road"], "channels": ["smtp"], **fields}


@pytest.mark.parametrize(
    ("fields", "is_told"),
    [
        ({}, True),
        ({"domain": ["snow"]}, True),
        ({"domain": ["watch", "snow"]}, True),
        ({"domain": ["watch"]}, False),
        ({"station": ["bridge"]}, True),
        ({"station": ["sugisawa"]}, False),
        ({"rule": ["snow-depth"]}, True),
        ({"rule": ["trap-sprung"]}, False),
        ({"severity_min": "warning"}, True),
        ({"severity_min": "critical"}, False),
        ({"domain": ["snow"], "rule": ["trap-sprung"]}, False),
    ],
    ids=str,
)
def test_a_route_matches_when_every_given_field_fits(fields: dict[str, Any], is_told: bool) -> None:
    assert told([route(**fields)], alert()) == (["r:road:smtp"] if is_told else [])


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ([route(contacts=["road", "it"])], ["r:road:smtp", "r:it:smtp"]),
        ([route(channels=["smtp", "webhook"])], ["r:road:smtp", "r:road:webhook"]),
        ([route(contacts=["it"], channels=["webhook", "smtp"])], ["r:it:smtp"]),
        ([route(id="a"), route(id="b")], ["a:road:smtp"]),
        ([route(id="a"), route(id="b", contacts=["it", "road"])], ["a:road:smtp", "b:it:smtp"]),
        ([route(contacts=["nobody"])], []),
        ([route(channels=["pigeon"])], []),
        ([], []),
    ],
    ids=str,
)
def test_everybody_is_told_once_by_each_channel(routes: list[dict[str, Any]], expected: list[str]) -> None:
    assert told(routes, alert()) == expected


@pytest.mark.parametrize(
    ("telling", "is_told"), [(Telling.RAISED, True), (Telling.CLEARED, False), (Telling.WITHDRAWN, True)]
)
def test_a_route_may_leave_out_the_end_but_not_a_correction(telling: Telling, is_told: bool) -> None:
    assert told([route(tell_cleared=False)], alert(), telling=telling) == (["r:road:smtp"] if is_told else [])


def test_ingest_silent_goes_by_the_routes_of_the_system() -> None:
    assert told([*ROUTES, route(domain=["system"], contacts=["it"])], INGEST) == ["r:it:smtp"]


def test_ingest_silent_goes_to_everybody_when_no_route_is_for_it() -> None:
    assert told(ROUTES, INGEST) == ["roads:road:smtp", "traps:hunter:smtp", "watch:family:smtp", "silence:it:smtp"]


def test_another_alert_of_the_system_does_not_go_to_everybody() -> None:
    assert told(ROUTES, alert(rule_id="snow-depth", domain="system", station_id="")) == []


def test_only_those_who_know_of_the_beginning_hear_of_the_end() -> None:
    town = site(route=[route(contacts=["road", "it"])])
    found = recipients(alert(), town, FIELDS, telling=Telling.CLEARED)
    assert [r.contact.id for r in only_told(found, {Lane(channel="smtp", contact_id="it")})] == ["it"]
