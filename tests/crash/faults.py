"""Planted faults: mistakes that run without complaint as long as nothing is killed. The crash tests must find each."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Mapping
from threading import Event
from types import MappingProxyType
from typing import Any

import ingest.journal
import ingest.journal_fold
import ingest.journal_known
from devices.model import PermanentError
from gateway.sources.mqtt_topics import MqttSource
from gateway.spool import Spool
from gateway.uplink import UplinkLoop
from ingest.consume import RECEIPTS_TOPIC, Consumer
from ingest.journal import CommitResult, JournalBatch, JournalWriter
from ingest.journal_fold import Backlog
from ingest.journal_state import write_state
from ingest.receipts import Ledger, encode_receipt, merge, record


def gateway_acknowledges_before_commit() -> None:
    """The network forgets a message before it is on disk."""

    def step(self: MqttSource, stop: Event) -> int:
        messages = self._feed.take(timeout_s=0.0, most=200)
        self._feed.acknowledge([message.ack_token for message in messages])
        arrivals = [self._arrival(message) for message in messages]
        prepared = self._intake.prepare(self._options.name, arrivals, now_s=time.monotonic())
        self._intake.commit_until(prepared, stop)
        return len(messages)

    _replace(MqttSource, "step", step)


def gateway_is_done_when_sent() -> None:
    """Rows count as stored by the hub as soon as they were published."""
    send_one = UplinkLoop._send_one

    def send(self: UplinkLoop, *, now_s: float) -> bool:
        is_sent = send_one(self, now_s=now_s)
        self._spool.confirm(self._flight.spans(), now_ns=1)
        return is_sent

    _replace(UplinkLoop, "_send_one", send)


def gateway_forgets_its_backlog() -> None:
    """After a start only new rows are sent."""
    open_spool = Spool.open

    def open_anew(*args: Any, **kwargs: Any) -> Spool:
        spool = open_spool(*args, **kwargs)
        spool.confirm([(1, spool.newest())], now_ns=1)
        return spool

    _replace(Spool, "open", open_anew)


def hub_acknowledges_before_commit() -> None:
    """The broker forgets a message before it is in the journal."""
    take = Consumer.take

    def take_and_acknowledge(self: Consumer, *, timeout_s: float) -> int:
        count = take(self, timeout_s=timeout_s)
        self._parts.link.acknowledge([message.ack_token for message in self._waiting])
        return count

    def acknowledge(self: Consumer) -> None:
        self._done = []

    _replace(Consumer, "take", take_and_acknowledge)
    _replace(Consumer, "acknowledge", acknowledge)


def hub_receipts_before_commit() -> None:
    """The gateway hears that rows are stored before they are."""
    commit = Consumer.commit

    def receipt_and_commit(self: Consumer, *, now_s: float) -> None:
        for key, (rows, floor) in merge(self._pending.receipts if self._pending else ()).items():
            ledger = record(self._parts.journal.ledgers.get(key, Ledger()), rows=rows, floor=floor)
            self._parts.link.publish(f"{RECEIPTS_TOPIC}/{key[0]}", encode_receipt(key[1], ledger), qos=0)
        commit(self, now_s=now_s)

    _replace(Consumer, "commit", receipt_and_commit)


def hub_commits_state_apart() -> None:
    """What the pipeline remembers is written in a transaction of its own, after the observations and events."""
    commit = JournalWriter.commit

    def commit_twice(self: JournalWriter, batch: JournalBatch) -> CommitResult:
        result = commit(self, batch)
        with self._transaction() as connection:
            write_state(connection, batch.outcome.changed_state)
        return result

    _replace(ingest.journal, "write_state", lambda connection, changed: None)
    _replace(JournalWriter, "commit", commit_twice)


def hub_calls_folded_what_is_not() -> None:
    """That batches are folded is written in a transaction of its own, before their rows."""
    tend = JournalWriter.tend

    def tend_in_two(self: JournalWriter, **kwargs: Any) -> bool:
        if not self._known.backlog.is_due():
            return False
        with self._transaction() as connection:
            folded_no = connection.execute("SELECT folded_no FROM pulse").fetchone()
            connection.execute("UPDATE pulse SET folded_no = (SELECT max(commit_no) FROM batches)")
        with self._transaction() as connection:
            connection.execute("UPDATE pulse SET folded_no = ?", folded_no)
        return tend(self, **kwargs)

    _replace(JournalWriter, "tend", tend_in_two)


def hub_forgets_half_a_fold() -> None:
    """After a start the batch that was folded in part counts as folded."""
    backlog_of = ingest.journal_fold.backlog_of

    def backlog_without_first(connection: sqlite3.Connection) -> Backlog:
        connection.execute(
            "UPDATE pulse SET folded_no = coalesce((SELECT min(commit_no) FROM batches WHERE commit_no > folded_no), 0)"
        )
        return backlog_of(connection)

    _replace(ingest.journal_known, "backlog_of", backlog_without_first)


def hub_forgets_what_it_knew() -> None:
    """After a start the pipeline knows nothing of readings it has seen."""
    _replace(JournalWriter, "read_snapshot", lambda self: {})


FAULTS: Mapping[str, Callable[[], None]] = MappingProxyType(
    {
        fault.__name__: fault
        for fault in (
            gateway_acknowledges_before_commit,
            gateway_is_done_when_sent,
            gateway_forgets_its_backlog,
            hub_acknowledges_before_commit,
            hub_receipts_before_commit,
            hub_commits_state_apart,
            hub_calls_folded_what_is_not,
            hub_forgets_half_a_fold,
            hub_forgets_what_it_knew,
        )
    }
)


def plant(name: str) -> None:
    """Put a fault into this process; "" = none."""
    if name:
        FAULTS[name]()


def _replace(owner: object, name: str, replacement: Callable[..., Any]) -> None:
    if not hasattr(owner, name):
        raise PermanentError(f"{owner} has no {name} to plant a fault in")
    setattr(owner, name, replacement)
