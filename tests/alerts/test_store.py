"""alerts.db: state and outbox in one transaction, damaged files set aside, readers that see every change."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from alerts.consume import Consumer
from alerts.lifecycle import AGAIN_NS
from alerts.model import Acknowledgement, Alert, AlertState, DeliveryState, Telling, Waiting
from alerts.orders import OrderBook, OrderReader
from alerts.schema import SCHEMA_VERSION
from alerts.store import AlertStore, open_store
from alerts.store_read import AlertsReader
from devices.model import Event, PermanentError, TransientError
from ingest.journal_read import EventRow
from tests.alerts.town import T0_NS, MemoryJournal, alert, delivery, event, planner, trap_event, watch_event


class Service:
    """A consumer over files, as run.py puts it together."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alerts.db"
        self.store = open_store(self.path, now_ns=T0_NS)
        self.journal = MemoryJournal()
        self.book = OrderBook(folder / "orders.db")
        self.orders = OrderReader(folder / "orders.db")
        self.reader = AlertsReader(self.path)
        self.consumer = Consumer(journal=self.journal, orders=self.orders, store=self.store, planner=planner())

    def take(self, *events: Event, now_ns: int = T0_NS) -> int:
        self.journal.commit(*events)
        return self.consumer.take_events(now_ns=now_ns)

    def alerts(self) -> list[Alert]:
        return self.reader.alerts(limit=100)

    def close(self) -> None:
        for part in (self.store, self.book, self.orders, self.reader):
            part.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()


def test_an_event_is_an_alert_and_a_message(service: Service) -> None:
    assert service.take(event()) == 1
    (found,) = service.alerts()
    assert (found.state, found.case_no, found.text_ja[:8]) == (AlertState.FIRING, "26-0001", "【除雪の目安】1")
    (message,) = service.reader.deliveries(found.alert_id)
    assert (message.contact_id, message.state, message.attempts) == ("road", DeliveryState.QUEUED, 0)


def test_an_event_is_taken_in_once(service: Service) -> None:
    service.take(event())
    assert (service.consumer.take_events(now_ns=T0_NS), service.store.event_no("first")) == (0, 1)


def test_events_of_a_backup_that_is_put_back_are_told_whatever_other_journal_was_read_meanwhile(
    service: Service,
) -> None:
    """The first journal is lost before its second event was read; another begins; then the backup is put back."""
    service.take(event("e1"))
    service.journal.commit(trap_event("t1"))
    backup = list(service.journal.rows)
    service.journal.name, service.journal.rows = "second", []
    service.journal.rows.append(EventRow(event_no=900, commit_no=900, event=watch_event("w1")))
    assert service.consumer.take_events(now_ns=T0_NS) == 1
    service.journal.name, service.journal.rows = "first", backup
    assert service.consumer.take_events(now_ns=T0_NS) == 1
    assert sorted(a.rule_id for a in service.alerts()) == ["no-motion", "snow-depth", "trap-sprung"]
    assert (service.store.event_no("first"), service.store.event_no("second")) == (2, 900)


def test_nothing_is_taken_while_one_journal_takes_the_place_of_another(service: Service) -> None:
    service.journal.commit(event("e1"))
    names = iter(["first", "second"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.journal, "journal_id", lambda: next(names))
        assert service.consumer.take_events(now_ns=T0_NS) == 0
    assert service.consumer.take_events(now_ns=T0_NS) == 1


def test_a_file_of_version_1_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    open_store(path, now_ns=T0_NS).close()
    with closing(sqlite3.connect(path)) as old:
        for statement in (
            "DROP TABLE journals", "ALTER TABLE pulse ADD COLUMN event_no INTEGER NOT NULL DEFAULT 41",
            "PRAGMA user_version = 1",
        ):  # fmt: skip
            old.execute(statement)
        old.commit()
    with closing(open_store(path, now_ns=T0_NS)) as store:
        assert store.event_no("whichever") == 41
        with store.transaction():
            store.set_event_no("this", 42)
        assert (store.event_no("this"), store.event_no("another")) == (42, 0)


BREAKING_STATEMENTS = [
    "INSERT INTO alerts",
    "INSERT INTO episodes",
    "INSERT OR IGNORE INTO deliveries",
    "INSERT INTO journals",
]


@pytest.mark.parametrize("statement", BREAKING_STATEMENTS)
def test_state_outbox_and_cursor_are_one_transaction(service: Service, statement: str) -> None:
    """Whatever statement breaks, nothing of the batch is there; then it is taken in as if for the first time."""
    verb = f"INSERT ON {statement.split()[-1]}"
    service.store.connection.execute(f"CREATE TEMP TRIGGER broken BEFORE {verb} BEGIN SELECT RAISE(ABORT, 'x'); END")
    with pytest.raises(sqlite3.IntegrityError):
        service.take(event(), trap_event())
    counts = [service.store.rows(f"SELECT count(*) FROM {t}")[0][0] for t in ("alerts", "episodes", "deliveries")]
    assert (counts, service.store.event_no("first"), service.reader.change_no()) == ([0, 0, 0], 0, 0)
    service.store.connection.execute("DROP TRIGGER broken")
    assert service.consumer.take_events(now_ns=T0_NS) == 2
    assert [a.case_no for a in service.alerts()] == ["26-0002", "26-0001"]


def test_whole_commits_are_taken_in_together(service: Service) -> None:
    """A commit cut by the batch size waits for its rest: a moved episode start must not be told twice."""
    service.take(event("e1"))
    service.journal.commit(trap_event("t1"), watch_event("w1"))
    service.journal.commit(event("e1", "withdrawn", at_s=5), event("e0", at_s=-5))
    assert service.consumer.take_events(now_ns=T0_NS, most=3) == 2
    assert service.consumer.take_events(now_ns=T0_NS, most=3) == 2
    (snow,) = [a for a in service.alerts() if a.rule_id == "snow-depth"]
    assert [d.telling for d in service.reader.deliveries(snow.alert_id)] == [Telling.RAISED]
    assert snow.is_open


def test_a_commit_larger_than_a_batch_is_taken_in_parts(service: Service) -> None:
    service.journal.commit(*(event(f"e{i}", subject=f"s{i}") for i in range(7)))
    assert [service.consumer.take_events(now_ns=T0_NS, most=3) for _ in range(4)] == [3, 3, 1, 0]


def test_what_begins_again_after_its_end_is_told_when_it_lasts(service: Service) -> None:
    service.take(event("e1"), now_ns=T0_NS)
    service.take(event("e1", "cleared", at_s=9), now_ns=T0_NS)
    service.take(event("e1", detected_s=20), now_ns=T0_NS)
    (alert,) = service.alerts()
    assert (alert.is_open, len(service.reader.deliveries(alert.alert_id))) == (True, 2)
    for now_ns in (T0_NS + AGAIN_NS - 1, T0_NS + AGAIN_NS, T0_NS + 2 * AGAIN_NS):
        service.consumer.take_events(now_ns=now_ns)
    told = service.reader.deliveries(alert.alert_id)
    assert sorted(one.step for one in told) == [0, 1, 2]
    assert [one.telling for one in told].count(Telling.RAISED) == 2


def test_an_outage_is_caught_up_only_at_its_end(service: Service) -> None:
    day_ns = T0_NS + 86_400 * 10**9
    service.take(event("e1"), trap_event("t1"), now_ns=T0_NS)
    service.journal.commit(watch_event("w1"), event("e2", subject="other"))
    service.journal.commit(event("e2", "cleared", at_s=9, subject="other"))
    assert service.consumer.take_events(now_ns=day_ns, most=2) == 2
    assert [a.waiting for a in service.store.catching_up()] == [Waiting.CATCHING_UP] * 2
    service.consumer.take_events(now_ns=day_ns, most=2)
    told = {a.rule_id + a.subject: (a.waiting, len(service.reader.deliveries(a.alert_id))) for a in service.alerts()}
    assert told["no-motionperson-07"] == (Waiting.NONE, 1)
    assert told["snow-depthother"] == (Waiting.HISTORY, 0)


def test_an_order_acknowledges(service: Service) -> None:
    service.take(event())
    service.book.acknowledge("e1", by="road", at_ns=T0_NS + 7, via="page")
    assert (service.consumer.take_orders(), service.consumer.take_orders()) == (1, 0)
    (found,) = service.alerts()
    assert (found.state, found.acknowledged_by, found.acknowledged_ns) == (AlertState.ACKNOWLEDGED, "road", T0_NS + 7)


def test_everybody_who_acknowledged_is_on_record(service: Service) -> None:
    service.take(event())
    for by in ("road", "it"):
        service.book.acknowledge("e1", by=by, at_ns=T0_NS + len(by), via="page")
    service.consumer.take_orders()
    assert [a.by for a in service.reader.acknowledgements("e1")] == ["it", "road"]
    assert service.alerts()[0].acknowledged_by == "road"


def test_an_order_that_comes_after_the_end_is_recorded(service: Service) -> None:
    service.take(event(), event(state="cleared", at_s=9))
    service.book.acknowledge("e1", by="road", at_ns=T0_NS + 99, via="link")
    service.consumer.take_orders()
    (found,) = service.alerts()
    assert (found.state, found.acknowledged_by) == (AlertState.RESOLVED, "road")


def test_an_order_for_an_unknown_alert_holds_up_nothing(service: Service) -> None:
    service.take(event())
    service.book.acknowledge("no-such-alert", by="road", at_ns=T0_NS, via="api")
    service.book.acknowledge("e1", by="road", at_ns=T0_NS, via="api")
    assert service.consumer.take_orders() == 2
    assert service.alerts()[0].state is AlertState.ACKNOWLEDGED


def test_another_order_book_is_read_from_its_beginning(service: Service) -> None:
    service.take(event(), trap_event())
    service.book.acknowledge("e1", by="road", at_ns=T0_NS, via="page")
    service.consumer.take_orders()
    service.book.close()
    for part in service.path.parent.glob("orders.db*"):
        part.unlink()
    service.book.acknowledge("t1", by="hunter", at_ns=T0_NS, via="page")
    assert service.consumer.take_orders() == 1
    assert {a.state for a in service.alerts()} == {AlertState.ACKNOWLEDGED}


def test_an_event_that_breaks_can_be_passed_over(service: Service) -> None:
    service.journal.commit(event("bad"), trap_event("good"))
    skipped = service.consumer.skip_event()
    assert skipped is not None
    assert skipped.event.event_id == "bad"
    taken = service.consumer.take_one_event(now_ns=T0_NS)
    assert taken is not None
    assert (service.consumer.take_one_event(now_ns=T0_NS), service.consumer.skip_event()) == (None, None)
    assert [a.alert_id for a in service.alerts()] == ["good"]


def test_every_change_of_an_alert_has_a_higher_number(service: Service) -> None:
    service.take(event())
    service.take(trap_event())
    seen = service.reader.change_no()
    assert [a.alert_id for a in service.reader.alerts_after(0)] == ["e1", "t1"]
    service.take(event(state="cleared", at_s=9))
    assert [a.alert_id for a in service.reader.alerts_after(seen)] == ["e1"]
    assert service.reader.alerts_after(service.reader.change_no()) == []


def test_a_reader_finds_what_it_asks_for(service: Service) -> None:
    service.take(event(), trap_event(at_s=1), trap_event(state="cleared", at_s=2))
    reader = service.reader
    assert [a.alert_id for a in reader.alerts(limit=9)] == ["t1", "e1"]
    assert [a.alert_id for a in reader.alerts(limit=1)] == ["t1"]
    assert [a.alert_id for a in reader.alerts(states=("firing", "acknowledged"), limit=9)] == ["e1"]
    assert reader.alerts(states=(), limit=9) == []
    assert (reader.alert("e1"), reader.alert("e9")) == (reader.alerts(states=["firing"], limit=1)[0], None)
    assert reader.delivery_counts() == {("smtp", "queued"): 3}
    assert reader.oldest_unsent_ns() == T0_NS


def test_a_heartbeat_is_seen(service: Service) -> None:
    service.store.beat(T0_NS + 5)
    assert service.reader.heartbeat_ns() == T0_NS + 5


def test_a_reader_of_no_file_reads_nothing(tmp_path: Path) -> None:
    reader = AlertsReader(tmp_path / "alerts.db")
    assert (reader.alerts(limit=9), reader.change_no(), reader.heartbeat_ns(), reader.alert("x")) == ([], 0, 0, None)
    assert (reader.oldest_unsent_ns(), reader.delivery_counts(), reader.deliveries("x")) == (None, {}, [])


def test_a_reader_lives_on_when_the_file_is_replaced(service: Service) -> None:
    service.take(event())
    assert len(service.alerts()) == 1
    service.store.close()
    for part in service.path.parent.glob("alerts.db*"):
        part.unlink()
    assert service.alerts() == []
    service.store = open_store(service.path, now_ns=T0_NS)
    assert service.alerts() == []


def test_the_file_itself_refuses_a_second_open_alert_of_one_identity(service: Service) -> None:
    with service.store.transaction():
        service.store.save(alert(alert_id="a1", case_no="1"), None, ())
    with pytest.raises(sqlite3.IntegrityError), service.store.transaction():
        service.store.save(alert(alert_id="a2", case_no="2"), None, ())
    assert [a.alert_id for a in service.alerts()] == ["a1"]


def test_a_delivery_is_never_queued_twice(service: Service) -> None:
    for _ in range(2):
        with service.store.transaction():
            service.store.save(alert(), None, [delivery()])
    assert len(service.reader.deliveries("a1")) == 1


def test_what_is_written_is_what_is_read(service: Service) -> None:
    full = alert(
        state=AlertState.RESOLVED, resolved_ns=1, acknowledged_ns=2, acknowledged_by="road", note="withdrawn", step=1,
        waiting=Waiting.HISTORY, text_ja="あ", text_ja_easy="い", text_en="e",
    )  # fmt: skip
    message = delivery(state=DeliveryState.ACCEPTED, attempts=3, accepted_ns=9, provider_ref="250", error="")
    with service.store.transaction():
        service.store.save(full, None, [message])
    (found,) = service.alerts()
    assert (found, service.reader.deliveries("a1")) == (
        alert(**{f: getattr(full, f) for f in Alert.__dataclass_fields__} | {"change_no": 1}),
        [message],
    )


@pytest.mark.parametrize("damage", ["header", "middle"])
def test_a_damaged_file_is_set_aside_and_never_fatal(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "alerts.db"
    store = open_store(path, now_ns=1)
    with store.transaction():
        for i in range(200):
            store.save(alert(alert_id=f"a{i}", case_no=str(i), subject=str(i)), None, [delivery(f"a{i}")])
    store.close()
    raw = bytearray(path.read_bytes())
    start, length = (0, 64) if damage == "header" else (len(raw) // 2, 8192)
    raw[start : start + length] = b"\xff" * length
    path.write_bytes(raw)
    again = open_store(path, now_ns=77)
    assert again.event_no("first") == 0
    again.close()
    assert (tmp_path / "alerts.db.damaged-77").read_bytes() == raw


def test_a_file_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "alerts.db"
    open_store(path, now_ns=1).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(PermanentError, match=f"version {SCHEMA_VERSION + 1}"):
        open_store(path, now_ns=1)
    assert [p.name for p in tmp_path.iterdir() if "damaged" in p.name] == []


def test_a_busy_disk_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(TransientError):
        open_store(tmp_path / "no-such-folder" / "alerts.db", now_ns=1)


def test_a_failed_commit_can_be_tried_again(service: Service) -> None:
    service.store.connection.execute("PRAGMA max_page_count = 1")
    with pytest.raises(TransientError, match="cannot be written"):
        service.take(*(event(f"e{i}", subject=f"s{i}") for i in range(300)))
    service.store.connection.execute("PRAGMA max_page_count = 1000000")
    assert service.consumer.take_events(now_ns=T0_NS) == 300


def test_an_acknowledgement_of_an_alert_is_not_its_end(service: Service) -> None:
    service.take(event())
    order = Acknowledgement(order_id="o", alert_id="e1", by="road", at_ns=1, via="page")
    with service.store.transaction():
        service.store.acknowledge(order)
    service.take(event("e2", at_s=60))
    (found,) = service.alerts()
    assert (found.state, found.resolved_ns) == (AlertState.ACKNOWLEDGED, None)
    assert isinstance(service.store, AlertStore)
