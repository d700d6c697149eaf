"""Reads the journal's events and the page's orders into `alerts.db`: each batch one transaction with its cursor."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Protocol

from alerts.orders import OrderRow
from alerts.planner import Planner
from alerts.store import AlertStore
from devices.model import Event
from ingest.journal_read import EventRow

log = logging.getLogger(__name__)

MOST_ROWS = 500


class Journal(Protocol):
    """What the alert service needs of `ingest.journal_read.JournalReader`."""

    def journal_id(self) -> str:
        """Return which journal this is: another one after a damaged file was set aside; a backup keeps its own."""

    def events_after(self, event_no: int, *, limit: int = ...) -> Sequence[EventRow]:
        """Return the events with a higher number, lowest first."""

    def heartbeat_ns(self) -> int:
        """Return when ingest last said that it works, 0 when never."""


class Orders(Protocol):
    """What the alert service needs of `alerts.orders.OrderReader`."""

    def book_id(self) -> str:
        """Return which book this is, "" when there is none."""

    def orders_after(self, order_no: int, *, limit: int = ...) -> Sequence[OrderRow]:
        """Return the orders with a higher number, lowest first."""


class Consumer:
    """Brings `alerts.db` up to the journal and the order book."""

    def __init__(self, *, journal: Journal, orders: Orders, store: AlertStore, planner: Planner) -> None:
        """Keep the parts; nothing is read yet."""
        self._journal = journal
        self._orders = orders
        self._store = store
        self._planner = planner
        self._free_since_ns: dict[str, int] = {}

    def take_events(self, *, now_ns: int, most: int = MOST_ROWS) -> int:
        """Take in the next events, whole commits where possible; return how many, 0 when there is nothing new.

        Having caught up, tell what began during an outage of this service and still goes on.
        """
        journal_id, rows = self._next_rows(most)
        taken = _whole_commits(rows, is_cut=len(rows) == most)
        if taken:
            with self._store.transaction():
                for events in _commits(taken):
                    self._planner.take_commit(events, self._store, now_ns=now_ns)
                self._store.set_event_no(journal_id, taken[-1].event_no)
        if len(rows) < most:
            self._catch_up(now_ns=now_ns)
            self._release(now_ns=now_ns)
        return len(taken)

    def take_one_event(self, *, now_ns: int) -> EventRow | None:
        """Take in the next event by itself; return it, None when there is none.

        For the way around an event that breaks the batch it is in: see `skip_event`.
        """
        journal_id, rows = self._next_rows(1)
        for row in rows:
            with self._store.transaction():
                self._planner.take(row.event, self._store, now_ns=now_ns)
                self._store.set_event_no(journal_id, row.event_no)
            return row
        return None

    def skip_event(self) -> EventRow | None:
        """Pass over the next event without taking it in; return it, None when there is none."""
        journal_id, rows = self._next_rows(1)
        for row in rows:
            with self._store.transaction():
                self._store.set_event_no(journal_id, row.event_no)
            return row
        return None

    def _next_rows(self, most: int) -> tuple[str, Sequence[EventRow]]:
        """Return which journal there is and its next events; none while one journal takes the place of another.

        Each journal has a cursor of its own: after another file was read in between, a backup that is put back may
        hold events that nobody was told of, and their numbers are lower than those of the other file.
        """
        journal_id = self._journal.journal_id()
        rows = self._journal.events_after(self._store.event_no(journal_id), limit=most)
        return (journal_id, rows) if self._journal.journal_id() == journal_id else (journal_id, [])

    def take_orders(self) -> int:
        """Carry out the next orders; return how many were new. Orders of another book are read from its beginning."""
        book_id = self._orders.book_id()
        read_book_id, order_no = self._store.order_place()
        rows = self._orders.orders_after(order_no if book_id == read_book_id else 0, limit=MOST_ROWS)
        if rows:
            with self._store.transaction():
                for row in rows:
                    self._store.acknowledge(row.acknowledgement)
                self._store.set_order_place(book_id, rows[-1].order_no)
        return len(rows)

    def _catch_up(self, *, now_ns: int) -> None:
        waiting = self._store.catching_up()
        if not waiting:
            return
        with self._store.transaction():
            for alert in waiting:
                self._planner.catch_up(alert, self._store, now_ns=now_ns)
        log.warning("caught_up_after_outage", extra={"alerts": len(waiting)})

    def _release(self, *, now_ns: int) -> None:
        """Tell what a silent parent explained, when it is still silent though the parent has long been heard again.

        And what began again after its end was told, when it still is so. After a restart of this service the time of
        both begins anew.
        """
        waiting = self._store.held_back()
        free = [alert for alert in waiting if self._planner.silent_parent(alert, self._store) is None]
        ids = {alert.alert_id for alert in free}
        self._free_since_ns = {alert_id: ns for alert_id, ns in self._free_since_ns.items() if alert_id in ids}
        for alert in free:
            since_ns = self._free_since_ns.setdefault(alert.alert_id, now_ns)
            if now_ns - since_ns >= self._planner.patience_ns(alert):
                with self._store.transaction():
                    self._planner.catch_up(alert, self._store, now_ns=now_ns)


def _whole_commits(rows: Sequence[EventRow], *, is_cut: bool) -> Sequence[EventRow]:
    """Return the rows without a last commit of which more rows may follow, unless there is only that one."""
    if not is_cut or rows[0].commit_no == rows[-1].commit_no:
        return rows
    return [row for row in rows if row.commit_no != rows[-1].commit_no]


def _commits(rows: Sequence[EventRow]) -> list[list[Event]]:
    groups: dict[int, list[Event]] = {}
    for row in rows:
        groups.setdefault(row.commit_no, []).append(row.event)
    return list(groups.values())
