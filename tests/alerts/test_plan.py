"""From events to case numbers and messages, without a file: what the backtest says and the service does."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from alerts.lifecycle import AGAIN_NS
from alerts.model import Alert, AlertState, Telling, Waiting
from alerts.plan import MemoryBook, PlannedDelivery, alert_as_json, delivery_as_json, plan_alerts
from devices.model import Event, Severity
from devices.site import Site
from tests.alerts.town import CONTACTS, ROUTES, T0_NS, event, planner, silent_event, site, trap_event, watch_event

H_S = 3600.0
YEAR_S = 365 * 24 * H_S
"""From 5 January 2026, so it ends in 2027."""


def plan(*events: Event, town: Site | None = None) -> tuple[list[Alert], list[PlannedDelivery]]:
    return plan_alerts(events, town or site())


def told(planned: list[PlannedDelivery]) -> list[str]:
    return [f"{p.case_no} {p.delivery.telling.value} {p.delivery.contact_id}" for p in planned]


def test_beginning_and_end_are_told_by_the_route() -> None:
    alerts, planned = plan(event(), event(state="cleared", at_s=H_S))
    assert [a.state for a in alerts] == [AlertState.RESOLVED]
    assert told(planned) == ["26-0001 raised road", "26-0001 cleared road"]
    assert [p.delivery.step for p in planned] == [0, 1]


def test_messages_are_in_the_language_of_the_reader() -> None:
    _, planned = plan(event(), trap_event(), watch_event())
    assert [p.delivery.message.language for p in planned] == ["ja", "ja_easy", "en"]


def test_case_numbers_run_by_year_of_the_town() -> None:
    rows = [event("a"), trap_event("b", at_s=1), event("c", "cleared", at_s=2), event("d", at_s=YEAR_S)]
    alerts, _ = plan(*rows)
    assert [a.case_no for a in alerts] == ["26-0001", "26-0002", "27-0001"]


def test_nobody_hears_of_an_end_who_did_not_hear_of_the_beginning() -> None:
    """The alert has become critical since, but those who hear of critical ones only were never told that it began."""
    town = site(route=[{**ROUTES[0], "severity_min": "critical"}])
    worse = event("e2", at_s=30, severity=Severity.CRITICAL)
    alerts, planned = plan(event(), worse, event("e2", "cleared", at_s=60), town=town)
    assert (alerts[0].severity, told(planned)) == (Severity.CRITICAL, [])


def test_attached_episodes_are_not_told() -> None:
    _, planned = plan(event("a"), event("b", at_s=60), event("b", at_s=61), event("b", "cleared", at_s=90))
    assert told(planned) == ["26-0001 raised road", "26-0001 cleared road"]


@pytest.mark.parametrize(
    ("raised", "is_told"),
    [
        (event(at_s=0, detected_s=6 * H_S), True),
        (event(at_s=0, detected_s=6 * H_S + 1), False),
        (trap_event(at_s=0, detected_s=48 * H_S), True),
        (silent_event(at_s=0, detected_s=48 * H_S), True),
        (watch_event(at_s=0, detected_s=48 * H_S), True),
    ],
    ids=["threshold in time", "threshold late", "trap late", "silent late", "no motion late"],
)
def test_old_news_is_history(raised: Event, is_told: bool) -> None:
    alerts, planned = plan(raised)
    assert (len(planned) > 0, alerts[0].is_history) == (is_told, not is_told)
    assert alerts[0].case_no == "26-0001"


def test_history_is_not_told_when_it_ends() -> None:
    alerts, planned = plan(event(detected_s=9 * H_S), event(state="cleared", at_s=10, detected_s=9 * H_S))
    assert (alerts[0].state, alerts[0].is_history, told(planned)) == (AlertState.RESOLVED, True, [])


def test_what_is_so_now_is_told_though_it_began_as_history() -> None:
    alerts, planned = plan(event("a", detected_s=9 * H_S), event("b", at_s=9 * H_S, value=1.6))
    assert told(planned) == ["26-0001 raised road"]
    assert (len(alerts), alerts[0].value, alerts[0].is_history) == (1, 1.6, False)


def test_a_late_trap_is_told_with_its_own_time() -> None:
    _, planned = plan(trap_event(at_s=0, detected_s=48 * H_S))
    assert "1/5 8:30" in planned[0].delivery.message.subject
    assert planned[0].delivery.queued_ns == T0_NS + int(48 * H_S) * 10**9


def test_a_correction_goes_to_those_who_were_told() -> None:
    _, planned = plan(event(), event(state="withdrawn", at_s=60))
    assert told(planned) == ["26-0001 raised road", "26-0001 withdrawn road"]


AGAIN_S = AGAIN_NS / 10**9


def test_what_begins_again_and_soon_ends_is_told_once() -> None:
    """A hub restored from a backup hears everything again."""
    said = [event(), event(state="cleared", at_s=60)]
    again = [replace(one, detected_ns=one.detected_ns + int(H_S) * 10**9) for one in said]
    alerts, planned = plan(*said, *again)
    assert (len(alerts), told(planned)) == (1, ["26-0001 raised road", "26-0001 cleared road"])


@pytest.mark.parametrize(("cleared_s", "times"), [(AGAIN_S - 1, 1), (AGAIN_S, 2)])
def test_late_data_that_undo_an_end_are_told_after_some_time_under_a_new_id(cleared_s: float, times: int) -> None:
    undone = replace(event(), detected_ns=event(at_s=100).detected_ns)
    end = event(state="cleared", at_s=100 + cleared_s)
    _, planned = plan(event(), event(state="cleared", at_s=60), undone, end)
    began = [one.delivery for one in planned if one.delivery.telling is Telling.RAISED]
    assert len({one.delivery_id for one in began}) == len(began) == times
    ended = [one.delivery for one in planned if one.delivery.telling is Telling.CLEARED]
    assert len({one.delivery_id for one in ended}) == len(ended) == times


def test_late_data_that_undo_an_end_for_good_are_told() -> None:
    alerts, planned = plan(event(), event(state="cleared", at_s=60), replace(event(), detected_ns=T0_NS + 10**11))
    assert told(planned) == ["26-0001 raised road", "26-0001 cleared road", "26-0001 raised road"]
    assert planned[-1].delivery.queued_ns == T0_NS + 10**11 + AGAIN_NS
    assert [one.is_open for one in alerts] == [True]


class TestCatchingUp:
    """An outage of the alert service itself: what is over is history, what goes on is told."""

    NOW_NS = T0_NS + int(24 * H_S) * 10**9

    def take(self, *events: Event) -> MemoryBook:
        book, by = MemoryBook(), planner()
        by.take_commit(events, book, now_ns=self.NOW_NS)
        for alert in [a for a in book.alerts.values() if a.waiting is Waiting.CATCHING_UP]:
            by.catch_up(alert, book, now_ns=self.NOW_NS)
        return book

    def test_what_goes_on_is_told_with_its_own_time(self) -> None:
        book = self.take(watch_event(), trap_event())
        assert [d.telling for d in book.deliveries] == [Telling.RAISED] * 2
        assert {a.waiting for a in book.alerts.values()} == {Waiting.NONE}
        assert "1/5 8:30" in book.deliveries[1].message.subject

    def test_what_is_over_is_history(self) -> None:
        book = self.take(event(), event(state="cleared", at_s=60))
        assert book.deliveries == []
        assert [a.is_history for a in book.alerts.values()] == [True]

    def test_what_is_recent_is_told_both_times(self) -> None:
        book = self.take(event(at_s=20 * H_S), event(state="cleared", at_s=21 * H_S))
        assert [d.telling for d in book.deliveries] == [Telling.RAISED, Telling.CLEARED]


ROWS = (event(), trap_event(at_s=5), watch_event(at_s=7), event(state="cleared", at_s=60), silent_event(at_s=90))


def as_text(town: Site | None = None) -> str:
    alerts, planned = plan(*ROWS, town=town)
    rows: list[Any] = [*map(alert_as_json, alerts), *map(delivery_as_json, planned)]
    return json.dumps(rows, ensure_ascii=False, allow_nan=False)


def test_same_events_same_bytes() -> None:
    assert as_text() == as_text()


def test_the_files_of_a_backtest_hold_no_address_and_no_contact_name() -> None:
    text = as_text()
    private = [c[key] for c in CONTACTS for key in ("name", "email", "webhook_url") if key in c]
    assert [word for word in private if word in text] == []


def test_times_are_iso_with_nanoseconds() -> None:
    alerts, planned = plan(replace(event(), value=math.nan, limit=math.nan))
    row = alert_as_json(alerts[0])
    assert (row["observed_at"], row["resolved_at"], row["value"]) == ("2026-01-04T23:30:00.000000000Z", None, None)
    assert delivery_as_json(planned[0])["queued_at"] == "2026-01-04T23:30:00.000000000Z"
