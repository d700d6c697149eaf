"""What one commit writes, table by table. Every function runs inside the writer's transaction and commits nothing.

Writing the same rows twice changes nothing: rows are replaced by identity, events compared with what the log ends in.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from devices.model import Event, QuarantineRow
from ingest.receipts import Ledger

if TYPE_CHECKING:
    from ingest.batch import Batch

QUARANTINE_RING = 10_000
QUARANTINE_BURST = 20
QUARANTINE_WINDOW_NS = 3_600 * 1_000_000_000
RAW_BYTES = 4_096
DETAIL_CHARS = 500

SpoolKey = tuple[str, str]
"""Publisher and epoch."""

_EVENT_FIELDS = 11

_UPSERT_OBSERVATION = """INSERT INTO observations
    (series_id, observed_ns, seq, received_ns, value, flag, resent, clock) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET received_ns = excluded.received_ns, value = excluded.value, flag = excluded.flag,
    resent = excluded.resent, clock = excluded.clock"""
# newest by (observed_ns, seq); an equal one replaces, because its flag or derived value may have been corrected
_UPSERT_LATEST = """INSERT INTO latest
    (series_id, observed_ns, seq, received_ns, value, flag, heard_ns, commit_no) VALUES (?, ?, ?, ?, ?, ?, 0, ?)
    ON CONFLICT DO UPDATE SET observed_ns = excluded.observed_ns, seq = excluded.seq,
    received_ns = excluded.received_ns, value = excluded.value, flag = excluded.flag, commit_no = excluded.commit_no
    WHERE (excluded.observed_ns, excluded.seq) >= (latest.observed_ns, latest.seq)
    AND (excluded.observed_ns, excluded.seq, excluded.received_ns, excluded.value, excluded.flag)
    IS NOT (latest.observed_ns, latest.seq, latest.received_ns, latest.value, latest.flag)"""
_SETTLE_LATEST = """UPDATE latest SET (observed_ns, seq, received_ns, value, flag, commit_no) =
    (SELECT observed_ns, seq, received_ns, value, flag, ?4 FROM observations WHERE series_id = ?1
    ORDER BY observed_ns DESC, seq DESC LIMIT 1)
    WHERE series_id = ?1 AND observed_ns = ?2 AND seq = ?3
    AND NOT EXISTS (SELECT 1 FROM observations WHERE series_id = ?1 AND observed_ns = ?2 AND seq = ?3)
    AND EXISTS (SELECT 1 FROM observations WHERE series_id = ?1)"""
_UPDATE_HEARD = "UPDATE latest SET heard_ns = ?2, commit_no = ?3 WHERE series_id = ?1 AND heard_ns < ?2"


def write_observations(
    connection: sqlite3.Connection, batch: Batch, *, series_ids: np.ndarray[Any, Any], commit_no: int
) -> None:
    """Write the rows of `batch` and what they change in `latest`.

    `series_ids` (N,) are the journal's numbers of the rows' series. NaN is stored as NULL.
    """
    if len(series_ids) == 0:
        return
    ids = series_ids.tolist()
    columns = (batch.observed_ns, batch.seq, batch.received_ns, batch.value, batch.flag, batch.resent, batch.clock)
    connection.executemany(_UPSERT_OBSERVATION, zip(ids, *(column.tolist() for column in columns), strict=True))
    order = np.lexsort((batch.seq, batch.observed_ns, series_ids))
    starts = np.flatnonzero(np.diff(series_ids[order], prepend=-1))
    last = order[np.append(starts[1:], len(order)) - 1]
    newest = (series_ids, *columns[:5])
    rows = zip(*(column[last].tolist() for column in newest), [commit_no] * len(last), strict=True)
    connection.executemany(_UPSERT_LATEST, rows)
    fresh_ns = np.where(batch.resent, 0, batch.received_ns)[order]
    heard_ns = np.maximum.reduceat(fresh_ns, starts)
    heard = zip(series_ids[last].tolist(), heard_ns.tolist(), [commit_no] * len(last), strict=True)
    connection.executemany(_UPDATE_HEARD, heard)


def remove_observations(
    connection: sqlite3.Connection, removed: Batch, *, series_ids: np.ndarray[Any, Any]
) -> list[tuple[int, int, int]]:
    """Delete rows that turned out to be another row; return who they were, for `settle_latest`."""
    identities = list(zip(series_ids.tolist(), removed.observed_ns.tolist(), removed.seq.tolist(), strict=True))
    connection.executemany("DELETE FROM observations WHERE series_id = ? AND observed_ns = ? AND seq = ?", identities)
    return identities


def settle_latest(
    connection: sqlite3.Connection, identities: Sequence[tuple[int, int, int]], *, commit_no: int
) -> None:
    """Let `latest` show the newest row there is, where it still shows a removed one; after the others are written."""
    connection.executemany(_SETTLE_LATEST, [(*identity, commit_no) for identity in identities])


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

    The table holds the newest QUARANTINE_RING rows; the counters know of all.
    """

    def source(row: QuarantineRow) -> tuple[str, str, str]:
        return row.publisher, row.device_id, row.reason

    if not rows:
        return
    for key, group in groupby(sorted(rows, key=source), key=source):
        _quarantine_source(connection, key, list(group))
    connection.execute("DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (QUARANTINE_RING,))


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


def write_state(connection: sqlite3.Connection, changed: Mapping[str, bytes]) -> None:
    """Write the changed keys of the pipeline's state; an empty value deletes its key."""
    connection.executemany("DELETE FROM state WHERE key = ?", [(key,) for key, value in changed.items() if not value])
    connection.executemany(
        "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value",
        [(key, value) for key, value in changed.items() if value],
    )


def write_ledger(connection: sqlite3.Connection, key: SpoolKey, change: tuple[Ledger, Ledger], *, now_ns: int) -> None:
    """Write what is committed of one spool, given as (before, after), and the gaps that came or closed."""
    before, after = change
    connection.execute(
        "INSERT INTO receipts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " watermark = excluded.watermark, ahead = excluded.ahead, heard_ns = excluded.heard_ns",
        (*key, after.watermark, json.dumps(after.ahead), now_ns),
    )
    gone, come = set(before.gaps) - set(after.gaps), set(after.gaps) - set(before.gaps)
    connection.executemany(
        "DELETE FROM gaps WHERE publisher = ? AND epoch = ? AND first_row = ?", [(*key, first) for first, _ in gone]
    )
    connection.executemany(
        "INSERT OR REPLACE INTO gaps VALUES (?, ?, ?, ?, ?)", [(*key, *span, now_ns) for span in sorted(come)]
    )


def forget_ledger(connection: sqlite3.Connection, key: SpoolKey) -> None:
    """Remove what is known of a spool that was not heard for longest."""
    connection.execute("DELETE FROM receipts WHERE publisher = ? AND epoch = ?", key)


def add_counters(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the counters; zero leaves no row."""
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(name, count) for name, count in counts.items() if count],
    )
