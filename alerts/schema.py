"""Tables of `alerts.db` and `orders.db`, and how their one writer and their readers open them.

NaN is stored as NULL. `alerts.db` is written by the alert service only, `orders.db` by api only.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from devices.model import PermanentError

SCHEMA_VERSION = 2
BUSY_TIMEOUT_S = 5.0

_JOURNALS = "CREATE TABLE journals (journal_id TEXT PRIMARY KEY, event_no INTEGER NOT NULL) WITHOUT ROWID"

ALERTS_SCHEMA: tuple[str, ...] = (
    # the cursor in each journal that was ever read; "" = of whichever is read first (of a file of version 1)
    _JOURNALS,
    """CREATE TABLE pulse (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        book_id TEXT NOT NULL, order_no INTEGER NOT NULL,
        change_no INTEGER NOT NULL, heartbeat_ns INTEGER NOT NULL, started_ns INTEGER NOT NULL)""",
    """CREATE TABLE alerts (
        alert_id TEXT PRIMARY KEY, case_no TEXT NOT NULL UNIQUE, rule_id TEXT NOT NULL, subject TEXT NOT NULL,
        device_id TEXT NOT NULL, station_id TEXT NOT NULL, domain TEXT NOT NULL, quantity TEXT NOT NULL,
        state TEXT NOT NULL, severity INTEGER NOT NULL, opened_ns INTEGER NOT NULL, observed_ns INTEGER NOT NULL,
        value REAL, limit_value REAL, event_id TEXT NOT NULL, resolved_ns INTEGER, acknowledged_ns INTEGER,
        acknowledged_by TEXT NOT NULL, waiting TEXT NOT NULL, note TEXT NOT NULL, step INTEGER NOT NULL,
        text_ja TEXT NOT NULL, text_ja_easy TEXT NOT NULL, text_en TEXT NOT NULL, change_no INTEGER NOT NULL)""",
    # one open alert of a rule at a subject: the file itself refuses a second
    "CREATE UNIQUE INDEX alerts_open ON alerts (rule_id, subject) WHERE state <> 'resolved'",
    "CREATE INDEX alerts_by_change ON alerts (change_no)",
    "CREATE INDEX alerts_by_time ON alerts (opened_ns)",
    "CREATE INDEX alerts_waiting ON alerts (opened_ns) WHERE waiting = 'catching_up'",
    """CREATE TABLE episodes (
        event_id TEXT PRIMARY KEY, alert_id TEXT NOT NULL, openings INTEGER NOT NULL,
        raised_ns INTEGER NOT NULL, end_state TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE TABLE cases (year INTEGER PRIMARY KEY, last_no INTEGER NOT NULL)",
    """CREATE TABLE deliveries (
        delivery_no INTEGER PRIMARY KEY, delivery_id TEXT NOT NULL UNIQUE,
        alert_id TEXT NOT NULL REFERENCES alerts (alert_id), step INTEGER NOT NULL, telling TEXT NOT NULL,
        route_id TEXT NOT NULL, contact_id TEXT NOT NULL, channel TEXT NOT NULL, severity INTEGER NOT NULL,
        subject TEXT NOT NULL, body TEXT NOT NULL, language TEXT NOT NULL, queued_ns INTEGER NOT NULL,
        state TEXT NOT NULL, attempts INTEGER NOT NULL, next_ns INTEGER NOT NULL, lease_until_ns INTEGER NOT NULL,
        accepted_ns INTEGER, provider_ref TEXT NOT NULL, error TEXT NOT NULL,
        failures INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX episodes_by_alert ON episodes (alert_id)",
    "CREATE INDEX deliveries_by_alert ON deliveries (alert_id, step)",
    """CREATE INDEX deliveries_due ON deliveries (channel, contact_id, severity DESC, delivery_no)
        WHERE state IN ('queued', 'sending')""",
    """CREATE TABLE acknowledgements (
        order_id TEXT PRIMARY KEY, alert_id TEXT NOT NULL, by TEXT NOT NULL, at_ns INTEGER NOT NULL,
        via TEXT NOT NULL) WITHOUT ROWID""",
    "CREATE INDEX acknowledgements_by_alert ON acknowledgements (alert_id, at_ns)",
    "INSERT INTO pulse VALUES (1, '', 0, 0, 0, 0)",
)

ORDERS_SCHEMA: tuple[str, ...] = (
    "CREATE TABLE book (id INTEGER PRIMARY KEY CHECK (id = 1), book_id TEXT NOT NULL)",
    """CREATE TABLE orders (
        order_no INTEGER PRIMARY KEY AUTOINCREMENT, order_id TEXT NOT NULL UNIQUE, alert_id TEXT NOT NULL,
        by TEXT NOT NULL, at_ns INTEGER NOT NULL, via TEXT NOT NULL)""",
    "INSERT INTO book VALUES (1, lower(hex(randomblob(8))))",
)

ALERTS_FROM_1: tuple[str, ...] = (
    _JOURNALS,
    "INSERT INTO journals SELECT '', event_no FROM pulse",
    "ALTER TABLE pulse DROP COLUMN event_no",
)


def open_writer(path: Path, schema: tuple[str, ...], *, from_1: tuple[str, ...] = ()) -> sqlite3.Connection:
    """Open `path` for its one writer; create the tables of a new file, convert one of version 1 by `from_1`.

    Transactions are begun by hand.

    Raises sqlite3.Error when it cannot be opened or is no database, PermanentError when another version wrote it.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
    try:
        # WAL: the page reads while the service writes, and a commit is one append and one sync. The log is written
        # back every 1,000 pages (SQLite's default); these files are small, so nothing else is set.
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: the sync is part of every commit. With NORMAL a power cut takes back what was sent or ordered: a family
        # would be told twice, or an acknowledgement be forgotten (tests/power).
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise PermanentError(f"{path.name} has version {version}, this program reads version {SCHEMA_VERSION}")
        if version < SCHEMA_VERSION:
            for statement in (*(schema if version == 0 else from_1), f"PRAGMA user_version = {SCHEMA_VERSION}"):
                connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open `path` read-only, for use by several threads one after the other.

    Raises sqlite3.OperationalError when the file does not exist.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
