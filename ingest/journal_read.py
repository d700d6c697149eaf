"""The journal for its readers, alerts and api: plain dataclasses, own read-only connection, no transaction held open.

What is folded into the tables and what still stands in batches is one: see `ingest.journal_fresh`.
A reader may start before the journal exists and lives on when the file is replaced: a missing file or table reads as
empty. All times are integer nanoseconds.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from devices.model import Event, EventState, Severity, TransientError
from devices.quantities import is_hearsay
from ingest.journal_blob import DamagedBatchError, decode
from ingest.journal_fresh import Fresh, FreshRow, lay_out
from ingest.journal_newest import Newest
from ingest.journal_rows import (
    ChangedRows,
    Changes,
    EventRow,
    GapRow,
    LatestRow,
    ObservationRow,
    PointRow,
    QuarantineEntry,
    ReceiptRow,
    SeriesRow,
)
from ingest.journal_schema import connect_reader

__all__ = [
    "ChangedRows", "Changes", "EventRow", "GapRow", "JournalReader", "LatestRow", "ObservationRow", "PointRow",
    "QuarantineEntry", "ReceiptRow", "SeriesRow",
]  # fmt: skip

_T = TypeVar("_T")
_Row = tuple[Any, ...]
_EVENT_COLUMNS = (
    "event_no, commit_no, event_id, rule_id, subject, device_id, quantity, state, severity, observed_ns, detected_ns,"
    " value, limit_value"
)
_LATEST = (
    "SELECT series_id, value, flag, observed_ns, seq, received_ns, heard_ns, commit_no FROM latest WHERE commit_no > ?"
)
_OBSERVATIONS = (
    "SELECT observed_ns, received_ns, value, flag, seq FROM observations WHERE series_id = ?"
    " AND observed_ns >= ? AND observed_ns < ? ORDER BY observed_ns, seq LIMIT ?"
)
_COUNTS = """SELECT device_id, quantity, sum(n) FROM series JOIN (
    SELECT series_id, count(*) AS n FROM observations GROUP BY series_id
    UNION ALL SELECT series_id, count(*) FROM temp.fresh AS f WHERE NOT EXISTS (
        SELECT 1 FROM observations AS o WHERE o.series_id = f.series_id AND o.observed_ns = f.observed_ns
        AND o.seq = f.seq) GROUP BY series_id
    ) USING (series_id) GROUP BY series_id"""
# 4 and 9: BAD and MISSING of ingest.flags
_POINTS = """SELECT min(first_ns), max(last_ns), min(least), max(most), sum(total) / sum(n), sum(n) FROM (
    SELECT observed_ns AS first_ns, observed_ns AS last_ns, value AS least, value AS most, value AS total, 1 AS n
        FROM observations AS o WHERE series_id = ?1 AND observed_ns >= ?2 AND observed_ns < ?3
        AND value IS NOT NULL AND flag NOT IN (4, 9) AND (observed_ns < ?5 OR NOT EXISTS (
            SELECT 1 FROM temp.fresh AS f WHERE f.series_id = ?1 AND f.observed_ns = o.observed_ns AND f.seq = o.seq))
    UNION ALL SELECT observed_ns, observed_ns, value, value, value, 1 FROM temp.fresh
        WHERE value IS NOT NULL AND flag NOT IN (4, 9)
    UNION ALL SELECT first_ns, last_ns, min, max, mean * count, count FROM hours
        WHERE series_id = ?1 AND hour_ns > ?2 - 3600000000000 AND first_ns >= ?2 AND first_ns < ?3 AND hour_ns < ?3
    ) GROUP BY (first_ns - ?2) / ?4 ORDER BY 1"""
_CHANGES = "SELECT commit_no, rows, body FROM batches WHERE commit_no > ? ORDER BY commit_no"


class JournalReader:
    """Reads `journal.db`. Safe to share between threads; each call is one short query.

    Every method raises TransientError when the file is there but cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._fresh = Fresh()
        self._series: dict[int, tuple[str, str]] = {}

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            self._drop()

    def commit_no(self) -> int:
        """Return the number of the newest commit that changed something, 0 when there is none."""
        return self._number("SELECT commit_no FROM pulse")

    def journal_id(self) -> str:
        """Return the file's own name, 16 hex digits: that of a copy is the same; "" while there is no journal.

        Numbers of commits and events of files with different ids have nothing to do with one another.
        """
        rows = self._rows("SELECT journal_id FROM pulse")
        return str(rows[0][0]) if rows else ""

    def heartbeat_ns(self) -> int:
        """Return when ingest last said that it works, 0 when never."""
        return self._number("SELECT heartbeat_ns FROM pulse")

    def started_ns(self) -> int:
        """Return when ingest last started, 0 when never."""
        return self._number("SELECT started_ns FROM pulse")

    def events_after(self, event_no: int, *, limit: int = 1000) -> list[EventRow]:
        """Return the events with a higher number, lowest first."""
        sql = f"SELECT {_EVENT_COLUMNS} FROM event_log WHERE event_no > ? ORDER BY event_no LIMIT ?"  # noqa: S608
        return [_event_row(row) for row in self._rows(sql, event_no, limit)]

    def events(self, *, since_ns: int, until_ns: int, limit: int) -> list[EventRow]:
        """Return the events observed at `since_ns` <= t < `until_ns`, newest first."""
        sql = (
            f"SELECT {_EVENT_COLUMNS} FROM event_log WHERE observed_ns >= ? AND observed_ns < ?"  # noqa: S608
            " ORDER BY observed_ns DESC, event_no DESC LIMIT ?"
        )
        return [_event_row(row) for row in self._rows(sql, since_ns, until_ns, limit)]

    def latest(self, *, after_commit_no: int = 0) -> list[LatestRow]:
        """Return the newest observation of every series that changed after that commit, by device and quantity."""

        def read(connection: sqlite3.Connection, fresh: Fresh) -> list[tuple[int, Newest]]:
            newest = fresh.newest(connection)
            folded = connection.execute(_LATEST, (after_commit_no,)).fetchall()
            self._learn_series(connection, newest)
            rows = {series_id: row for series_id, row in newest.items() if row.commit_no > after_commit_no}
            rows |= {row[0]: _newest(row) for row in folded if row[0] not in newest}
            return sorted(rows.items(), key=lambda item: self._series.get(item[0], ("", "")))

        return [
            _latest_row(self._series[series_id], row)
            for series_id, row in (self._look(read) or [])
            if series_id in self._series
        ]

    def series(self) -> list[SeriesRow]:
        """Return every series that ever had an observation, by device and quantity."""
        sql = "SELECT series_id, device_id, quantity FROM series ORDER BY device_id, quantity"
        return [SeriesRow(series_id=s, device_id=d, quantity=q) for s, d, q in self._rows(sql)]

    def observation_counts(self) -> dict[tuple[str, str], int]:
        """Return how many observations are stored, by (device, quantity). Counts rows: not for a busy page."""

        def read(connection: sqlite3.Connection, fresh: Fresh) -> list[_Row]:
            lay_out(connection, fresh.all_rows())
            return connection.execute(_COUNTS).fetchall()

        return {(device_id, quantity): n for device_id, quantity, n in (self._look(read) or [])}

    def observations(  # noqa: PLR0913 - a series and a span, all named
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int
    ) -> list[ObservationRow]:
        """Return the first `limit` observations at `from_ns` <= t < `to_ns`, oldest first, bad ones included.

        Of a time that was thinned (see `ingest.journal_upkeep`) only what was kept; `observation_points` knows all.
        """

        def read(connection: sqlite3.Connection, fresh: Fresh) -> list[ObservationRow]:
            series_id = _series_id(connection, device_id, quantity)
            folded = connection.execute(_OBSERVATIONS, (series_id, from_ns, to_ns, limit)).fetchall()
            rows = {(row[0], row[4]): _observation(row) for row in folded}
            newer = fresh.rows_of(series_id, from_ns=from_ns, to_ns=to_ns)
            if not newer:
                return list(rows.values())
            rows |= {name: _observation(_as_tuple(row)) for name, row in newer.items()}
            return [rows[name] for name in sorted(rows)[:limit]]

        return self._look(read) or []

    def observation_points(  # noqa: PLR0913 - a series and a span, all named
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, points: int
    ) -> list[PointRow]:
        """Return at most `points` rows, one for each equal part of `from_ns` <= t < `to_ns` that has a good value.

        Values that are NaN or flagged bad or missing are left out; suspect ones are not. Thinned hours count with all
        the values they stand for.
        """
        if to_ns <= from_ns or points < 1:
            return []

        def read(connection: sqlite3.Connection, fresh: Fresh) -> list[_Row]:
            series_id = _series_id(connection, device_id, quantity)
            newer = fresh.rows_of(series_id, from_ns=from_ns, to_ns=to_ns)
            lay_out(connection, newer.values())
            fresh_ns = min(newer, default=(to_ns, 0))[0]
            width_ns = -(-(to_ns - from_ns) // points)
            return connection.execute(_POINTS, (series_id, from_ns, to_ns, width_ns, fresh_ns)).fetchall()

        return [
            PointRow(start_ns=start_ns, end_ns=end_ns, min=least, max=most, mean=mean, count=count)
            for start_ns, end_ns, least, most, mean, count in (self._look(read) or [])
        ]

    def changes_after(self, commit_no: int, *, limit: int) -> Changes:
        """Return what the commits after `commit_no` did, in order: at least one commit, else at most `limit` rows.

        Damaged batches are left out; the writer tells of them.
        """

        def read(connection: sqlite3.Connection, _: Fresh) -> Changes:
            newest_no, cut_no = connection.execute("SELECT commit_no, cut_no FROM pulse").fetchone()
            commits: list[ChangedRows] = []
            rows, last_no, is_all = 0, commit_no, True
            for number, count, body in connection.execute(_CHANGES, (commit_no,)):
                if commits and rows + count > limit:
                    is_all = False
                    break
                rows, last_no = rows + count, number
                with suppress(DamagedBatchError):
                    block = decode(body)
                    commits.append(ChangedRows(commit_no=number, rows=block.rows, removed=block.removed))
            last_no = max(last_no, newest_no) if is_all else last_no
            return Changes(commits=tuple(commits), last_commit_no=last_no, is_cut=commit_no < cut_no)

        return self._look(read) or Changes(commits=(), last_commit_no=commit_no, is_cut=False)

    def quarantine(self, *, limit: int) -> list[QuarantineEntry]:
        """Return the rows of the quarantine, the one that was last added to first."""
        sql = (
            "SELECT id, publisher, device_id, reason, detail, raw, received_ns, last_received_ns, count"
            " FROM quarantine ORDER BY last_received_ns DESC, id DESC LIMIT ?"
        )
        return [
            QuarantineEntry(
                id=id_, publisher=publisher, device_id=device_id, reason=reason, detail=detail, raw=raw,
                received_ns=received_ns, last_received_ns=last_received_ns, count=count,
            )
            for id_, publisher, device_id, reason, detail, raw, received_ns, last_received_ns, count in self._rows(
                sql, limit
            )
        ]  # fmt: skip

    def counters(self) -> dict[str, int]:
        """Return all counters by name; they never go back while the file lives."""
        return dict(self._rows("SELECT name, value FROM counters ORDER BY name"))

    def receipts(self) -> list[ReceiptRow]:
        """Return what is committed of every spool, by publisher."""
        sql = "SELECT publisher, epoch, watermark, ahead, heard_ns FROM receipts ORDER BY publisher, heard_ns"
        return [
            ReceiptRow(
                publisher=publisher, epoch=epoch, watermark=watermark,
                ahead=tuple((first, last) for first, last in json.loads(ahead)), heard_ns=heard_ns,
            )
            for publisher, epoch, watermark, ahead, heard_ns in self._rows(sql)
        ]  # fmt: skip

    def gaps(self) -> list[GapRow]:
        """Return the spool rows that are lost for good, by publisher."""
        sql = "SELECT publisher, epoch, first_row, last_row, noted_ns FROM gaps ORDER BY publisher, epoch, first_row"
        return [
            GapRow(publisher=publisher, epoch=epoch, first_row=first_row, last_row=last_row, noted_ns=noted_ns)
            for publisher, epoch, first_row, last_row, noted_ns in self._rows(sql)
        ]

    def _number(self, sql: str) -> int:
        rows = self._rows(sql)
        return int(rows[0][0]) if rows else 0

    def _rows(self, sql: str, *values: str | int) -> Sequence[_Row]:
        # fetchall: an unfinished query would pin the WAL and let it grow
        return self._ask(lambda connection: connection.execute(sql, values).fetchall()) or []

    def _look(self, read: Callable[[sqlite3.Connection, Fresh], _T]) -> _T | None:
        """Return what `read` finds in batches and tables of one moment."""

        def read_at_once(connection: sqlite3.Connection) -> _T:
            connection.execute("BEGIN")
            try:
                self._fresh.refresh(connection)
                return read(connection, self._fresh)
            finally:
                connection.execute("ROLLBACK")

        return self._ask(read_at_once)

    def _ask(self, read: Callable[[sqlite3.Connection], _T]) -> _T | None:
        """Return what `read` finds, None when there is no journal yet."""
        with self._lock:
            try:
                connection = self._current()
                return None if connection is None else read(connection)
            except sqlite3.Error as error:
                self._drop()
                if _is_absent(error):
                    return None
                raise TransientError(f"journal {self._path} cannot be read: {error}") from error

    def _learn_series(self, connection: sqlite3.Connection, newest: dict[int, Newest]) -> None:
        """Know the names of all series; they never change."""
        known = len(self._series)
        if connection.execute("SELECT count(*) FROM series").fetchone()[0] != known or newest.keys() - self._series:
            rows = connection.execute("SELECT series_id, device_id, quantity FROM series")
            self._series = {series_id: (device_id, quantity) for series_id, device_id, quantity in rows}

    def _current(self) -> sqlite3.Connection | None:
        """Return a connection to the file that bears the name now, None when there is none."""
        try:
            found = os.stat(self._path)  # noqa: PTH116 - once a query, and pathlib costs twice as much
        except FileNotFoundError:
            self._drop()
            return None
        file = (found.st_dev, found.st_ino)
        if self._connection is None or file != self._file:
            self._drop()
            self._connection = connect_reader(self._path)
            self._file = file
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._fresh, self._series = Fresh(), {}


def _is_absent(error: sqlite3.Error) -> bool:
    """Tell whether the file went away between two looks, has no tables yet, or was not converted yet."""
    name = getattr(error, "sqlite_errorname", "")
    return name == "SQLITE_CANTOPEN" or str(error).startswith(("no such table", "no such column: journal_id"))


def _number_or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _series_id(connection: sqlite3.Connection, device_id: str, quantity: str) -> int:
    sql = "SELECT series_id FROM series WHERE device_id = ? AND quantity = ?"
    found = connection.execute(sql, (device_id, quantity)).fetchone()
    return -1 if found is None else int(found[0])


def _newest(row: _Row) -> Newest:
    _, value, flag, observed_ns, seq, received_ns, heard_ns, commit_no = row
    return Newest(
        value=value, flag=flag, observed_ns=observed_ns, seq=seq, received_ns=received_ns, heard_ns=heard_ns,
        commit_no=commit_no,
    )  # fmt: skip


def _latest_row(series: tuple[str, str], row: Newest) -> LatestRow:
    device_id, quantity = series
    return LatestRow(
        device_id=device_id, quantity=quantity, value=_number_or_nan(row.value), flag=row.flag,
        observed_ns=row.observed_ns, received_ns=row.received_ns, commit_no=row.commit_no,
        heard_ns=0 if is_hearsay(quantity) else row.heard_ns,
    )  # fmt: skip


def _as_tuple(row: FreshRow) -> _Row:
    return row.observed_ns, row.received_ns, row.value, row.flag, row.seq


def _observation(row: _Row) -> ObservationRow:
    observed_ns, received_ns, value, flag, seq = row
    return ObservationRow(
        observed_ns=observed_ns, received_ns=received_ns, value=_number_or_nan(value), flag=flag,
        seq=None if seq < 0 else seq,
    )  # fmt: skip


def _event_row(row: _Row) -> EventRow:
    (event_no, commit_no, event_id, rule_id, subject, device_id, quantity, state, severity, observed_ns, detected_ns,
     value, limit) = row  # fmt: skip
    event = Event(
        event_id=event_id, rule_id=rule_id, subject=subject, device_id=device_id, quantity=quantity,
        state=EventState(state), severity=Severity(severity), observed_ns=observed_ns, detected_ns=detected_ns,
        value=_number_or_nan(value), limit=_number_or_nan(limit),
    )  # fmt: skip
    return EventRow(event_no=event_no, commit_no=commit_no, event=event)
