"""The statements on the spool's tables; each runs inside its caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from gateway.spool_types import Lane, NewRow, Ranges, SpoolState, StoredRow, Want

DROPPED = ("dropped_flood", "dropped_thinned", "dropped_samples", "dropped_events")
"""Counters whose sum is the number of unsent rows given up because the spool was full."""

DAMAGED_KEPT = 200

BadRow = tuple[int, int, bytes]
"""Number, stored checksum and body of a row whose checksum fails."""


def fact(db: sqlite3.Connection, key: str) -> str:
    """Return the value of `key` in the table of facts."""
    return str(db.execute("SELECT value FROM facts WHERE key = ?", (key,)).fetchone()[0])


def exists(db: sqlite3.Connection, condition: str, *values: int) -> bool:
    """Return whether a row meets `condition` (our own SQL with `?` for the values)."""
    sql = f"SELECT EXISTS (SELECT 1 FROM rows WHERE {condition})"  # noqa: S608 - conditions are ours
    return bool(db.execute(sql, values).fetchone()[0])


def insert(
    db: sqlite3.Connection, rows: Sequence[NewRow], *, notes: Mapping[str, str], counts: Mapping[str, int]
) -> range:
    """Write rows under the next numbers, notes and counts; return the numbers."""
    first = int(fact(db, "newest")) + 1
    db.executemany(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
        (
            (n, row.lane, row.device_id, row.received_ns, row.records, row.checksum(n), row.body)
            for n, row in enumerate(rows, first)
        ),
    )
    db.execute("UPDATE facts SET value = ? WHERE key = 'newest'", (str(first + len(rows) - 1),))
    db.executemany(
        "INSERT OR REPLACE INTO facts VALUES (?, ?)", ((f"note/{key}", value) for key, value in notes.items())
    )
    add_counts(db, counts)
    return range(first, first + len(rows))


def read_notes(db: sqlite3.Connection, prefix: str) -> dict[str, str]:
    """Return the notes whose key begins with `prefix`, by the rest of the key."""
    start = f"note/{prefix}"
    rows = db.execute("SELECT key, value FROM facts WHERE key LIKE 'note/%'").fetchall()
    return {key[len(start) :]: value for key, value in rows if key.startswith(start)}


def read_waiting(db: sqlite3.Connection, want: Want) -> tuple[list[StoredRow], list[BadRow]]:
    """Return unsent rows within `want` in order (at least one when there is one), and those that are damaged."""
    cursor = db.execute(
        "SELECT number, crc, lane, device_id, received_ns, records, body FROM rows"
        " WHERE done_ns IS NULL AND number BETWEEN ? AND ? ORDER BY number LIMIT ?",
        (want.first, want.last, want.most_records),
    )
    rows: list[StoredRow] = []
    bad: list[BadRow] = []
    records = size = 0
    for number, crc, *columns in cursor.fetchall():
        row = read_row(number, crc, tuple(columns))
        if row is None:
            body = columns[-1]
            bad.append((number, crc, body if isinstance(body, bytes) else str(body).encode()))
            continue
        records, size = records + row.records, size + len(row.body)
        if rows and (records > want.most_records or size > want.most_bytes):
            break
        rows.append(StoredRow(number=number, received_ns=row.received_ns, records=row.records, body=row.body))
    return rows, bad


def read_row(number: int, crc: int, columns: tuple[object, object, object, object, object]) -> NewRow | None:
    """Return the row that the columns lane, device_id, received_ns, records, body hold; None when `crc` fails."""
    lane, device_id, received_ns, records, body = columns
    if not (
        isinstance(lane, int)
        and isinstance(device_id, str)
        and isinstance(received_ns, int)
        and isinstance(records, int)
        and isinstance(body, bytes)
        and lane in tuple(Lane)
    ):
        return None
    row = NewRow(lane=Lane(lane), device_id=device_id, received_ns=received_ns, records=records, body=body)
    return row if row.checksum(number) == crc else None


def mark_done(db: sqlite3.Connection, ranges: Ranges, *, now_ns: int) -> int:
    """Mark unsent rows as stored by the hub; return how many."""
    statement = "UPDATE rows SET done_ns = ? WHERE done_ns IS NULL AND number BETWEEN ? AND ?"
    return sum(db.execute(statement, (now_ns, *span)).rowcount for span in ranges)


def unmark_done(db: sqlite3.Connection, ranges: Ranges) -> int:
    """Mark rows as unsent again; return how many."""
    statement = "UPDATE rows SET done_ns = NULL WHERE done_ns IS NOT NULL AND number BETWEEN ? AND ?"
    return sum(db.execute(statement, span).rowcount for span in ranges)


def count_done(db: sqlite3.Connection, ranges: Ranges) -> int:
    """Return how many rows in `ranges` are marked as stored by the hub."""
    statement = "SELECT count(*) FROM rows WHERE done_ns IS NOT NULL AND number BETWEEN ? AND ?"
    return sum(int(db.execute(statement, span).fetchone()[0]) for span in ranges)


def strike_out(db: sqlite3.Connection, ranges: Ranges, *, most: int) -> int:
    """Delete at most `most` unsent rows in `ranges` (the hub has them); return how many."""
    statement = (
        "DELETE FROM rows WHERE number IN"
        " (SELECT number FROM rows WHERE done_ns IS NULL AND number BETWEEN ? AND ? LIMIT ?)"
    )
    count = 0
    for span in ranges:
        count += db.execute(statement, (*span, most - count)).rowcount
    return count


def put_damaged(db: sqlite3.Connection, bad: Sequence[BadRow]) -> None:
    """Move damaged rows into the table `damaged`, which keeps the latest 200, and count them."""
    db.executemany("INSERT OR REPLACE INTO damaged VALUES (?, ?, ?)", bad)
    db.executemany("DELETE FROM rows WHERE number = ?", ((number,) for number, _, _ in bad))
    db.execute(
        "DELETE FROM damaged WHERE number NOT IN (SELECT number FROM damaged ORDER BY number DESC LIMIT ?)",
        (DAMAGED_KEPT,),
    )
    add_counts(db, {"damaged": len(bad)})


def add_counts(db: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the counters. Runs inside the caller's transaction."""
    db.executemany(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
        counts.items(),
    )


def read_state(db: sqlite3.Connection, *, uncounted: Mapping[str, int]) -> SpoolState:
    """Return the figures of this moment; `uncounted` are counts that are not on disk yet."""
    rows_waiting = db.execute("SELECT count(*) FROM rows WHERE done_ns IS NULL").fetchone()[0]
    oldest = db.execute("SELECT received_ns FROM rows WHERE done_ns IS NULL ORDER BY number LIMIT 1").fetchone()
    counters = dict(db.execute("SELECT name, value FROM counters").fetchall())
    for name, number in uncounted.items():
        counters[name] = counters.get(name, 0) + number
    return SpoolState(
        rows_waiting=rows_waiting,
        oldest_ns=None if oldest is None else oldest[0],
        rows_dropped=sum(counters.get(name, 0) for name in (*DROPPED, "damaged")),
        starts=int(fact(db, "starts")),
        counters=MappingProxyType(counters),
    )
