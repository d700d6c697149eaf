"""The alert service and the provider: the real consumer and planner, a dispatcher without threads, a hostile provider.

Modelled: `alerts.dispatch.Dispatcher` (threads; here a message under way is an object that the provider answers, or
never does) and the provider, which knows what it has accepted.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from alerts.consume import Consumer
from alerts.ledger import Result
from alerts.model import Delivery, DeliveryState
from devices.model import SECOND_NS
from tests.simulation.book import LEASE_S, BookTwin, make_planner
from tests.simulation.journal import EventLine, JournalTwin
from tests.simulation.parts import Crash, Process, Violation


class NoOrders:
    """Nobody acknowledges anything."""

    def book_id(self) -> str:
        return ""

    def orders_after(self, order_no: int, *, limit: int = 0) -> list[object]:
        return []


@dataclass(slots=True, eq=False)
class Flight:
    """A message under way, in the memory of the alert service. `result`: the answer, once it is there."""

    delivery: Delivery
    until_s: float
    result: Result | None = None
    hangs: bool = False


class AlertService:
    """Durable: `book`. `accepted`: how often the provider took each message, by its id."""

    def __init__(self, journal: JournalTwin, chance: random.Random, fault: str) -> None:
        self.process = Process()
        self.accepted: dict[str, int] = {}
        self.former_ids: set[str] = set()
        self.is_calm = False
        self.book = BookTwin(process=self.process, fault=fault)
        self.journal = journal
        self.fault = fault
        self._chance = chance
        self._consumer: Consumer | None = None
        self._seen: tuple[EventLine, ...] | None = None
        self._flights: list[Flight] = []

    @property
    def is_quiet(self) -> bool:
        events = self.journal.tables.events
        return (
            self._consumer is not None
            and (not events or self.book.event_no(self.journal.journal_id()) >= events[-1].event_no)
            and all(one.state is DeliveryState.ACCEPTED for one in self.book.ledger.values())
        )

    def turn(self, *, now_s: float, now_ns: int) -> None:
        """Start if need be, take events in, record what was answered, send what is due."""
        try:
            if self._consumer is None:
                self.book.take_over()
                self._consumer = Consumer(
                    journal=self.journal, orders=NoOrders(), store=self.book, planner=make_planner(),  # type: ignore[arg-type]
                )  # fmt: skip
            self._take_events(now_ns=now_ns)
            self._dispatch(now_s)
        except Crash:
            self.die()

    def die(self) -> None:
        self._consumer = self._seen = None
        self._flights.clear()
        self.process.fuse = -1

    def lose_book(self) -> None:
        """`alerts.db` is damaged and set aside: the service reads the journal from its beginning."""
        self.die()
        self.former_ids.update(self.book.ledger)
        self.book = BookTwin(process=self.process, fault=self.fault)

    def answer(self) -> None:
        """Let the provider do something with one message under way."""
        open_ = [flight for flight in self._flights if flight.result is None and not flight.hangs]
        if not open_:
            return
        flight = open_[0]
        fate = 0.0 if self.is_calm else self._chance.random()
        if fate < 0.85:
            delivery_id = flight.delivery.delivery_id
            if self.fault == "new_id_at_each_attempt":
                delivery_id += f"-{flight.delivery.attempts}"
            self.accepted[delivery_id] = self.accepted.get(delivery_id, 0) + 1
        if fate < 0.6:
            flight.result = Result(delivery=flight.delivery, provider_ref="ok")
        elif fate < 0.7:
            flight.hangs = True  # accepted, and nobody ever hears of it
        else:
            flight.result = Result(delivery=flight.delivery, error="no answer" if fate < 0.85 else "refused")

    def _take_events(self, *, now_ns: int) -> None:
        assert self._consumer is not None
        journal_id = self.journal.journal_id()
        cursor = self.book.event_no(journal_id)
        is_read = self._seen is self.journal.tables.events and cursor == self.journal.tables.event_no
        if is_read and not self.book.held_back():
            return
        self._seen = self.journal.tables.events
        if self.fault == "cursor_before_alerts":
            rows = self.journal.events_after(cursor)
            if rows:
                with self.book.transaction():
                    self.book.set_event_no(journal_id, rows[-1].event_no)
                self.book.set_event_no(journal_id, cursor)  # in memory; the transaction above stays
                self._saved_cursor(rows[-1].event_no, now_ns=now_ns)
                return
        self._consumer.take_events(now_ns=now_ns)

    def _saved_cursor(self, event_no: int, *, now_ns: int) -> None:
        assert self._consumer is not None
        try:
            self._consumer.take_events(now_ns=now_ns)
        finally:
            journal_id = self.journal.journal_id()
            self.book.set_event_no(journal_id, max(self.book.event_no(journal_id), event_no))

    def _dispatch(self, now_s: float) -> None:
        real_ns = int(now_s * SECOND_NS)
        done = [flight for flight in self._flights if flight.result is not None]
        if done:
            self.book.record([flight.result for flight in done if flight.result is not None], real_ns=real_ns)
            self._flights = [flight for flight in self._flights if flight.result is None]
            for flight in done:
                self._check(flight.delivery)
        if any(now_s < flight.until_s for flight in self._flights) or len(self._flights) > 1:
            self._flights = [flight for flight in self._flights if not flight.hangs or now_s < flight.until_s + 60.0]
            return
        due = self.book.due(real_ns=real_ns)
        if due:
            for delivery in self.book.claim(due, real_ns=real_ns):
                self.process.point()
                self._flights.append(Flight(delivery=delivery, until_s=now_s + LEASE_S))

    def _check(self, delivery: Delivery) -> None:
        """The ledger never says more than happened."""
        state = self.book.ledger[delivery.delivery_id].state
        if state is DeliveryState.ACCEPTED and delivery.delivery_id not in self.accepted:
            raise Violation(f"the ledger says that {delivery.delivery_id} was accepted; the provider never took it")
