"""The journal for its readers, alerts and api: plain dataclasses, own read-only connection, no transaction held open.

A reader may start before the journal exists and lives on when the file is replaced: a missing file or table reads as
empty. All times are integer nanoseconds.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devices.model import Event, EventState, Severity, TransientError
from devices.quantities import is_hearsay
from ingest.journal_schema import connect_reader
from ingest.receipts import Ranges

_Row = tuple[Any, ...]
_EVENT_COLUMNS = (
    "event_no, commit_no, event_id, rule_id, subject, device_id, quantity, state, severity, observed_ns, detected_ns,"
    " value, limit_value"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of the event log; `event_no` grows and is the cursor of alerts."""

    event_no: int
    commit_no: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestRow:
    """Newest observation of a series.

    `value` NaN: the device says it is bad. `heard_ns`: newest receive time of a reading that was not resent, 0 when
    there was none, and for hearsay (said about the device, not by it). `commit_no`: the commit that last changed this
    row.
    """

    device_id: str
    quantity: str
    value: float
    flag: int
    observed_ns: int
    received_ns: int
    heard_ns: int
    commit_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One quantity of one device; `series_id` is the journal's own number."""

    series_id: int
    device_id: str
    quantity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRow:
    """One value with its quality flag; `value` NaN = bad by the device, `seq` None = no frame counter."""

    observed_ns: int
    received_ns: int
    value: float
    flag: int
    seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """Good values of one equal part of a time span: first and last observed time, smallest, largest, mean, how many."""

    start_ns: int
    end_ns: int
    min: float
    max: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """Input that became no reading; `count` equal ones (publisher, device, reason) are folded into this one."""

    id: int
    publisher: str
    device_id: str
    reason: str
    detail: str
    raw: bytes
    received_ns: int
    last_received_ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What is committed of one spool: all rows up to `watermark` except the gaps, and `ahead` beyond it."""

    publisher: str
    epoch: str
    watermark: int
    ahead: Ranges
    heard_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """Spool rows, both ends inclusive, that their gateway can no longer send."""

    publisher: str
    epoch: str
    first_row: int
    last_row: int
    noted_ns: int


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

    def close(self) -> None:
        """Close the connection; the next call opens it again."""
        with self._lock:
            self._drop()

    def commit_no(self) -> int:
        """Return the number of the newest commit that changed something, 0 when there is none."""
        return self._number("SELECT commit_no FROM pulse")

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
        sql = (
            "SELECT device_id, quantity, value, flag, observed_ns, received_ns, heard_ns, commit_no"
            " FROM latest JOIN series USING (series_id) WHERE commit_no > ? ORDER BY device_id, quantity"
        )
        return [
            LatestRow(
                device_id=device_id, quantity=quantity, value=_number_or_nan(value), flag=flag,
                observed_ns=observed_ns, received_ns=received_ns, commit_no=commit_no,
                heard_ns=0 if is_hearsay(quantity) else heard_ns,
            )
            for device_id, quantity, value, flag, observed_ns, received_ns, heard_ns, commit_no in self._rows(
                sql, after_commit_no
            )
        ]  # fmt: skip

    def series(self) -> list[SeriesRow]:
        """Return every series that ever had an observation, by device and quantity."""
        sql = "SELECT series_id, device_id, quantity FROM series ORDER BY device_id, quantity"
        return [SeriesRow(series_id=s, device_id=d, quantity=q) for s, d, q in self._rows(sql)]

    def observation_counts(self) -> dict[tuple[str, str], int]:
        """Return how many observations are stored, by (device, quantity). Counts rows: not for a busy page."""
        sql = (
            "SELECT device_id, quantity, n FROM series JOIN"
            " (SELECT series_id, count(*) AS n FROM observations GROUP BY series_id) USING (series_id)"
        )
        return {(device_id, quantity): n for device_id, quantity, n in self._rows(sql)}

    def observations(  # noqa: PLR0913 - a series and a span, all named
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int
    ) -> list[ObservationRow]:
        """Return the first `limit` observations at `from_ns` <= t < `to_ns`, oldest first, bad ones included."""
        sql = (
            "SELECT observed_ns, received_ns, value, flag, seq FROM observations WHERE series_id ="
            " (SELECT series_id FROM series WHERE device_id = ? AND quantity = ?)"
            " AND observed_ns >= ? AND observed_ns < ? ORDER BY observed_ns, seq LIMIT ?"
        )
        return [
            ObservationRow(
                observed_ns=observed_ns, received_ns=received_ns, value=_number_or_nan(value), flag=flag,
                seq=None if seq < 0 else seq,
            )
            for observed_ns, received_ns, value, flag, seq in self._rows(
                sql, device_id, quantity, from_ns, to_ns, limit
            )
        ]  # fmt: skip

    def observation_points(  # noqa: PLR0913 - a series and a span, all named
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, points: int
    ) -> list[PointRow]:
        """Return at most `points` rows, one for each equal part of `from_ns` <= t < `to_ns` that has a good value.

        Values that are NaN or flagged bad or missing are left out; suspect ones are not.
        """
        if to_ns <= from_ns or points < 1:
            return []
        width_ns = -(-(to_ns - from_ns) // points)
        sql = (
            "SELECT min(observed_ns), max(observed_ns), min(value), max(value), avg(value), count(*)"
            " FROM observations WHERE series_id ="
            " (SELECT series_id FROM series WHERE device_id = ?1 AND quantity = ?2)"
            " AND observed_ns >= ?3 AND observed_ns < ?4"
            " AND value IS NOT NULL AND flag NOT IN (4, 9)"  # BAD and MISSING of ingest.flags
            " GROUP BY (observed_ns - ?3) / ?5 ORDER BY 1"
        )
        return [
            PointRow(start_ns=start_ns, end_ns=end_ns, min=least, max=most, mean=mean, count=count)
            for start_ns, end_ns, least, most, mean, count in self._rows(
                sql, device_id, quantity, from_ns, to_ns, width_ns
            )
        ]

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
        with self._lock:
            try:
                connection = self._current()
                # fetchall: an unfinished query would pin the WAL and let it grow
                return [] if connection is None else connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                self._drop()
                if _is_absent(error):
                    return []
                raise TransientError(f"journal {self._path} cannot be read: {error}") from error

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


def _is_absent(error: sqlite3.Error) -> bool:
    """Tell whether the file went away between two looks, or has no tables yet."""
    name = getattr(error, "sqlite_errorname", "")
    return name == "SQLITE_CANTOPEN" or str(error).startswith("no such table")


def _number_or_nan(value: float | None) -> float:
    return math.nan if value is None else value


def _event_row(row: _Row) -> EventRow:
    (event_no, commit_no, event_id, rule_id, subject, device_id, quantity, state, severity, observed_ns, detected_ns,
     value, limit) = row  # fmt: skip
    event = Event(
        event_id=event_id, rule_id=rule_id, subject=subject, device_id=device_id, quantity=quantity,
        state=EventState(state), severity=Severity(severity), observed_ns=observed_ns, detected_ns=detected_ns,
        value=_number_or_nan(value), limit=_number_or_nan(limit),
    )  # fmt: skip
    return EventRow(event_no=event_no, commit_no=commit_no, event=event)
