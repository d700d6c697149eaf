"""`alerts.db` for its one writer: alerts, episodes, the notification ledger, and how far the journal was read.

One transaction per batch of events: the cursor, the alerts and the messages to be sent are on disk together or not at
all. An alert that is on record without its messages, or the other way round, cannot happen.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from alerts.lifecycle import Episode, Known, acknowledge
from alerts.model import Acknowledgement, Alert, Delivery, Lane
from alerts.rows import (
    QUEUE_DELIVERY,
    SELECT_ALERT,
    SELECT_EPISODE,
    UPSERT_ALERT,
    UPSERT_EPISODE,
    Row,
    alert_of,
    alert_row,
    delivery_row,
    episode_of,
    episode_row,
)
from alerts.schema import ALERTS_FROM_1, ALERTS_SCHEMA, open_writer
from devices.model import Event, TransientError

log = logging.getLogger(__name__)

Values = Sequence[str | int] | Mapping[str, int]


class AlertStore:
    """The open file. Used by one thread; what belongs together stands inside one `transaction`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Take over an open connection; see `open_store`."""
        self.connection = connection

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make everything inside one transaction; an exception undoes it.

        Raises TransientError when the file cannot be written.
        """
        try:
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
        except sqlite3.IntegrityError:
            raise  # our own fault, not the disk's: trying again would not help
        except sqlite3.Error as error:
            raise TransientError(f"alerts.db cannot be written: {error}") from error

    def rows(self, sql: str, values: Values = ()) -> list[Row]:
        """Return all rows of a query. Raises TransientError when the file cannot be read."""
        try:
            return self.connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise TransientError(f"alerts.db cannot be read: {error}") from error

    def event_no(self, journal_id: str) -> int:
        """Return the number of the last event that was taken in from this journal, 0 when none was."""
        sql = "SELECT event_no FROM journals WHERE journal_id IN (?, '') ORDER BY journal_id DESC LIMIT 1"
        row = self._row(sql, journal_id)
        return 0 if row is None else int(row[0])

    def set_event_no(self, journal_id: str, event_no: int) -> None:
        """Note that all events of this journal up to this one are taken in."""
        self.connection.execute("DELETE FROM journals WHERE journal_id = ''")
        self.connection.execute("INSERT OR REPLACE INTO journals VALUES (?, ?)", (journal_id, event_no))

    def order_place(self) -> tuple[str, int]:
        """Return which order book was read last, and up to which order."""
        book_id, order_no = self._one("SELECT book_id, order_no FROM pulse")
        return str(book_id), int(order_no)

    def set_order_place(self, book_id: str, order_no: int) -> None:
        """Note that all orders of that book up to this one are carried out."""
        self.connection.execute("UPDATE pulse SET book_id = ?, order_no = ?", (book_id, order_no))

    def beat(self, now_ns: int) -> None:
        """Note that the alert service works at town time `now_ns`."""
        with self.transaction():
            self.connection.execute("UPDATE pulse SET heartbeat_ns = ?", (now_ns,))

    def known(self, event: Event) -> Known:
        """Return what is on record about the event."""
        episode = self._episode(event.event_id)
        alert = self.open_alert(event.rule_id, event.subject)
        if alert is None:
            return Known(episode=episode, ended=None if episode is None else self.alert(episode.alert_id))
        other = self._row(
            SELECT_EPISODE + " WHERE alert_id = ? AND end_state = '' AND event_id <> ?"
            " ORDER BY raised_ns DESC, event_id DESC LIMIT 1",
            alert.alert_id,
            event.event_id,
        )
        return Known(
            alert=alert,
            episode=episode,
            newest=self._episode(alert.event_id),
            other=None if other is None else episode_of(other),
        )

    def open_alert(self, rule_id: str, subject: str) -> Alert | None:
        """Return the alert of a rule at a subject that is not resolved, None when there is none."""
        row = self._row(
            SELECT_ALERT + " WHERE rule_id = ? AND subject = ? AND state <> 'resolved'",
            rule_id,
            subject,
        )
        return None if row is None else alert_of(row)

    def alert(self, alert_id: str) -> Alert | None:
        """Return one alert, None when there is none of that id."""
        row = self._row(SELECT_ALERT + " WHERE alert_id = ?", alert_id)
        return None if row is None else alert_of(row)

    def catching_up(self) -> list[Alert]:
        """Return the alerts that wait until the service has caught up, oldest first."""
        sql = SELECT_ALERT + " WHERE waiting = 'catching_up' ORDER BY opened_ns, case_no"
        return [alert_of(row) for row in self.rows(sql)]

    def held_back(self) -> list[Alert]:
        """Return the open alerts that are explained by the silence of a parent or have begun again, oldest first."""
        sql = (
            SELECT_ALERT + " WHERE waiting IN ('explained', 'begun_again') AND state <> 'resolved'"
            " ORDER BY opened_ns, case_no"
        )
        return [alert_of(row) for row in self.rows(sql)]

    def next_case_no(self, year: int) -> int:
        """Return the next running number of that year, from 1."""
        sql = "INSERT INTO cases VALUES (?, 1) ON CONFLICT (year) DO UPDATE SET last_no = last_no + 1 RETURNING last_no"
        return int(self.rows(sql, (year,))[0][0])

    def told_lanes(self, alert_id: str) -> Collection[Lane]:
        """Return the lanes in which a message that the alert began was queued."""
        sql = "SELECT channel, contact_id FROM deliveries WHERE alert_id = ? AND telling = 'raised'"
        rows = self.rows(sql, (alert_id,))
        return {Lane(channel=channel, contact_id=contact_id) for channel, contact_id in rows}

    def save(self, alert: Alert | None, episode: Episode | None, deliveries: Collection[Delivery]) -> None:
        """Keep the alert and episode as they are now, and queue the messages. Belongs inside `transaction`."""
        if alert is not None:
            self.connection.execute(UPSERT_ALERT, alert_row(replace(alert, change_no=self.next_change_no())))
        if episode is not None:
            self.connection.execute(UPSERT_EPISODE, episode_row(episode))
        self.connection.executemany(QUEUE_DELIVERY, (delivery_row(delivery) for delivery in deliveries))

    def acknowledge(self, order: Acknowledgement) -> Alert | None:
        """Carry out an order; return the alert when it changed, None when it is unknown or somebody was first."""
        alert = self.alert(order.alert_id)
        if alert is None:
            log.warning("order_for_unknown_alert", extra={"order_id": order.order_id, "alert_id": order.alert_id})
            return None
        self.connection.execute(
            "INSERT OR IGNORE INTO acknowledgements VALUES (?, ?, ?, ?, ?)",
            (order.order_id, order.alert_id, order.by, order.at_ns, order.via),
        )
        acknowledged = acknowledge(alert, order)
        if acknowledged is not None:
            self.save(acknowledged, None, ())
        return acknowledged

    def change_no(self) -> int:
        """Return the number of the newest change."""
        return int(self._one("SELECT change_no FROM pulse")[0])

    def next_change_no(self) -> int:
        """Return the number of a new change. Belongs inside `transaction`."""
        sql = "UPDATE pulse SET change_no = change_no + 1 RETURNING change_no"
        return int(self.rows(sql)[0][0])

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def _episode(self, event_id: str) -> Episode | None:
        row = self._row(SELECT_EPISODE + " WHERE event_id = ?", event_id)
        return None if row is None else episode_of(row)

    def _one(self, sql: str) -> Row:
        row = self._row(sql)
        if row is None:
            raise TransientError("alerts.db has no pulse row")
        return row

    def _row(self, sql: str, *values: str | int) -> Row | None:
        rows = self.rows(sql, values)
        return rows[0] if rows else None


def open_store(path: Path, *, now_ns: int) -> AlertStore:
    """Open `alerts.db`, new when there is none. A damaged file is set aside under its name with `.damaged-<now_ns>`.

    Raises TransientError when it cannot be opened for another reason.
    """
    try:
        return _opened(path, now_ns=now_ns)
    except sqlite3.OperationalError as error:
        raise TransientError(f"{path.name} cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        kept = _kept_as(path, now_ns=now_ns)
        log.error("alerts_file_damaged", extra={"file": path.name, "kept_as": kept, "error": str(error)})
    return _opened(path, now_ns=now_ns)


def _opened(path: Path, *, now_ns: int) -> AlertStore:
    connection = open_writer(path, ALERTS_SCHEMA, from_1=ALERTS_FROM_1)
    try:
        problems = connection.execute("PRAGMA quick_check").fetchall()
        if problems != [("ok",)]:
            raise sqlite3.DatabaseError(f"quick_check: {problems[0][0]}")
        connection.execute("UPDATE pulse SET started_ns = ?", (now_ns,))
    except BaseException:
        connection.close()
        raise
    return AlertStore(connection)


def _kept_as(path: Path, *, now_ns: int) -> str:
    try:
        return _set_aside(path, now_ns=now_ns)
    except OSError as error:
        raise TransientError(f"damaged {path.name} cannot be set aside: {error.strerror}") from error


def _set_aside(path: Path, *, now_ns: int) -> str:
    name = f"{path.name}.damaged-{now_ns}"
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(path.with_name(name + suffix))
    return name
