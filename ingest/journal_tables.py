"""What one commit writes, table by table. Every function runs inside the writer's transaction and commits nothing.

Writing the same rows twice changes nothing: rows are replaced by identity, events compared with what the log ends in.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby, islice
from typing import Any

from devices.model import Event, QuarantineRow
from ingest.receipts import Ledger

MAX_SPOOLS = 4_096
MAX_SPOOLS_OF_ONE = 64
QUARANTINE_RING = 10_000
QUARANTINE_SHARE = 2_500
QUARANTINE_BURST = 20
QUARANTINE_WINDOW_NS = 3_600 * 1_000_000_000
RAW_BYTES = 4_096
DETAIL_CHARS = 500

SpoolKey = tuple[str, str]
"""Publisher and epoch."""

_EVENT_FIELDS = 11
# by number of rows, not by distance of ids: those in between may be gone
_BEYOND_RING = """DELETE FROM quarantine WHERE id <= (SELECT id FROM quarantine ORDER BY id DESC LIMIT 1 OFFSET ?)"""
_BEYOND_SHARE = """DELETE FROM quarantine WHERE publisher = ?1 AND id <=
    (SELECT id FROM quarantine WHERE publisher = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)"""


def write_events(connection: sqlite3.Connection, events: Sequence[Event], *, commit_no: int, event_no: int) -> int:
    """Append the events that the log does not end in already; return the newest event number.

    An episode may be raised, withdrawn and raised again, so its rows are compared as a sequence and not one by one.
    """
    episodes: dict[str, list[tuple[Any, ...]]] = {}
    for event in events:
        episodes.setdefault(event.event_id, []).append(_event_fields(event))
    known = {event_id for event_id, rows in episodes.items() if _log_ends_in(connection, event_id, rows)}
    for event in events:
        if event.event_id not in known:
            event_no += 1
            places = ", ".join("?" * (_EVENT_FIELDS + 2))
            connection.execute(
                f"INSERT INTO event_log VALUES ({places})",  # noqa: S608 - question marks
                (event_no, commit_no, *_event_fields(event)),
            )
    return event_no


def _event_fields(event: Event) -> tuple[Any, ...]:
    value, limit = (None if math.isnan(number) else number for number in (event.value, event.limit))
    return (
        event.event_id, event.rule_id, event.subject, event.device_id, event.quantity, event.state.value,
        int(event.severity), event.observed_ns, event.detected_ns, value, limit,
    )  # fmt: skip


def _log_ends_in(connection: sqlite3.Connection, event_id: str, rows: Sequence[tuple[Any, ...]]) -> bool:
    stored = connection.execute(
        "SELECT event_id, rule_id, subject, device_id, quantity, state, severity, observed_ns, detected_ns, value,"
        " limit_value FROM event_log WHERE event_id = ? ORDER BY event_no DESC LIMIT ?",
        (event_id, len(rows)),
    ).fetchall()
    return stored[::-1] == rows


def write_quarantine(connection: sqlite3.Connection, rows: Sequence[QuarantineRow]) -> None:
    """Keep each row; of a flood from one source for one reason, the first rows of an hour and a count of the rest.

    The table holds the newest QUARANTINE_RING rows, of one publisher no more than QUARANTINE_SHARE: one that makes up
    device ids must not push out what others did. The counters know of all.
    """

    def source(row: QuarantineRow) -> tuple[str, str, str]:
        return row.publisher, row.device_id, row.reason

    if not rows:
        return
    for key, group in groupby(sorted(rows, key=source), key=source):
        _quarantine_source(connection, key, list(group))
    for publisher in {row.publisher for row in rows}:
        connection.execute(_BEYOND_SHARE, (publisher, QUARANTINE_SHARE))
    connection.execute(_BEYOND_RING, (QUARANTINE_RING,))


def _quarantine_source(
    connection: sqlite3.Connection, key: tuple[str, str, str], rows: Sequence[QuarantineRow]
) -> None:
    since_ns = max(row.received_ns for row in rows) - QUARANTINE_WINDOW_NS
    kept, newest_id = connection.execute(
        "SELECT count(*), max(id) FROM quarantine WHERE publisher = ? AND device_id = ? AND reason = ?"
        " AND received_ns > ?",
        (*key, since_ns),
    ).fetchone()
    alone = max(0, QUARANTINE_BURST - kept)
    for row in rows[:alone]:
        newest_id = connection.execute(
            "INSERT INTO quarantine (publisher, device_id, reason, detail, raw, received_ns, last_received_ns, count)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 1)",
            (*key, row.detail[:DETAIL_CHARS], row.raw[:RAW_BYTES], row.received_ns, row.received_ns),
        ).lastrowid
    folded = rows[alone:]
    if folded:
        connection.execute(
            "UPDATE quarantine SET count = count + ?, last_received_ns = max(last_received_ns, ?) WHERE id = ?",
            (len(folded), max(row.received_ns for row in folded), newest_id),
        )


def write_ledger(connection: sqlite3.Connection, key: SpoolKey, change: tuple[Ledger, Ledger], *, now_ns: int) -> None:
    """Write what is committed of one spool, given as (before, after), and the gaps that came or closed."""
    before, after = change
    connection.execute(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " watermark = excluded.watermark, ahead = excluded.ahead, heard_ns = excluded.heard_ns",
        (*key, after.watermark, json.dumps(after.ahead), now_ns),
    )
    if before.gaps == after.gaps:
        return
    gone, come = set(before.gaps) - set(after.gaps), set(after.gaps) - set(before.gaps)
    connection.executemany(
        "DELETE FROM gaps WHERE publisher = ? AND epoch = ? AND first_row = ?", [(*key, first) for first, _ in gone]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?)", [(*key, *span, now_ns) for span in sorted(come)]
    )


def spools_to_forget(known: Mapping[SpoolKey, Ledger], news: Mapping[SpoolKey, Ledger]) -> tuple[SpoolKey, ...]:
    """Return the spools of `known` (unheard for longest first) that are too many beside those just heard of.

    First those of a publisher that has too many alone: epochs that one makes up must not push out the spools of others.
    """
    old = [key for key in known if key not in news]
    count = Counter(publisher for publisher, _ in (*old, *news))
    forgotten: dict[SpoolKey, None] = {}
    for key in old:
        if count[key[0]] > MAX_SPOOLS_OF_ONE:
            count[key[0]] -= 1
            forgotten[key] = None
    left = (key for key in old if key not in forgotten)
    forgotten.update(dict.fromkeys(islice(left, max(0, count.total() - MAX_SPOOLS))))
    return tuple(forgotten)


def forget_ledger(connection: sqlite3.Connection, key: SpoolKey) -> None:
    """Remove what is known of a spool that was not heard for longest."""
    connection.execute("DELETE FROM receipts WHERE publisher = ? AND epoch = ?", key)


def add_counters(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the counters; zero leaves no row."""
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(name, count) for name, count in counts.items() if count],
    )
