"""Moves committed batches into the tables `observations` and `latest`, outside the hot path, in short transactions.

A commit writes one row into `batches` (see `ingest.journal_blob`); `pulse.folded_no` is the last commit whose rows are
all in the tables. Readers lay the batches beyond it over the tables, in order, the last one wins. Folding does the
same for good, so it may stop at any point: rows of a batch that is folded in part are written once more, which changes
nothing. A batch whose bytes are damaged is counted and told in quarantine, and work goes on.

The batches stay a while after folding: they are the order of changes, which forwarding to other stores reads.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from devices.model import QuarantineRow
from ingest.journal_blob import Block, Columns, DamagedBatchError, decode
from ingest.journal_encode import WITH_NUMPY
from ingest.journal_newest import Candidate, Newest, advance
from ingest.journal_tables import add_counters, write_quarantine

log = logging.getLogger(__name__)

FOLD_ROWS = 65_536
FOLD_BATCHES = 512
"""Folding begins when this much waits: the more at once, the fewer pages are written a row."""
SLICE_ROWS = 8_192
"""At most so many rows a transaction: the next batch of readings waits no longer than that."""
BEHIND_ROWS = 4 * FOLD_ROWS
"""Beyond this folding goes before new batches: what waits is bounded, for the disk and for every reader's memory."""

_Array = np.ndarray[Any, Any]
_UPSERT = """INSERT INTO observations
    (series_id, observed_ns, seq, received_ns, value, flag, resent, clock) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET received_ns = excluded.received_ns, value = excluded.value, flag = excluded.flag,
    resent = excluded.resent, clock = excluded.clock"""
_DELETE = "DELETE FROM observations WHERE series_id = ? AND observed_ns = ? AND seq = ?"
_SETTLE_LATEST = """UPDATE latest SET (observed_ns, seq, received_ns, value, flag, commit_no) =
    (SELECT observed_ns, seq, received_ns, value, flag, ?4 FROM observations WHERE series_id = ?1
    ORDER BY observed_ns DESC, seq DESC LIMIT 1)
    WHERE series_id = ?1 AND observed_ns = ?2 AND seq = ?3
    AND NOT EXISTS (SELECT 1 FROM observations WHERE series_id = ?1 AND observed_ns = ?2 AND seq = ?3)
    AND EXISTS (SELECT 1 FROM observations WHERE series_id = ?1)"""
_WAITING = (
    "SELECT commit_no, body FROM batches WHERE commit_no > (SELECT folded_no FROM pulse) ORDER BY commit_no LIMIT ?"
)
_NEWEST = "SELECT value, flag, observed_ns, seq, received_ns, heard_ns, commit_no FROM latest WHERE series_id = ?"
_REASON = "damaged_batch"


@dataclass(slots=True, kw_only=True)
class Backlog:
    """What waits to be folded, as of the last commit. `done_rows`: rows of the first batch that are folded already."""

    rows: int = 0
    batches: int = 0
    done_rows: int = 0
    is_folding: bool = False

    def is_due(self) -> bool:
        """Tell whether there is enough to begin, or something left of what was begun."""
        return self.is_folding or self.rows >= FOLD_ROWS or self.batches >= FOLD_BATCHES


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What one transaction of folding took off the backlog, to be told to `Backlog` once it is committed."""

    rows: int
    batches: int
    done_rows: int


def backlog_of(connection: sqlite3.Connection) -> Backlog:
    """Return what waits in the file."""
    batches, rows = connection.execute(
        "SELECT count(*), total(rows) FROM batches WHERE commit_no > (SELECT folded_no FROM pulse)"
    ).fetchone()
    return Backlog(rows=int(rows), batches=batches)


def settle(backlog: Backlog, folded: Folded) -> None:
    """Take off what is folded and committed."""
    backlog.batches -= folded.batches
    backlog.rows = backlog.rows - folded.rows if backlog.batches else 0
    backlog.done_rows = folded.done_rows
    backlog.is_folding = backlog.batches > 0


def fold_slice(connection: sqlite3.Connection, *, done_rows: int, now_ns: int, most_rows: int | None = None) -> Folded:
    """Fold at most `most_rows` (SLICE_ROWS) rows of the oldest waiting batches, inside the caller's transaction.

    `done_rows` of the first batch are skipped, they are in the table already.
    """
    pages = _Pages(connection)
    room, skipped, folded_rows, batches = most_rows or SLICE_ROWS, done_rows, 0, 0
    for commit_no, body in connection.execute(_WAITING, (FOLD_BATCHES,)):
        block = _block_of(connection, body, commit_no=commit_no, now_ns=now_ns)
        part = _cut(block.rows, start=skipped, end=skipped + room)
        if len(block.removed) and not skipped:
            pages.remove(block.removed, commit_no=commit_no)
        pages.parts.append(part)
        skipped, room, folded_rows = skipped + len(part), room - len(part), folded_rows + len(part)
        if skipped < len(block.rows):
            break
        pages.newest.take_in(block.rows, commit_no=commit_no)
        connection.execute("UPDATE pulse SET folded_no = ?", (commit_no,))
        batches, skipped = batches + 1, 0
        if room <= 0:
            break
    pages.write()
    return Folded(rows=folded_rows, batches=batches, done_rows=skipped)


def fold_now(connection: sqlite3.Connection, rows: Columns, removed: Columns, *, commit_no: int) -> None:
    """Write the rows of one commit into the tables; all before it must be folded."""
    pages = _Pages(connection)
    pages.remove(removed, commit_no=commit_no)
    pages.parts.append(rows)
    pages.newest.take_in(rows, commit_no=commit_no)
    pages.write()
    connection.execute("UPDATE pulse SET folded_no = ?", (commit_no,))


class _Pages:
    """What one transaction writes, put off so that it is one sorted run."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.parts: list[Columns] = []
        self.newest = _NewestRows(connection)
        self._gone: list[tuple[int, int, int, int]] = []

    def remove(self, removed: Columns, *, commit_no: int) -> None:
        """Delete rows that turned out to be another row, after what was written before them."""
        self.write()
        names = list(zip(removed.series_id, removed.observed_ns, removed.seq, strict=True))
        names = [(int(series_id), int(observed_ns), int(seq)) for series_id, observed_ns, seq in names]
        self._connection.executemany(_DELETE, names)
        self._gone = [(*name, commit_no) for name in names]

    def write(self) -> None:
        write_rows(self._connection, self.parts)
        self.newest.write()
        # let `latest` show the newest row there is, where it still shows a removed one
        self._connection.executemany(_SETTLE_LATEST, self._gone)
        self.parts, self.newest, self._gone = [], _NewestRows(self._connection), []


def write_rows(connection: sqlite3.Connection, parts: Sequence[Columns]) -> None:
    """Write the rows of several commits, oldest first, as one sorted run; of one identity the last one holds."""
    if not any(map(len, parts)):
        return
    series_id, observed_ns, seq, received_ns, value, flag, resent, clock = (
        np.concatenate([np.asarray(getattr(part, name)) for part in parts])
        for name in ("series_id", "observed_ns", "seq", "received_ns", "value", "flag", "resent", "clock")
    )
    order = np.lexsort((seq, observed_ns, series_id))  # stable: a later commit stays behind an earlier one
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = np.logical_or.reduce([np.diff(column[order]) != 0 for column in (series_id, observed_ns, seq)])
    kept = order[is_last]
    columns = (series_id, observed_ns, seq, received_ns, value, flag, resent, clock)
    connection.executemany(_UPSERT, zip(*(column[kept].tolist() for column in columns), strict=True))


class _NewestRows:
    """The rows of `latest` that one transaction looks at."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._rows: dict[int, Newest] = {}

    def take_in(self, rows: Columns, *, commit_no: int) -> None:
        candidates = _best_of(rows)
        for candidate in candidates:
            if candidate.series_id not in self._rows:
                found = self._connection.execute(_NEWEST, (candidate.series_id,)).fetchone()
                if found is not None:
                    self._rows[candidate.series_id] = _as_newest(found)
        advance(self._rows, candidates, commit_no=commit_no)

    def write(self) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO latest (series_id, value, flag, observed_ns, seq, received_ns, heard_ns, commit_no)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (series_id, row.value, row.flag, row.observed_ns, row.seq, row.received_ns, row.heard_ns, row.commit_no)
                for series_id, row in sorted(self._rows.items())
            ],
        )


def _as_newest(found: tuple[Any, ...]) -> Newest:
    value, flag, observed_ns, seq, received_ns, heard_ns, commit_no = found
    return Newest(
        value=value, flag=flag, observed_ns=observed_ns, seq=seq, received_ns=received_ns, heard_ns=heard_ns,
        commit_no=commit_no,
    )  # fmt: skip


def _best_of(rows: Columns) -> list[Candidate]:
    """Return for each series its newest row of a commit, with the newest fresh receive time of all of them."""
    if not len(rows):
        return []
    series_id, observed_ns, seq = (np.asarray(column) for column in (rows.series_id, rows.observed_ns, rows.seq))
    received_ns = np.asarray(rows.received_ns)
    order = np.lexsort((seq, observed_ns, series_id))
    starts = np.flatnonzero(np.diff(series_id[order], prepend=-1))
    best = order[np.append(starts[1:], len(order)) - 1]
    heard_ns = np.maximum.reduceat(np.where(np.asarray(rows.resent) != 0, 0, received_ns)[order], starts)
    columns = (series_id, observed_ns, seq, received_ns, np.asarray(rows.value), np.asarray(rows.flag))
    return [
        Candidate(series, at_ns, number, came_ns, value if value == value else None, flag, max(0, heard))
        for (series, at_ns, number, came_ns, value, flag), heard in zip(
            zip(*(column[best].tolist() for column in columns), strict=True), heard_ns.tolist(), strict=True
        )
    ]


def _cut(rows: Columns, *, start: int, end: int) -> Columns:
    if start == 0 and end >= len(rows):
        return rows
    return Columns(
        series_id=rows.series_id[start:end], observed_ns=rows.observed_ns[start:end], seq=rows.seq[start:end],
        received_ns=rows.received_ns[start:end], value=rows.value[start:end], flag=rows.flag[start:end],
        resent=rows.resent[start:end], clock=rows.clock[start:end],
    )  # fmt: skip


def _block_of(connection: sqlite3.Connection, body: bytes, *, commit_no: int, now_ns: int) -> Block:
    try:
        return decode(body, WITH_NUMPY)
    except DamagedBatchError as error:
        log.error("journal_batch_damaged", extra={"commit_no": commit_no, "error": str(error)})
        detail = f"commit {commit_no}: {error}"
        row = QuarantineRow(
            publisher="", device_id="", reason=_REASON, detail=detail, raw=bytes(body), received_ns=now_ns
        )
        write_quarantine(connection, [row])
        add_counters(connection, {"damaged_batches": 1, "quarantined": 1, f"quarantined.{_REASON}": 1})
        nothing = Columns(series_id=(), observed_ns=(), seq=())
        return Block(rows=nothing, removed=nothing)
