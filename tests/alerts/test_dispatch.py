"""Sending: each lane by itself, one dead receiver delays nobody, an answer is written down once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from _pytest.logging import LogCaptureFixture

from alerts.dispatch import MOST_AT_ONCE, Dispatcher, Moment
from alerts.ledger import Ledger
from alerts.model import Delivery, DeliveryState, Outgoing, Sender
from alerts.store import open_store
from alerts.store_read import AlertsReader
from devices.model import SECOND_NS, PermanentError, TransientError
from tests.alerts.town import T0_NS, alert, delivery, outgoing
from tests.support import wait_until

NOW_NS = 1_800_000_000 * SECOND_NS


class ScriptedSender:
    """Does for each address what its script says; counts how many are under way at once."""

    def __init__(self) -> None:
        self.scripts: dict[str, Callable[[], str]] = {}
        self.sent: list[str] = []
        self.released = threading.Event()
        self._lock = threading.Lock()
        self._now: Counter[str] = Counter()
        self.most_at_once = 0
        self.most_in_a_lane = 0

    def send(self, outgoing: Outgoing) -> str:
        with self._lock:
            self._now[outgoing.address] += 1
            self.most_at_once = max(self.most_at_once, self._now.total())
            self.most_in_a_lane = max(self.most_in_a_lane, self._now[outgoing.address])
        try:
            reference = self.scripts.get(outgoing.address, lambda: "ok")()
        finally:
            with self._lock:
                self._now[outgoing.address] -= 1
        with self._lock:
            self.sent.append(outgoing.delivery_id)
        return reference

    def hang(self) -> str:
        self.released.wait()
        return "late"

    def close(self) -> None:
        self.released.set()


def failing(error: Exception) -> Callable[[], str]:
    def fail() -> str:
        raise error

    return fail


class Desk:
    def __init__(self, path: Path, *, lease_s: float = 120.0) -> None:
        self.store = open_store(path, now_ns=0)
        self.reader = AlertsReader(path)
        self.sender = ScriptedSender()
        self.after_s = 0.0
        senders: dict[str, Sender] = {"smtp": self.sender, "webhook": self.sender}
        self.dispatcher = Dispatcher(ledger=Ledger(self.store, lease_s=lease_s), senders=senders, outgoing=self.address)

    def address(self, of: Delivery) -> Outgoing:
        if of.contact_id == "gone":
            raise PermanentError("contact gone has no address for smtp any more")
        return outgoing(of.contact_id, delivery_id=of.delivery_id)

    def queue(self, *deliveries: Delivery) -> None:
        with self.store.transaction():
            for alert_id in sorted({d.alert_id for d in deliveries}):
                self.store.save(alert(alert_id=alert_id, case_no=alert_id, subject=alert_id), None, ())
            self.store.save(None, None, deliveries)

    def now(self) -> Moment:
        return Moment(
            town_ns=T0_NS, real_ns=NOW_NS + int(self.after_s * SECOND_NS), mono_s=time.monotonic() + self.after_s
        )

    def states(self) -> Counter[str]:
        return Counter(
            row.state.value for a in self.reader.alerts(limit=10_000) for row in self.reader.deliveries(a.alert_id)
        )

    def run_until(self, done: Callable[[], bool], *, timeout_s: float = 10.0) -> None:
        def step() -> bool:
            self.dispatcher.turn(self.now())
            self.dispatcher.wait(0.01)
            return done()

        wait_until(step, timeout_s)

    def close(self) -> None:
        self.sender.close()
        self.dispatcher.finish(self.now, patience_s=5)
        self.store.close()
        self.reader.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "alerts.db")
    yield desk
    desk.close()


def many(contact_id: str, count: int, **fields: str) -> list[Delivery]:
    return [delivery(f"{contact_id}{i:03d}", contact_id=contact_id, **fields) for i in range(count)]


def test_everything_due_is_sent_once(desk: Desk) -> None:
    desk.queue(*many("road", 10), *many("it", 10))
    desk.run_until(lambda: desk.states()["accepted"] == 20)
    assert len(desk.sender.sent) == len(set(desk.sender.sent)) == 20


def test_a_lane_has_one_message_under_way(desk: Desk) -> None:
    desk.queue(*many("road", 20))
    desk.run_until(lambda: desk.states()["accepted"] == 20)
    assert desk.sender.most_in_a_lane == 1


def test_one_dead_receiver_delays_nobody_else(desk: Desk) -> None:
    desk.sender.scripts["dead"] = desk.sender.hang
    desk.queue(*many("dead", 200), *many("road", 20), *many("it", 20))
    desk.run_until(lambda: desk.states()["accepted"] == 40, timeout_s=5)
    assert desk.states() == {"accepted": 40, "sending": 1, "queued": 199}


def test_many_dead_receivers_of_one_channel_leave_the_other_channel_alone(desk: Desk) -> None:
    for i in range(MOST_AT_ONCE + 5):
        desk.sender.scripts[f"dead{i}"] = desk.sender.hang
        desk.queue(delivery(f"d{i}", contact_id=f"dead{i}", channel="webhook"))
    desk.queue(*many("road", 5))
    desk.run_until(lambda: desk.states()["accepted"] == 5, timeout_s=5)
    assert desk.sender.most_at_once == MOST_AT_ONCE + 1
    assert desk.states()["queued"] == 5


def test_a_message_that_can_never_go_keeps_back_none_behind_it(desk: Desk) -> None:
    desk.sender.scripts["road"] = failing(PermanentError("smtp data refused with 554"))
    desk.queue(*many("road", 3))
    desk.run_until(lambda: desk.states()["failed"] == 3)
    assert desk.reader.deliveries("road000")[0].error == "smtp data refused with 554"


def test_what_fails_for_now_is_sent_later(desk: Desk) -> None:
    desk.sender.scripts["road"] = failing(TransientError("smtp connect: TimeoutError"))
    desk.queue(delivery("a"))
    desk.run_until(lambda: desk.reader.deliveries("a")[0].error != "")
    (row,) = desk.reader.deliveries("a")
    assert (row.state, row.attempts, row.error) == (DeliveryState.QUEUED, 1, "smtp connect: TimeoutError")
    del desk.sender.scripts["road"]
    desk.after_s = 1.1
    desk.run_until(lambda: desk.states()["accepted"] == 1)


def test_a_channel_that_breaks_is_tried_again(desk: Desk, caplog: LogCaptureFixture) -> None:
    desk.sender.scripts["road"] = failing(ValueError("address hanako@family.example is odd"))
    desk.queue(delivery("a"))
    desk.run_until(lambda: desk.reader.deliveries("a")[0].error != "")
    assert desk.reader.deliveries("a")[0].error == "channel smtp broke with ValueError"
    assert "hanako" not in "".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize(
    ("gone", "error"),
    [
        (delivery("a", contact_id="gone"), "contact gone has no address for smtp any more"),
        (delivery("a", channel="pigeon"), "channel pigeon is not set up"),
    ],
    ids=["contact", "channel"],
)
def test_a_contact_or_channel_that_is_gone_is_said(desk: Desk, gone: Delivery, error: str) -> None:
    desk.queue(gone)
    desk.run_until(lambda: desk.states()["failed"] == 1)
    assert desk.reader.deliveries("a")[0].error == error


def test_a_message_that_hangs_is_taken_up_again_when_its_lease_ends(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "alerts.db", lease_s=30.0)
    answers: list[Callable[[], str]] = [lambda: "second", desk.sender.hang]
    desk.sender.scripts["road"] = lambda: answers.pop()()
    desk.queue(delivery("a"))
    desk.run_until(lambda: desk.states()["sending"] == 1)
    desk.after_s = 31.0
    desk.run_until(lambda: desk.states()["accepted"] == 1)
    assert (desk.reader.deliveries("a")[0].provider_ref, desk.reader.deliveries("a")[0].attempts) == ("second", 2)
    desk.close()


def test_a_lane_never_holds_more_than_two_threads(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "alerts.db", lease_s=30.0)
    desk.sender.scripts["road"] = desk.sender.hang
    desk.queue(*many("road", 9))
    for _ in range(6):
        desk.dispatcher.turn(desk.now())
        desk.after_s += 31.0
    wait_until(lambda: desk.sender.most_in_a_lane == 2)
    desk.dispatcher.turn(desk.now())
    assert desk.sender.most_in_a_lane == 2
    desk.close()


def test_an_answer_that_could_not_be_written_down_is_kept(desk: Desk) -> None:
    desk.queue(delivery("a"))
    desk.dispatcher.turn(desk.now())
    wait_until(lambda: desk.sender.sent)
    desk.store.connection.execute("PRAGMA query_only = 1")
    with pytest.raises(TransientError):
        desk.run_until(lambda: False)
    desk.store.connection.execute("PRAGMA query_only = 0")
    desk.run_until(lambda: desk.states()["accepted"] == 1)
    assert len(desk.sender.sent) == 1


def test_finish_waits_for_what_is_under_way(desk: Desk) -> None:
    desk.sender.scripts["road"] = desk.sender.hang
    desk.queue(delivery("a"))
    desk.dispatcher.turn(desk.now())
    threading.Timer(0.2, desk.sender.released.set).start()
    desk.dispatcher.finish(desk.now, patience_s=5)
    assert desk.states() == {"accepted": 1}


def test_finish_does_not_wait_for_ever(desk: Desk) -> None:
    desk.sender.scripts["road"] = desk.sender.hang
    desk.queue(delivery("a"))
    desk.dispatcher.turn(desk.now())
    began_s = time.monotonic()
    desk.dispatcher.finish(desk.now, patience_s=0.2)
    assert time.monotonic() - began_s < 2
    assert desk.states() == {"sending": 1}


def test_a_lasting_failure_is_logged_when_it_begins_and_ends(desk: Desk, caplog: LogCaptureFixture) -> None:
    desk.sender.scripts["road"] = failing(TransientError("away"))
    desk.queue(*many("road", 3))
    desk.run_until(lambda: all(desk.reader.deliveries(f"road00{i}")[0].error for i in range(3)))
    del desk.sender.scripts["road"]
    desk.after_s = 2.0
    desk.run_until(lambda: desk.states()["accepted"] == 3)
    assert [r.message for r in caplog.records] == ["lane_failing", "lane_recovered"]
