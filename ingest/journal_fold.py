"""Moves committed batches into the tables `observations` and `latest`, outside the hot path, in short transactions.

A commit writes one row into `batches` (see `ingest.journal_blob`); `pulse.folded_no` is the last commit whose rows are
all in the tables. Readers lay the batches beyond it over the tables, in order, the last one wins. Folding does the
same for good, many batches as one sorted run, so that each page is written once. It may stop at any point: rows that
were folded in part are written once more, which changes nothing. A batch whose bytes are damaged is counted and told
in quarantine, and work goes on.

The batches stay a while after folding: they are the order of changes, which forwarding to other stores reads.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from devices.model import QuarantineRow
from ingest.journal_blob import NOTHING, Block, Columns, DamagedBatchError, decode
from ingest.journal_encode import WITH_NUMPY
from ingest.journal_newest import Candidate, Newest, advance
from ingest.journal_tables import add_counters, write_quarantine

log = logging.getLogger(__name__)

FOLD_ROWS = 65_536
FOLD_BATCHES = 4_096
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
# of a series without any row nothing is the newest: whatever comes next is
_FORGET_LATEST = """DELETE FROM latest WHERE series_id = ?1 AND NOT EXISTS (
    SELECT 1 FROM observations WHERE series_id = ?1) AND NOT EXISTS (SELECT 1 FROM hours WHERE series_id = ?1)"""
_WAITING = (
    "SELECT commit_no, body FROM batches WHERE commit_no > (SELECT folded_no FROM pulse) ORDER BY commit_no LIMIT ?"
)
_NEWEST = "SELECT value, flag, observed_ns, seq, received_ns, heard_ns, commit_no FROM latest WHERE series_id = ?"
_REASON = "damaged_batch"
_COLUMNS = ("series_id", "observed_ns", "seq", "received_ns", "value", "flag", "resent", "clock")
_ALL = 2**31


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Waiting batches that are folded together: their rows as one sorted run of which `place` are in the table."""

    commits: tuple[tuple[int, Columns], ...]
    removed: Columns
    run: tuple[_Array, ...]
    damaged: tuple[QuarantineRow, ...] = ()
    place: int = 0
    is_done: bool = False


@dataclass(slots=True, kw_only=True)
class Backlog:
    """What waits to be folded, as of the last commit, and the fold that was begun."""

    rows: int = 0
    batches: int = 0
    fold: Fold | None = None

    def is_due(self) -> bool:
        """Tell whether there is enough to begin, or something left of what was begun."""
        return self.fold is not None or self.rows >= FOLD_ROWS or self.batches >= FOLD_BATCHES


def backlog_of(connection: sqlite3.Connection) -> Backlog:
    """Return what waits in the file."""
    batches, rows = connection.execute(
        "SELECT count(*), total(rows) FROM batches WHERE commit_no > (SELECT folded_no FROM pulse)"
    ).fetchone()
    return Backlog(rows=int(rows), batches=batches)


def settle(backlog: Backlog, fold: Fold | None) -> None:
    """Take over what `fold_slice` returned, once it is committed."""
    backlog.fold = fold
    if fold is None:
        backlog.rows = backlog.batches = 0
    elif fold.is_done:
        backlog.fold = None
        backlog.batches -= len(fold.commits)
        backlog.rows = backlog.rows - sum(len(rows) for _, rows in fold.commits) if backlog.batches else 0


def fold_slice(
    connection: sqlite3.Connection, fold: Fold | None, *, now_ns: int, most_rows: int | None = None
) -> Fold | None:
    """Fold at most `most_rows` (SLICE_ROWS) rows of the oldest waiting batches, inside the caller's transaction.

    Goes on with `fold`, or begins one. Returns how far it is, None when nothing waits. That the batches are folded is
    written with the last slice only.
    """
    fold = fold or _begin(connection, now_ns=now_ns)
    if fold is None:
        return None
    size = len(fold.run[0])
    # rows that are taken back go in one step with those that stand for them
    end = size if len(fold.removed) else min(size, fold.place + (most_rows or SLICE_ROWS))
    names = list(zip(*map(_as_list, (fold.removed.series_id, fold.removed.observed_ns, fold.removed.seq)), strict=True))
    connection.executemany(_DELETE, names)
    connection.executemany(_UPSERT, zip(*(column[fold.place : end].tolist() for column in fold.run), strict=True))
    if end == size:
        _finish(connection, fold, names)
    return replace(fold, place=end, is_done=end == size)


def fold_all(connection: sqlite3.Connection, fold: Fold | None, *, now_ns: int) -> None:
    """Fold all that waits, inside the caller's transaction."""
    while (fold := fold_slice(connection, fold, now_ns=now_ns, most_rows=_ALL)) is not None:
        fold = None


def fold_now(connection: sqlite3.Connection, block: Block, *, commit_no: int) -> None:
    """Fold one commit that takes rows back; all before it must be folded."""
    fold = Fold(commits=((commit_no, block.rows),), removed=block.removed, run=_run_of([block.rows]))
    fold_slice(connection, fold, now_ns=0, most_rows=_ALL)


def _begin(connection: sqlite3.Connection, *, now_ns: int) -> Fold | None:
    """Gather waiting batches up to about FOLD_ROWS rows; one that takes rows back stands alone."""
    commits: list[tuple[int, Columns]] = []
    damaged: list[QuarantineRow] = []
    rows, removed = 0, NOTHING
    for commit_no, body in connection.execute(_WAITING, (FOLD_BATCHES,)):
        block = _block_of(body, commit_no=commit_no, now_ns=now_ns, damaged=damaged)
        if len(block.removed) and commits:
            break
        commits.append((commit_no, block.rows))
        rows, removed = rows + len(block.rows), block.removed
        if rows >= FOLD_ROWS or len(removed):
            break
    if not commits:
        return None
    run = _run_of([rows for _, rows in commits])
    return Fold(commits=tuple(commits), removed=removed, run=run, damaged=tuple(damaged))


def _finish(connection: sqlite3.Connection, fold: Fold, removed: Sequence[tuple[int, ...]]) -> None:
    newest = _NewestRows(connection)
    for commit_no, rows in fold.commits:
        newest.take_in(rows, commit_no=commit_no)
    newest.write()
    last_no = fold.commits[-1][0]
    # let `latest` show the newest row there is, where it still shows a removed one
    connection.executemany(_SETTLE_LATEST, [(*name, last_no) for name in removed])
    connection.executemany(_FORGET_LATEST, {(series_id,) for series_id, *_ in removed})
    write_quarantine(connection, fold.damaged)
    count = len(fold.damaged)
    add_counters(connection, {"damaged_batches": count, "quarantined": count, f"quarantined.{_REASON}": count})
    connection.execute("UPDATE pulse SET folded_no = ?", (last_no,))


def _run_of(parts: Sequence[Columns]) -> tuple[_Array, ...]:
    """Return the rows of several commits, oldest first, as one run sorted by identity; of one the last holds."""
    columns = [np.concatenate([np.asarray(getattr(part, name)) for part in parts]) for name in _COLUMNS]
    identity = columns[:3]
    order = np.lexsort(identity[::-1])  # stable: a later commit stays behind an earlier one
    is_last = np.ones(len(order), dtype=np.bool_)
    is_last[:-1] = np.logical_or.reduce([np.diff(column[order]) != 0 for column in identity])
    kept = order[is_last]
    return tuple(column[kept] for column in columns)


def _as_list(column: Sequence[int]) -> list[int]:
    return [int(number) for number in column]


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


def _block_of(body: bytes, *, commit_no: int, now_ns: int, damaged: list[QuarantineRow]) -> Block:
    try:
        return decode(body, WITH_NUMPY)
    except DamagedBatchError as error:
        log.error("journal_batch_damaged", extra={"commit_no": commit_no, "error": str(error)})
        detail = f"commit {commit_no}: {error}"
        damaged.append(
            QuarantineRow(
                publisher="", device_id="", reason=_REASON, detail=detail, raw=bytes(body), received_ns=now_ns
            )
        )
        return Block(rows=NOTHING, removed=NOTHING)
