"""A power cut on the alert service and the page: no alert, message, record of a sending or order is forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alerts import orders, schema, store
from alerts.consume import Consumer
from alerts.ledger import Ledger, Result
from alerts.orders import OrderBook, OrderReader
from alerts.store import AlertStore, open_store
from devices.model import SECOND_NS
from tests.alerts.town import T0_NS, MemoryJournal, event, planner, trap_event
from tests.power.cutting import Recording, assert_nothing_set_aside, assert_whole, record, try_cuts
from tests.power.disk import Cut
from tests.power.recorder import Recorder

STEPS = 60
ENDS = (4, 30)
CUTS = 110
LEASE_S = 30.0
TABLES = ("alerts", "episodes", "cases", "deliveries", "acknowledgements", "journals")

Dump = Mapping[str, list[Any]]


def dump(path: Path, tables: tuple[str, ...] = TABLES) -> Dump:
    """All rows, and how far the journal and the order book were read."""
    with closing(sqlite3.connect(path)) as connection:
        found = {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables}
        columns = "book_id, order_no, change_no"
        return {**found, "pulse": connection.execute(f"SELECT {columns} FROM pulse").fetchall()}


def take(alerts: AlertStore, step: int) -> None:
    """Take in two events: one that begins, and the end of the one before."""
    journal = MemoryJournal()
    for number in range(1, step + 1):
        begun = (event, trap_event)[number % 2](f"e{number}", at_s=number)
        ended = (event, trap_event)[number % 2](f"e{number - 2}", "cleared", at_s=number)
        journal.commit(ended, begun)
    consumer = Consumer(journal=journal, orders=OrderReader(Path("absent")), store=alerts, planner=planner())
    consumer.take_events(now_ns=T0_NS + step * SECOND_NS)


def send(alerts: AlertStore, step: int) -> None:
    """Claim what is due and record every other as accepted, the others as failed; each is one transaction."""
    ledger = Ledger(alerts, lease_s=LEASE_S)
    now_ns = T0_NS + step * 1000 * SECOND_NS
    claimed = ledger.claim(ledger.due(real_ns=now_ns), real_ns=now_ns)
    results = [Result(delivery=one, error="" if n % 2 else "refused") for n, one in enumerate(claimed)]
    ledger.record(results, town_ns=now_ns, real_ns=now_ns)


def do_step(alerts: AlertStore, step: int) -> None:
    (send if step % 3 == 0 else take)(alerts, step)


def work(folder: Path, recorder: Recorder) -> None:
    alerts = open_store(folder / "alerts.db", now_ns=T0_NS)
    for step in range(1, STEPS + 1):
        do_step(alerts, step)
        recorder.told(step)
        if step in ENDS:
            alerts.close()
            alerts = open_store(folder / "alerts.db", now_ns=T0_NS)
    alerts.close()


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> list[Dump]:
    """What alerts.db holds after 0, 1, 2 … steps."""
    path = tmp_path_factory.mktemp("undisturbed") / "alerts.db"
    alerts = open_store(path, now_ns=T0_NS)
    found = [dump(path)]
    for step in range(1, STEPS + 2):
        do_step(alerts, step)
        found.append(dump(path))
    alerts.close()
    return found


class CheckAlerts:
    """Opens what a cut left: as it was told, or with a transaction of the step in flight; that step can be done."""

    def __init__(self, contents: list[Dump]) -> None:
        self._contents = contents

    def __call__(self, folder: Path, cut: Cut) -> None:
        path = folder / "alerts.db"
        alerts = open_store(path, now_ns=T0_NS)
        found, told, following = dump(path), self._contents[cut.told], self._contents[cut.told + 1]
        is_sending = (cut.told + 1) % 3 == 0
        if is_sending and found != told:  # claimed, or claimed and recorded: never less, never another message
            assert {row[1] for row in found["deliveries"]} == {row[1] for row in told["deliveries"]}
            assert found["pulse"] in (told["pulse"], following["pulse"])
            assert found["alerts"] in (told["alerts"], following["alerts"])
        else:
            assert found in (told, following), "not what was told"
            do_step(alerts, cut.told + 1)
            assert dump(path) == following
        alerts.close()
        assert_nothing_set_aside(folder)
        assert_whole(path)


def test_every_alert_and_every_record_survives(contents: list[Dump]) -> None:
    assert try_cuts(record(work), CheckAlerts(contents), count=CUTS) == []


def write_orders(folder: Path, recorder: Recorder) -> None:
    book = OrderBook(folder / "orders.db")
    for step in range(1, STEPS + 1):
        book.acknowledge(f"a{step}", by="road", at_ns=T0_NS + step, via="page")
        recorder.told(step)
        if step in ENDS:
            book.close()
    book.close()


def check_orders(folder: Path, cut: Cut) -> None:
    path = folder / "orders.db"
    reader = OrderReader(path)
    found = [row.acknowledgement.alert_id for row in reader.orders_after(0)]
    assert found in ([f"a{n}" for n in range(1, k + 1)] for k in (cut.told, cut.told + 1))
    book_id = reader.book_id()
    book = OrderBook(path)
    for step in (cut.told, cut.told + 1):
        book.acknowledge(f"a{step}", by="road", at_ns=0, via="page")
    assert len(reader.orders_after(0)) == max(1, cut.told) + 1
    assert reader.book_id() == book_id or cut.told == 0
    book.close()
    reader.close()
    assert_whole(path)


def test_every_order_survives() -> None:
    assert try_cuts(record(write_orders), check_orders, count=CUTS) == []


@pytest.mark.parametrize("level", ["NORMAL", "OFF"])
def test_files_that_do_not_sync_are_found_out(
    contents: list[Dump], monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    def open_carelessly(path: Path, tables: tuple[str, ...], **more: tuple[str, ...]) -> sqlite3.Connection:
        connection = schema.open_writer(path, tables, **more)
        connection.execute(f"PRAGMA synchronous = {level}")
        return connection

    for module in (store, orders):
        monkeypatch.setattr(module, "open_writer", open_carelessly)
    careless: list[tuple[Recording, Callable[[Path, Cut], None]]] = [
        (record(work), CheckAlerts(contents)),
        (record(write_orders), check_orders),
    ]
    monkeypatch.undo()
    assert [len(try_cuts(recording, check, count=30)) > 10 for recording, check in careless] == [True, True]
