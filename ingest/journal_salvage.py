"""Takes over what can still be read of a damaged journal: history and the event log, in a limited time.

Not taken over: rule state and receipts. With them the new journal would claim readings it may not have; without them
the gateways send their last 24 hours again, and identity makes that harmless. The rest stays in the damaged file.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from ingest.journal_blob import DamagedBatchError, decode
from ingest.journal_faults import StorageError, fault_of
from ingest.journal_schema import connect_reader

log = logging.getLogger(__name__)

LIMIT_S = 5.0
_CHUNK_ROWS = 5_000
_TABLES = (
    # a reader must be able to trust every row that is here
    ("event_log", "WHERE state IN ('raised', 'cleared', 'withdrawn') AND severity BETWEEN 0 AND 3"),
    ("counters", "WHERE typeof(value) = 'integer'"),
    ("gaps", ""),
    ("quarantine", ""),
)
_BY_SERIES = ("latest", "observations", "hours", "thinned")
_NUMBERS = "UPDATE pulse SET commit_no = max(commit_no, ?), event_no = max(event_no, ?)"
_FOLDED = "UPDATE pulse SET folded_no = ?"


def salvage(damaged: Path, connection: sqlite3.Connection) -> None:
    """Copy what is readable in `damaged` into the new journal, for at most LIMIT_S seconds; doing so twice is harmless.

    A fault of the damaged file ends its own table. Raises sqlite3.Error when the disk refuses the new file.
    """
    try:
        source = connect_reader(damaged)
    except sqlite3.Error as error:
        log.warning("journal_salvage_stopped", extra={"error": getattr(error, "sqlite_errorname", "")})
        return
    try:
        with closing(source):
            _salvage(source, connection)
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if isinstance(fault_of(error, damaged), StorageError):
            raise
        log.warning("journal_salvage_stopped", extra={"error": getattr(error, "sqlite_errorname", "")})


def _salvage(source: sqlite3.Connection, connection: sqlite3.Connection) -> None:
    deadline_s = time.monotonic() + LIMIT_S
    for table, sound in _TABLES:
        _copy(table, _rows(source, f"SELECT * FROM {table} {sound}", deadline_s=deadline_s), connection)  # noqa: S608
    series = [row for rows in _rows(source, "SELECT * FROM series", deadline_s=deadline_s) for row in rows]
    _copy("series", iter([series]), connection)
    for table in _BY_SERIES:
        # series by series, so that one bad page ends one series only and no row stays without its series
        for series_id, *_ in series:
            sql = f"SELECT * FROM {table} WHERE series_id = {int(series_id)}"  # noqa: S608 - a number
            _copy(table, _rows(source, sql, deadline_s=deadline_s), connection)
    _salvage_batches(source, connection, deadline_s=deadline_s, known={series_id for series_id, *_ in series})
    for row in _rows(source, "SELECT commit_no, event_no FROM pulse", deadline_s=deadline_s):
        connection.executemany(_NUMBERS, row)


def _salvage_batches(
    source: sqlite3.Connection, connection: sqlite3.Connection, *, deadline_s: float, known: set[int]
) -> None:
    """Copy what was not folded yet; without its pulse all that is there, for folding again changes nothing.

    One by one, so that a bad page ends one batch only. A batch with a series that is lost is left out: that number
    would be given to another one.
    """
    pulse = [row for rows in _rows(source, "SELECT folded_no FROM pulse", deadline_s=deadline_s) for row in rows]
    folded_no = pulse[0][0] if pulse else 0
    sql = f"SELECT commit_no FROM batches WHERE commit_no > {int(folded_no)}"  # noqa: S608 - a number
    for numbers in list(_rows(source, sql, deadline_s=deadline_s)):
        for (commit_no,) in numbers:
            one = f"SELECT * FROM batches WHERE commit_no = {int(commit_no)}"  # noqa: S608 - a number
            sound = [row for rows in _rows(source, one, deadline_s=deadline_s) for row in rows if _is_whole(row, known)]
            _copy("batches", iter([sound]), connection)
    connection.execute(_FOLDED, (folded_no,))


def _is_whole(row: tuple[Any, ...], known: set[int]) -> bool:
    try:
        return known.issuperset(decode(row[-1]).rows.series_id)
    except (DamagedBatchError, TypeError):
        return False


def _rows(source: sqlite3.Connection, sql: str, *, deadline_s: float) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the rows in chunks until the end, the first unreadable page or the deadline."""
    try:
        cursor = source.execute(sql)
        while time.monotonic() < deadline_s and (rows := cursor.fetchmany(_CHUNK_ROWS)):
            yield rows
    except sqlite3.DatabaseError as error:
        log.warning("journal_salvage_incomplete", extra={"error": getattr(error, "sqlite_errorname", "")})


def _copy(table: str, chunks: Iterator[list[tuple[Any, ...]]], connection: sqlite3.Connection) -> None:
    for rows in chunks:
        if rows:
            places = ", ".join("?" * len(rows[0]))
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(f"INSERT OR IGNORE INTO {table} VALUES ({places})", rows)  # noqa: S608 - our names
            connection.execute("COMMIT")
