"""What people order on the page: acknowledgements. `orders.db` is written by api only and read by the alert service.

An order is on disk when `acknowledge` returns, also while the alert service is down; it takes effect when that
service reads it.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from dataclasses import dataclass
from pathlib import Path

from alerts.model import Acknowledgement, Via
from alerts.read_only import ReadOnlyFile
from alerts.schema import ORDERS_SCHEMA, open_writer
from devices.model import PermanentError, TransientError
from devices.wake import ALERTS_WAKE, Bell

ORDERS_FILE = "orders.db"
MOST_NAME_CHARS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """An order and its place in the book."""

    order_no: int
    acknowledgement: Acknowledgement


class OrderBook:
    """The one writer of `orders.db`; may be shared between threads."""

    def __init__(self, path: Path) -> None:
        """Remember the path; the file is made by the first order."""
        self._path = path
        self._bell = Bell(path.with_name(ALERTS_WAKE))
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def acknowledge(self, alert_id: str, *, by: str, at_ns: int, via: Via) -> Acknowledgement:
        """Record that `by` knows of the alert; return the record that stands.

        The same person acknowledging the same alert again changes nothing: the first record is returned. `by` is a
        contact id (links) or the name typed on the page. Raises PermanentError for a name that is empty or longer than
        100 characters, TransientError when the file cannot be written.
        """
        name = " ".join(by.split())
        if not 0 < len(name) <= MOST_NAME_CHARS:
            raise PermanentError(f"name of who acknowledges has {len(name)} characters, not 1 to {MOST_NAME_CHARS}")
        order_id = _order_id(alert_id, by=name)
        with self._lock:
            try:
                return self._write(Acknowledgement(order_id=order_id, alert_id=alert_id, by=name, at_ns=at_ns, via=via))
            except sqlite3.Error as error:
                self._drop()
                raise TransientError(f"orders {self._path.name} cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file; the next order opens it again."""
        with self._lock:
            self._drop()

    def _write(self, order: Acknowledgement) -> Acknowledgement:
        if self._connection is None:
            self._connection = open_writer(self._path, ORDERS_SCHEMA)
        with self._connection:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute(
                "INSERT OR IGNORE INTO orders (order_id, alert_id, by, at_ns, via) VALUES (?, ?, ?, ?, ?)",
                (order.order_id, order.alert_id, order.by, order.at_ns, order.via),
            )
            row = self._connection.execute(
                "SELECT order_no, order_id, alert_id, by, at_ns, via FROM orders WHERE order_id = ?", (order.order_id,)
            ).fetchone()
        self._bell.ring()
        return _order(row).acknowledgement

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class OrderReader:
    """Reads `orders.db`; a file that does not exist yet has no orders.

    Every method raises TransientError when the file is there but cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self._file = ReadOnlyFile(path)

    def book_id(self) -> str:
        """Return which file this is; order numbers of another book mean nothing. "" when there is none."""
        rows = self._file.rows("SELECT book_id FROM book")
        return str(rows[0][0]) if rows else ""

    def orders_after(self, order_no: int, *, limit: int = 1000) -> list[OrderRow]:
        """Return the orders with a higher number, lowest first."""
        sql = (
            "SELECT order_no, order_id, alert_id, by, at_ns, via FROM orders WHERE order_no > ?"
            " ORDER BY order_no LIMIT ?"
        )
        return [_order(row) for row in self._file.rows(sql, order_no, limit)]

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        self._file.close()


def _order(row: tuple[int, str, str, str, int, Via]) -> OrderRow:
    order_no, order_id, alert_id, by, at_ns, via = row
    return OrderRow(
        order_no=order_no,
        acknowledgement=Acknowledgement(order_id=order_id, alert_id=alert_id, by=by, at_ns=at_ns, via=via),
    )


def _order_id(alert_id: str, *, by: str) -> str:
    return hashlib.sha256(f"acknowledge|{alert_id}|{by}".encode()).hexdigest()[:32]
