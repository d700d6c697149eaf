"""What is committed but not folded into the tables yet, as a reader of the journal sees it.

Kept from query to query: each batch is decoded once. All functions work inside a read transaction of the caller, so
that batches and tables are of one moment. What is here lies over the tables: a row of the same identity replaces.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from ingest.journal_blob import NOTHING, Columns, DamagedBatchError, decode
from ingest.journal_newest import Newest, advance, candidates_of

_UNFOLDED = "SELECT commit_no, body FROM batches WHERE commit_no > ? ORDER BY commit_no"
_NEWEST = "SELECT value, flag, observed_ns, seq, received_ns, heard_ns, commit_no FROM latest WHERE series_id = ?"
_TEMP = """CREATE TEMP TABLE IF NOT EXISTS fresh (
    series_id INTEGER NOT NULL, observed_ns INTEGER NOT NULL, seq INTEGER NOT NULL, value REAL, flag INTEGER NOT NULL,
    PRIMARY KEY (series_id, observed_ns, seq)) WITHOUT ROWID"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshRow:
    """A row that is not folded yet; `value` None = bad by the device, `seq` -1 = no frame counter."""

    series_id: int
    observed_ns: int
    seq: int
    received_ns: int
    value: float | None
    flag: int


class Fresh:
    """The batches that are not folded yet, of one connection."""

    def __init__(self) -> None:
        self._batches: dict[int, Columns] = {}
        self._newest: dict[int, Newest] = {}
        self._folded_no = -1
        self._applied_no = -1

    def refresh(self, connection: sqlite3.Connection) -> None:
        """Read what was committed since the last call, drop what was folded meanwhile."""
        row = connection.execute("SELECT folded_no FROM pulse").fetchone()
        folded_no = row[0] if row else 0
        if folded_no != self._folded_no:
            self._batches = {number: rows for number, rows in self._batches.items() if number > folded_no}
            self._newest, self._applied_no, self._folded_no = {}, folded_no, folded_no
        known_no = next(reversed(self._batches), folded_no)
        for commit_no, body in connection.execute(_UNFOLDED, (known_no,)):
            self._batches[commit_no] = _rows_of(body)

    def newest(self, connection: sqlite3.Connection) -> dict[int, Newest]:
        """Return the newest row of every series that has one here, as if all were folded; call `refresh` before."""
        for commit_no, rows in self._batches.items():
            if commit_no <= self._applied_no:
                continue
            for series_id in set(rows.series_id).difference(self._newest):
                found = connection.execute(_NEWEST, (series_id,)).fetchone()
                if found is not None:
                    value, flag, observed_ns, seq, received_ns, heard_ns, changed_no = found
                    self._newest[series_id] = Newest(
                        value=value, flag=flag, observed_ns=observed_ns, seq=seq, received_ns=received_ns,
                        heard_ns=heard_ns, commit_no=changed_no,
                    )  # fmt: skip
            advance(self._newest, candidates_of(rows), commit_no=commit_no)
            self._applied_no = commit_no
        return self._newest

    def rows_of(self, series_id: int, *, from_ns: int, to_ns: int) -> dict[tuple[int, int], FreshRow]:
        """Return the rows of a series at `from_ns` <= t < `to_ns` by (observed_ns, seq), not sorted."""
        found: dict[tuple[int, int], FreshRow] = {}
        for rows in self._batches.values():
            for place in _places(rows, series_id):
                if from_ns <= rows.observed_ns[place] < to_ns:
                    row = _row(rows, place)
                    found[row.observed_ns, row.seq] = row
        return found

    def all_rows(self) -> Iterator[FreshRow]:
        """Yield all rows in the order of commits; a later one replaces an earlier one of the same identity."""
        for rows in self._batches.values():
            for place in range(len(rows)):
                yield _row(rows, place)


def lay_out(connection: sqlite3.Connection, rows: Iterable[FreshRow]) -> None:
    """Put the rows into the temporary table `fresh`, for SQL that looks at both."""
    connection.execute(_TEMP)
    connection.execute("DELETE FROM temp.fresh")
    connection.executemany(
        "INSERT OR REPLACE INTO temp.fresh VALUES (?, ?, ?, ?, ?)",
        ((row.series_id, row.observed_ns, row.seq, row.value, row.flag) for row in rows),
    )


def _rows_of(body: bytes) -> Columns:
    try:
        return decode(body).rows
    except DamagedBatchError:
        return NOTHING  # the writer tells of it when it folds


def _places(rows: Columns, series_id: int) -> Iterator[int]:
    place = -1
    with suppress(ValueError):  # index() runs in C and says so when there is no more
        while True:
            place = rows.series_id.index(series_id, place + 1)
            yield place


def _row(rows: Columns, place: int) -> FreshRow:
    value = rows.value[place]
    return FreshRow(
        series_id=rows.series_id[place], observed_ns=rows.observed_ns[place], seq=rows.seq[place],
        received_ns=rows.received_ns[place], value=None if math.isnan(value) else value, flag=rows.flag[place],
    )  # fmt: skip
