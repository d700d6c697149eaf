"""Which message is due, who holds it, and what is written down when an attempt ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.ledger import BACKOFF_MOST_S, Ledger, Result, backoff_s
from alerts.model import Delivery, DeliveryState, Telling
from alerts.store import AlertStore, open_store
from alerts.store_read import AlertsReader
from devices.model import SECOND_NS, Severity
from tests.alerts.town import T0_NS, alert, delivery

NOW_NS = 1_800_000_000 * SECOND_NS
LEASE_S = 120.0


class Desk:
    """A ledger over a file with a few alerts, and short words for its states."""

    def __init__(self, path: Path) -> None:
        self.store: AlertStore = open_store(path, now_ns=0)
        self.ledger = Ledger(self.store, lease_s=LEASE_S)
        self.reader = AlertsReader(path)

    def queue(self, *deliveries: Delivery) -> None:
        with self.store.transaction():
            for alert_id in sorted({d.alert_id for d in deliveries}):
                self.store.save(alert(alert_id=alert_id, case_no=alert_id, subject=alert_id), None, ())
            self.store.save(None, None, deliveries)

    def due(self, *, after_s: float = 0.0) -> list[Delivery]:
        return self.ledger.due(real_ns=NOW_NS + int(after_s * SECOND_NS))

    def claim(self, *, after_s: float = 0.0) -> list[Delivery]:
        return self.ledger.claim(self.due(after_s=after_s), real_ns=NOW_NS + int(after_s * SECOND_NS))

    def record(self, *results: Result, after_s: float = 0.0) -> None:
        self.ledger.record(results, town_ns=T0_NS, real_ns=NOW_NS + int(after_s * SECOND_NS))

    def row(self, of: Delivery) -> Delivery:
        return next(d for d in self.reader.deliveries(of.alert_id) if d.delivery_id == of.delivery_id)

    def close(self) -> None:
        self.store.close()
        self.reader.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "alerts.db")
    yield desk
    desk.close()


A, B = delivery("a"), delivery("b")
OTHER_LANE = delivery("a", contact_id="it")
URGENT = delivery("c", severity=Severity.LIFE)
END_OF_A = delivery("a", step=1, telling=Telling.CLEARED)


def ids(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return [(d.alert_id, d.contact_id) for d in deliveries]


def test_each_lane_gives_its_first_message(desk: Desk) -> None:
    desk.queue(A, B, OTHER_LANE)
    assert ids(desk.due()) == [("a", "road"), ("a", "it")]


def test_the_most_urgent_goes_first_in_a_lane_and_among_lanes(desk: Desk) -> None:
    desk.queue(A, OTHER_LANE, URGENT)
    assert ids(desk.due()) == [("c", "road"), ("a", "it")]


def test_what_is_claimed_is_nobody_elses(desk: Desk) -> None:
    desk.queue(A)
    (claimed,) = desk.claim()
    assert (claimed.state, claimed.attempts) == (DeliveryState.SENDING, 1)
    assert claimed.lease_until_ns == NOW_NS + int(LEASE_S * SECOND_NS)
    assert desk.row(A) == claimed
    assert desk.due(after_s=LEASE_S - 1) == []


def test_an_expired_lease_is_taken_up_again(desk: Desk) -> None:
    desk.queue(A)
    desk.claim()
    (again,) = desk.claim(after_s=LEASE_S)
    assert again.attempts == 2


def test_what_a_dead_process_held_is_taken_over_at_once(desk: Desk) -> None:
    desk.queue(A, OTHER_LANE)
    desk.claim()
    assert (desk.ledger.take_over(), desk.ledger.take_over()) == (2, 0)
    assert [d.attempts for d in desk.due()] == [1, 1]


def test_a_clock_that_was_set_back_keeps_nothing_waiting(desk: Desk) -> None:
    desk.queue(A, OTHER_LANE)
    (first, second) = desk.claim()
    desk.record(Result(delivery=first, error="no"))
    year_s = 365 * 86_400.0
    assert ids(desk.due(after_s=-year_s)) == [("a", "road"), ("a", "it")]
    assert desk.due(after_s=0.1) == []
    assert second.state is DeliveryState.SENDING


def test_the_end_waits_until_the_beginning_was_told(desk: Desk) -> None:
    desk.queue(A)
    desk.queue(replace(END_OF_A, severity=Severity.LIFE))
    (begin,) = desk.claim()
    assert begin.step == 0
    assert desk.due() == []
    desk.record(Result(delivery=begin, error="away"))
    assert desk.due(after_s=0.1) == []
    (begin,) = desk.claim(after_s=5)
    desk.record(Result(delivery=begin))
    assert [d.step for d in desk.due()] == [1]


def test_the_end_is_told_though_the_beginning_failed_for_good(desk: Desk) -> None:
    desk.queue(A)
    desk.queue(END_OF_A)
    (begin,) = desk.claim()
    desk.record(Result(delivery=begin, error="no such user", is_permanent=True))
    assert [d.step for d in desk.due()] == [1]


def test_accepted_is_written_with_the_providers_answer(desk: Desk) -> None:
    desk.queue(A)
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed, provider_ref="250"))
    row = desk.row(A)
    assert (row.state, row.provider_ref, row.accepted_ns, row.error) == (DeliveryState.ACCEPTED, "250", T0_NS, "")


def test_a_failure_for_good_is_failed(desk: Desk) -> None:
    desk.queue(A)
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed, error="webhook answered 404", is_permanent=True))
    row = desk.row(A)
    assert (row.state, row.error, desk.due(after_s=9999)) == (DeliveryState.FAILED, "webhook answered 404", [])


def test_a_failure_for_now_waits_longer_each_time(desk: Desk) -> None:
    desk.queue(A)
    waits: list[float] = []
    after_s = 0.0
    for _ in range(12):
        (claimed,) = desk.claim(after_s=after_s)
        desk.record(Result(delivery=claimed, error="away"), after_s=after_s)
        waits.append((desk.row(A).next_ns - NOW_NS) / SECOND_NS - after_s)
        after_s += waits[-1] + 0.001
    assert waits[0] <= 1.0
    assert max(waits) <= BACKOFF_MOST_S
    assert all(a < b for a, b in pairwise(waits[:8]))
    assert desk.row(A).state is DeliveryState.QUEUED


def test_crashes_do_not_count_against_the_receiver(desk: Desk) -> None:
    desk.queue(A)
    for _ in range(9):
        desk.claim()
        desk.ledger.take_over()
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed, error="away"))
    assert (desk.row(A).attempts, desk.row(A).next_ns <= NOW_NS + SECOND_NS) == (10, True)


def test_the_provider_may_ask_for_a_longer_wait(desk: Desk) -> None:
    desk.queue(A)
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed, error="429", after_s=40.0))
    assert (desk.due(after_s=39), ids(desk.due(after_s=41))) == ([], [("a", "road")])


class TestAnswersAfterTheLease:
    """The ledger says what happened, also when the answer comes late."""

    def held_twice(self, desk: Desk) -> tuple[Delivery, Delivery]:
        desk.queue(A)
        (first,) = desk.claim()
        (second,) = desk.claim(after_s=LEASE_S)
        return first, second

    def test_a_late_yes_counts(self, desk: Desk) -> None:
        first, second = self.held_twice(desk)
        desk.record(Result(delivery=first, provider_ref="first"))
        desk.record(Result(delivery=second, error="away"))
        assert (desk.row(A).state, desk.row(A).provider_ref) == (DeliveryState.ACCEPTED, "first")

    def test_a_late_no_says_nothing_about_the_next_attempt(self, desk: Desk) -> None:
        first, second = self.held_twice(desk)
        desk.record(Result(delivery=first, error="no such user", is_permanent=True))
        assert desk.row(A).state is DeliveryState.SENDING
        desk.record(Result(delivery=second))
        assert desk.row(A).state is DeliveryState.ACCEPTED

    def test_a_second_yes_changes_nothing(self, desk: Desk) -> None:
        first, second = self.held_twice(desk)
        desk.record(Result(delivery=first, provider_ref="first"))
        desk.record(Result(delivery=second, provider_ref="second"))
        assert desk.row(A).provider_ref == "first"


def test_word_of_a_message_is_a_change_of_its_alert(desk: Desk) -> None:
    desk.queue(A, B)
    seen = desk.reader.change_no()
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed))
    assert [a.alert_id for a in desk.reader.alerts_after(seen)] == ["a"]


def test_an_error_is_kept_short(desk: Desk) -> None:
    desk.queue(A)
    (claimed,) = desk.claim()
    desk.record(Result(delivery=claimed, error="x" * 10_000))
    assert len(desk.row(A).error) == 300


def test_nothing_to_do_writes_nothing(desk: Desk) -> None:
    before = desk.store.connection.total_changes
    desk.record()
    assert (desk.claim(), desk.store.connection.total_changes) == ([], before)


@given(delivery_id=st.text(max_size=20), failures=st.integers(0, 10_000))
def test_waits_are_bounded_and_repeatable(delivery_id: str, failures: int) -> None:
    wait_s = backoff_s(delivery_id, failures=failures)
    assert 0.75 <= wait_s <= BACKOFF_MOST_S
    assert wait_s == backoff_s(delivery_id, failures=failures)


def test_waits_of_many_messages_spread() -> None:
    assert len({round(backoff_s(str(i), failures=9), 1) for i in range(100)}) > 50
