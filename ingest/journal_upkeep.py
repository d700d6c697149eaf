"""Keeps the journal bounded: old rows are thinned to hours, very old ones end, in short steps, never silently.

    observations   after `raw_days` an hour of good values becomes one row of `hours`: first and last time, smallest,
                   largest, mean, how many. Flagged and bad rows, rows at the time of an event of their device, and
                   what is no gauge (states, events, counters, positions) stay as they are
    both           end after `points_days`
    batches        (the order of changes, after folding) end after `batches_days` or beyond `batches_bytes`
    event_log      ends after `events_days` or beyond `events_most` rows; quarantine after `quarantine_days`

Each is counted: thinned_rows, expired_rows, expired_hours, expired_batches, expired_events, expired_quarantine. Pages
that become free are used again; the file does not shrink. Age counts from the newest reading the journal has, where
that is older than the clock: a clock that jumped ahead must not cost the history.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from devices.model import PermanentError
from devices.quantities import base_key, quantity
from devices.site import Site
from ingest.journal_tables import add_counters

HOUR_NS = 3_600 * 1_000_000_000
DAY_NS = 24 * HOUR_NS
PASS_EVERY_NS = HOUR_NS
"""How long to rest after everything was looked through."""
SLICE_ROWS = 4_096
_SLICE_BYTES = 16 * 2**20
_SERIES_A_LOOK = 256

_GOOD = "value IS NOT NULL AND flag IN (1, 2)"  # GOOD and UNKNOWN of ingest.flags
_SPAN = (
    f"series_id = ?1 AND observed_ns >= ?2 AND observed_ns < ?3 AND {_GOOD} AND NOT EXISTS ("  # noqa: S608
    "SELECT 1 FROM event_log AS e WHERE e.observed_ns = observations.observed_ns AND e.device_id = ?4)"
)
_INTO_HOURS = f"""INSERT INTO hours (series_id, hour_ns, first_ns, last_ns, min, max, mean, count)
    SELECT series_id, observed_ns / {HOUR_NS} * {HOUR_NS}, min(observed_ns), max(observed_ns),
        min(value), max(value), avg(value), count(*)
    FROM observations WHERE {_SPAN} GROUP BY observed_ns / {HOUR_NS}
    ON CONFLICT DO UPDATE SET first_ns = min(first_ns, excluded.first_ns), last_ns = max(last_ns, excluded.last_ns),
    min = min(min, excluded.min), max = max(max, excluded.max), count = count + excluded.count,
    mean = (mean * count + excluded.mean * excluded.count) / (count + excluded.count)"""  # noqa: S608 - our own text
_THINNED = f"DELETE FROM observations WHERE {_SPAN}"  # noqa: S608 - our own text
_EXPIRED = """DELETE FROM observations WHERE (series_id, observed_ns, seq) IN (SELECT series_id, observed_ns, seq
    FROM observations WHERE series_id = ?1 AND observed_ns < ?2 LIMIT ?3)"""
_EXPIRED_HOURS = """DELETE FROM hours WHERE (series_id, hour_ns) IN (SELECT series_id, hour_ns
    FROM hours WHERE series_id = ?1 AND last_ns < ?2 LIMIT ?3)"""
_NOW = "SELECT min(?, coalesce(max(received_ns), 0)) FROM latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How long what is kept, in days; raw rows no longer than points."""

    raw_days: int = 400
    points_days: int = 3_650
    batches_days: int = 31
    batches_bytes: int = 2**30
    events_days: int = 3_650
    events_most: int = 1_000_000
    quarantine_days: int = 90


def keep_of(site: Site) -> Keep:
    """Return how long the journal of `site` keeps what."""
    return Keep(raw_days=site.ingest.keep_raw_days, points_days=site.ingest.keep_points_days)


class Upkeep:
    """Goes through the journal in small steps, one transaction each, again and again."""

    def __init__(self, keep: Keep) -> None:
        """Begin with the first step."""
        self._keep = keep
        self._steps: Iterator[Counter[str]] | None = None
        self._rest_until_ns = 0

    def is_due(self, now_ns: int) -> bool:
        """Tell whether there may be something to do; a clock that was set back ends the rest."""
        return not self._rest_until_ns - PASS_EVERY_NS <= now_ns < self._rest_until_ns

    def step(self, connection: sqlite3.Connection, *, now_ns: int) -> None:
        """Do one bounded piece inside the caller's transaction; after the last one comes a rest."""
        if self._steps is None:
            self._steps = _steps(connection, self._keep, now_ns=now_ns)
        counts = next(self._steps, None)
        if counts is None:
            self._steps, self._rest_until_ns = None, now_ns + PASS_EVERY_NS
        else:
            add_counters(connection, counts)

    def begin_again(self) -> None:
        """Forget where it stood: the transaction failed or the connection is another one."""
        self._steps = None


def _steps(connection: sqlite3.Connection, keep: Keep, *, now_ns: int) -> Iterator[Counter[str]]:
    """Do everything once, yielding after each bounded piece what it took away."""
    now_ns = connection.execute(_NOW, (now_ns,)).fetchone()[0]
    after = 0
    while series := connection.execute(
        "SELECT series_id, device_id, quantity FROM series WHERE series_id > ? ORDER BY series_id LIMIT ?",
        (after, _SERIES_A_LOOK),
    ).fetchall():
        for series_id, device_id, key in series:
            yield from _expire(connection, series_id, before_ns=now_ns - keep.points_days * DAY_NS)
            if _is_gauge(key):
                raw_ns = now_ns - keep.raw_days * DAY_NS
                yield from _thin(connection, (series_id, device_id), before_ns=raw_ns // HOUR_NS * HOUR_NS)
        after = series[-1][0]
        yield Counter()
    yield from _expire_batches(connection, keep, now_ns=now_ns)
    yield from _expire_events(connection, keep, now_ns=now_ns)
    sql = "DELETE FROM quarantine WHERE last_received_ns < ?"
    gone = connection.execute(sql, (now_ns - keep.quarantine_days * DAY_NS,)).rowcount
    yield Counter(expired_quarantine=gone)


def _is_gauge(key: str) -> bool:
    try:
        return quantity(base_key(key)).kind == "gauge"
    except PermanentError:
        return False  # not known here: keep what there is


def _thin(connection: sqlite3.Connection, series: tuple[int, str], *, before_ns: int) -> Iterator[Counter[str]]:
    series_id, device_id = series
    while (span := _next_span(connection, series_id, before_ns=before_ns)) is not None:
        values = (series_id, *span, device_id)
        connection.execute(_INTO_HOURS, values)
        thinned = connection.execute(_THINNED, values).rowcount
        connection.execute("INSERT OR REPLACE INTO thinned VALUES (?, ?)", (series_id, span[1]))
        yield Counter(thinned_rows=thinned)


def _next_span(connection: sqlite3.Connection, series_id: int, *, before_ns: int) -> tuple[int, int] | None:
    """Return the next whole hours to thin, about SLICE_ROWS rows; None when all is done before `before_ns`."""
    known = connection.execute("SELECT until_ns FROM thinned WHERE series_id = ?", (series_id,)).fetchone()
    sql = (
        "SELECT observed_ns FROM observations WHERE series_id = ? AND observed_ns >= ? AND observed_ns < ?"
        " ORDER BY observed_ns LIMIT 1 OFFSET ?"
    )
    start = connection.execute(sql, (series_id, known[0] if known else 0, before_ns, 0)).fetchone()
    if start is None:
        return None
    hour_ns = start[0] // HOUR_NS * HOUR_NS
    end = connection.execute(sql, (series_id, hour_ns, before_ns, SLICE_ROWS)).fetchone()
    end_ns = before_ns if end is None else max(end[0] // HOUR_NS * HOUR_NS, hour_ns + HOUR_NS)
    return hour_ns, end_ns


def _expire(connection: sqlite3.Connection, series_id: int, *, before_ns: int) -> Iterator[Counter[str]]:
    for name, sql in (("expired_rows", _EXPIRED), ("expired_hours", _EXPIRED_HOURS)):
        while gone := connection.execute(sql, (series_id, before_ns, SLICE_ROWS)).rowcount:
            yield Counter({name: gone})


def _expire_batches(connection: sqlite3.Connection, keep: Keep, *, now_ns: int) -> Iterator[Counter[str]]:
    sql = (
        "SELECT commit_no, stored_ns, end_byte FROM batches WHERE commit_no <= (SELECT folded_no FROM pulse)"
        " ORDER BY commit_no LIMIT ?"
    )
    while oldest := connection.execute(sql, (SLICE_ROWS,)).fetchall():
        end_byte = connection.execute("SELECT coalesce(max(end_byte), 0) FROM batches").fetchone()[0]
        first_byte = oldest[0][2]
        gone = [
            commit_no
            for commit_no, stored_ns, up_to_byte in oldest
            if up_to_byte - first_byte <= _SLICE_BYTES
            and (stored_ns < now_ns - keep.batches_days * DAY_NS or up_to_byte <= end_byte - keep.batches_bytes)
        ]
        if not gone:
            return
        connection.execute("DELETE FROM batches WHERE commit_no <= ?", (gone[-1],))
        connection.execute("UPDATE pulse SET cut_no = ?", (gone[-1],))
        yield Counter(expired_batches=len(gone))


def _expire_events(connection: sqlite3.Connection, keep: Keep, *, now_ns: int) -> Iterator[Counter[str]]:
    surplus = connection.execute("SELECT count(*) FROM event_log").fetchone()[0] - keep.events_most
    while surplus > 0:
        gone = connection.execute(
            "DELETE FROM event_log WHERE event_no IN (SELECT event_no FROM event_log ORDER BY event_no LIMIT ?)",
            (min(surplus, SLICE_ROWS),),
        ).rowcount
        surplus -= gone
        yield Counter(expired_events=gone)
    before_ns = now_ns - keep.events_days * DAY_NS
    sql = (
        "DELETE FROM event_log WHERE event_no IN (SELECT event_no FROM event_log WHERE observed_ns < ?"
        " AND detected_ns < ? LIMIT ?)"
    )
    while gone := connection.execute(sql, (before_ns, before_ns, SLICE_ROWS)).rowcount:
        yield Counter(expired_events=gone)
