"""What the journal's writer remembers of its file between commits, and what a transaction will change in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from ingest.journal_fold import Backlog, backlog_of
from ingest.journal_series import SeriesNumbers
from ingest.journal_state import StateLog
from ingest.journal_tables import SpoolKey
from ingest.receipts import Ledger, Range


@dataclass(slots=True, kw_only=True)
class Known:
    """What the writer remembers of the file. Changes only after a commit; `ledgers`: longest unheard first."""

    commit_no: int
    event_no: int
    batch_id: str
    series: SeriesNumbers
    ledgers: dict[SpoolKey, Ledger]
    backlog: Backlog
    end_byte: int
    state: StateLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What a transaction changes in `Known` once it is committed."""

    commit_no: int
    event_no: int
    batch_id: str
    stored: Stored
    ledgers: Mapping[SpoolKey, Ledger]
    forgotten: tuple[SpoolKey, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """How the rows of a commit were stored. `is_folded`: they and all before them stand in the tables."""

    new_series: Mapping[tuple[str, str], int]
    end_byte: int
    rows: int
    is_folded: bool


def read_known(connection: sqlite3.Connection) -> Known:
    """Return what the file says."""
    commit_no, event_no, batch_id = connection.execute("SELECT commit_no, event_no, batch_id FROM pulse").fetchone()
    gaps: dict[SpoolKey, list[Range]] = {}
    for publisher, epoch, first, last in connection.execute(
        "SELECT publisher, epoch, first_row, last_row FROM gaps ORDER BY first_row"
    ):
        gaps.setdefault((publisher, epoch), []).append((first, last))
    ledgers = {
        (publisher, epoch): Ledger(
            watermark=watermark,
            ahead=tuple((first, last) for first, last in json.loads(ahead)),
            gaps=tuple(gaps.get((publisher, epoch), ())),
        )
        for publisher, epoch, watermark, ahead in connection.execute(
            "SELECT publisher, epoch, watermark, ahead FROM receipts ORDER BY heard_ns"
        )
    }
    return Known(
        commit_no=commit_no, event_no=event_no, batch_id=batch_id, series=SeriesNumbers(connection), ledgers=ledgers,
        backlog=backlog_of(connection), state=StateLog(connection),
        end_byte=connection.execute("SELECT coalesce(max(end_byte), 0) FROM batches").fetchone()[0],
    )  # fmt: skip
