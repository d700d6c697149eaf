"""The one writer of `journal.db` (seam 3): one transaction a batch.

Readings, latest values, events, quarantine, rule state, receipts, counters and heartbeat are committed together or
not at all. What a commit returns may be told to the world (acknowledged, receipted); nothing else may.
"""

from __future__ import annotations

import os
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from devices.model import QuarantineRow
from devices.set_aside import end_saving
from ingest.journal_blob import decode
from ingest.journal_encode import WITH_NUMPY, encode
from ingest.journal_faults import JournalDamagedError, StorageError, fault_of
from ingest.journal_fold import BEHIND_ROWS, Backlog, fold_all, fold_now, fold_slice, settle
from ingest.journal_known import Draft, Stored, read_known
from ingest.journal_open import Opened, open_file
from ingest.journal_schema import connect_writer
from ingest.journal_state import read_state, write_state
from ingest.journal_tables import (
    SpoolKey,
    add_counters,
    forget_ledger,
    spools_to_forget,
    write_events,
    write_ledger,
    write_quarantine,
)
from ingest.journal_upkeep import Keep, Upkeep
from ingest.pipeline import Outcome
from ingest.receipts import Heard, Ledger, ReceiptRows, count_rows, merge, record, subtract

_NS_PER_US = 1_000
_REASON_CHARS = 40
_ADD_BATCH = "INSERT INTO batches (commit_no, stored_ns, rows, end_byte, body) VALUES (?, ?, ?, ?, ?)"
_BEAT = (
    "UPDATE pulse SET heartbeat_ns = ?, batch_id = ?,"
    " commit_no = coalesce(?, commit_no), event_no = coalesce(?, event_no)"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalBatch:
    """All that one step of ingest has to make durable.

    `quarantine` are the rows of packs that did not decode; those of `outcome` are added. `batch_id` names the batch:
    the same name twice in a row is written once, also when the first try ended in an error after it was durable.
    `counts` are added to the counters.
    """

    outcome: Outcome
    receipts: tuple[ReceiptRows, ...] = ()
    quarantine: tuple[QuarantineRow, ...] = ()
    now_ns: int
    batch_id: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def all_quarantine(self) -> tuple[QuarantineRow, ...]:
        """Return every row for the quarantine."""
        return (*self.quarantine, *self.outcome.quarantine, *self.outcome.conflicts)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitResult:
    """What is durable now. `receipts` are the ledgers of the spools the batch spoke of."""

    commit_no: int
    event_no: int
    receipts: Mapping[SpoolKey, Ledger]


class JournalWriter:
    """Writes the journal. One object a file, used by one thread at a time; made by `JournalWriter.open`."""

    def __init__(self, path: Path, connection: sqlite3.Connection, keep: Keep | None = None) -> None:
        """Take over a sound, open file."""
        self._upkeep = Upkeep(keep or Keep())
        self._path = path
        self._connection = connection
        self._file = file_identity(path)
        self._must_reopen = False
        self._known = read_known(connection)

    @classmethod
    def open(cls, path: Path, *, now_ns: int, keep: Keep | None = None) -> JournalWriter:
        """Open or create the journal at `path`; a damaged file is set aside and reported in quarantine and counters.

        Raises StorageError when the disk does not let us, PermanentError when a newer Satomori wrote the file.
        """
        opened = open_file(path, now_ns=now_ns)
        try:
            writer = cls(path, opened.connection, keep)
            writer._note_start(opened, now_ns=now_ns)
            end_saving(path)
        except BaseException as error:
            opened.connection.close()
            raise (_fault_at_start(error, path) or error) from error
        return writer

    def close(self) -> None:
        """Mark the file as cleanly closed and close it."""
        with closing(self._connection), suppress(sqlite3.Error):
            self._connection.execute("UPDATE pulse SET is_open = 0")

    def abandon(self) -> None:
        """Close without the mark of a clean end: what is left to do with a damaged or vanished file."""
        with suppress(sqlite3.Error):
            self._connection.close()

    @property
    def ledgers(self) -> Mapping[SpoolKey, Ledger]:
        """What is committed of every known spool."""
        return MappingProxyType(self._known.ledgers)

    def read_snapshot(self) -> dict[str, bytes]:
        """Return the pipeline's state as of the last commit.

        Raises StorageError or JournalDamagedError when it cannot be read.
        """
        with self._faults():
            return read_state(self._connection)

    def commit(self, batch: JournalBatch) -> CommitResult:
        """Make the batch durable and return what may be told.

        Raises StorageError (nothing is written: commit the same batch again later) or JournalDamagedError (open the
        journal anew and process the messages again).
        """
        self._check_file()
        if self._must_reopen:
            self._reopen()
        spools = merge(batch.receipts)
        if not batch.batch_id or batch.batch_id != self._known.batch_id:
            try:
                with self._transaction() as connection:
                    draft = self._write(connection, batch, spools)
            except BaseException:
                self._known.series.forget_places()
                raise
            self._take_over(draft, batch.outcome)
        return CommitResult(
            commit_no=self._known.commit_no,
            event_no=self._known.event_no,
            receipts={key: self._known.ledgers[key] for key in spools},
        )

    @property
    def is_behind(self) -> bool:
        """Tell whether so much waits to be folded or merged that this goes before new batches."""
        return self._known.backlog.rows > BEHIND_ROWS or self._known.state.is_behind

    def tend(self, *, now_ns: int, is_forced: bool = False) -> bool:
        """Do one short transaction of what commits have put off; return whether there may be more to do.

        Call it between commits, after what they return was told. `is_forced`: fold and merge although little waits.
        Raises what `commit` raises; nothing is lost by it.
        """
        backlog, state = self._known.backlog, self._known.state
        is_folding = backlog.is_due() or (is_forced and backlog.batches > 0)
        is_merging = state.is_due() or (is_forced and state.entries > 0)
        if not is_folding and not is_merging and not self._upkeep.is_due(now_ns):
            return False
        self._check_file()
        if self._must_reopen:
            self._reopen()
        if is_folding:
            backlog = self._known.backlog
            with self._transaction() as connection:
                fold = fold_slice(connection, backlog.fold, now_ns=now_ns)
            settle(backlog, fold)
            return True
        if is_merging:
            self._merge()
            return True
        try:
            with self._transaction() as connection:
                self._upkeep.step(connection, now_ns=now_ns)
        except BaseException:
            self._upkeep.begin_again()
            raise
        return self._upkeep.is_due(now_ns)

    def _merge(self) -> None:
        state = self._known.state
        try:
            with self._transaction() as connection:
                state.merge(connection)
        except BaseException:
            state.begin_again()
            raise
        state.settle(self._connection)

    def _write(self, connection: sqlite3.Connection, batch: JournalBatch, spools: Mapping[SpoolKey, Heard]) -> Draft:
        outcome, quarantine = batch.outcome, batch.all_quarantine()
        is_news = bool(len(outcome.observations) or len(outcome.removed) or outcome.events or quarantine)
        commit_no = self._known.commit_no + is_news
        stored = self._store(connection, outcome, commit_no=commit_no, now_ns=batch.now_ns)
        event_no = write_events(connection, outcome.events, commit_no=commit_no, event_no=self._known.event_no)
        write_quarantine(connection, quarantine)
        write_state(connection, outcome.changed_state)
        ledgers = {key: self._advance(key, heard) for key, heard in spools.items()}
        gap_rows = self._write_ledgers(connection, ledgers, now_ns=batch.now_ns)
        forgotten = self._forget(connection, ledgers)
        add_counters(connection, _counts(batch, quarantine, gap_rows=gap_rows))
        written_no = commit_no if is_news else None
        connection.execute(_BEAT, (batch.now_ns, batch.batch_id, written_no, event_no if is_news else None))
        return Draft(
            commit_no=commit_no, event_no=event_no, batch_id=batch.batch_id, stored=stored, ledgers=ledgers,
            forgotten=forgotten,
        )  # fmt: skip

    def _store(self, connection: sqlite3.Connection, outcome: Outcome, *, commit_no: int, now_ns: int) -> Stored:
        """Write the rows as one blob; those that take rows back go into the tables at once, with all before them.

        So that readers never have to take a row back from what they read.
        """
        rows, removed = outcome.observations, outcome.removed
        if not len(rows) and not len(removed):
            return Stored(new_series={}, end_byte=self._known.end_byte, rows=0, is_folded=False)
        numbered = self._known.series.number(connection, outcome)
        body = encode(rows, removed, series_ids=numbered.observations, removed_ids=numbered.removed)
        end_byte = self._known.end_byte + len(body)
        if len(removed):
            fold_all(connection, self._known.backlog.fold, now_ns=now_ns)
            fold_now(connection, decode(body, WITH_NUMPY), commit_no=commit_no)
        connection.execute(_ADD_BATCH, (commit_no, now_ns, len(rows), end_byte, body))
        return Stored(new_series=numbered.new, end_byte=end_byte, rows=len(rows), is_folded=len(removed) > 0)

    def _take_over(self, draft: Draft, outcome: Outcome) -> None:
        known = self._known
        known.state.take_over(outcome.changed_state)
        known.commit_no, known.event_no, known.batch_id = draft.commit_no, draft.event_no, draft.batch_id
        known.series.take_over(draft.stored.new_series)
        known.end_byte = draft.stored.end_byte
        if draft.stored.is_folded:
            known.backlog = Backlog()
        elif draft.stored.rows:
            known.backlog.rows += draft.stored.rows
            known.backlog.batches += 1
        for key in draft.forgotten:
            del known.ledgers[key]
        for key, ledger in draft.ledgers.items():
            known.ledgers.pop(key, None)  # to the end: this spool was heard last
            known.ledgers[key] = ledger

    def _advance(self, key: SpoolKey, heard: Heard) -> Ledger:
        rows, floor = heard
        return record(self._known.ledgers.get(key, Ledger()), rows=rows, floor=floor)

    def _write_ledgers(self, connection: sqlite3.Connection, ledgers: Mapping[SpoolKey, Ledger], *, now_ns: int) -> int:
        """Write the ledgers; return how many rows are newly known to be lost."""
        gap_rows = 0
        for key, after in ledgers.items():
            before = self._known.ledgers.get(key, Ledger())
            write_ledger(connection, key, (before, after), now_ns=now_ns)
            gap_rows += count_rows(subtract(after.gaps, before.gaps))
        return gap_rows

    def _forget(self, connection: sqlite3.Connection, ledgers: Mapping[SpoolKey, Ledger]) -> tuple[SpoolKey, ...]:
        """Drop the spools unheard for longest when there are too many; such a spool is simply asked for all again."""
        if ledgers.keys() <= self._known.ledgers.keys():
            return ()  # none is new
        forgotten = spools_to_forget(self._known.ledgers, ledgers)
        for key in forgotten:
            forget_ledger(connection, key)
        return forgotten

    def _note_start(self, opened: Opened, *, now_ns: int) -> None:
        """Mark the file as open, count the start, report a damaged file.

        Numbers go on above the clock's microseconds: when a backup was restored or a file begun anew, the cursor that
        alerts kept elsewhere must not lie beyond the numbers that are given from now on.
        """
        known = self._known
        floor = now_ns // _NS_PER_US
        known.commit_no, known.event_no = max(known.commit_no, floor), max(known.event_no, floor)
        with self._transaction() as connection:
            connection.execute("UPDATE pulse SET is_open = 1, started_ns = ?, heartbeat_ns = ?", (now_ns, now_ns))
            add_counters(connection, {"starts": 1, "unclean_starts": int(opened.was_unclean)})
            if opened.set_aside is not None:
                known.commit_no += 1
                write_quarantine(connection, [_damage_row(opened.set_aside, damage=opened.damage, now_ns=now_ns)])
                add_counters(connection, {"journal_damaged": 1, "quarantined": 1, "quarantined.journal_damaged": 1})
                connection.execute("UPDATE pulse SET commit_no = ?1, cut_no = ?1", (known.commit_no,))

    def _check_file(self) -> None:
        """Raise when the name no longer leads to the open file: what is written there, nobody would ever read."""
        try:
            is_same = file_identity(self._path) == self._file
        except OSError as error:
            raise JournalDamagedError(f"journal {self._path} is gone: {error.strerror}") from error
        if not is_same:
            raise JournalDamagedError(f"journal {self._path} was replaced by another file")

    def _reopen(self) -> None:
        self.abandon()
        self._upkeep.begin_again()
        with self._faults():
            self._connection = connect_writer(self._path)
            numbers = self._known.commit_no, self._known.event_no
            self._known = read_known(self._connection)
        self._known.commit_no = max(self._known.commit_no, numbers[0])
        self._known.event_no = max(self._known.event_no, numbers[1])
        self._must_reopen = False

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._faults():
            # IMMEDIATE: a deferred transaction that turns into a writing one fails at once, whatever the busy timeout
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # a full or busy disk leaves the connection good; after an I/O error the file may have come back as another
            name = getattr(error, "sqlite_errorname", "")
            self._must_reopen = self._must_reopen or not name.startswith(("SQLITE_FULL", "SQLITE_BUSY"))
            raise (fault_of(error, self._path) or error) from error


def file_identity(path: Path) -> tuple[int, int]:
    """Return device and inode of the file that bears the name now."""
    found = os.stat(path)  # noqa: PTH116 - once a commit, and pathlib costs twice as much
    return found.st_dev, found.st_ino


def _counts(batch: JournalBatch, quarantine: tuple[QuarantineRow, ...], *, gap_rows: int) -> Counter[str]:
    outcome = batch.outcome
    counts = Counter(batch.counts)
    counts["observations"] += len(outcome.observations)
    counts["duplicates"] += outcome.duplicates
    counts["conflicts"] += len(outcome.conflicts)
    counts["events"] += len(outcome.events)
    counts["quarantined"] += len(quarantine)
    counts["gap_rows"] += gap_rows
    for row in quarantine:
        counts[f"quarantined.{row.reason[:_REASON_CHARS]}"] += 1
    return counts


def _fault_at_start(error: BaseException, path: Path) -> Exception | None:
    if isinstance(error, OSError):
        return StorageError(f"journal {path} cannot be opened: {error.strerror}")
    return fault_of(error, path) if isinstance(error, sqlite3.Error) else None


def _damage_row(set_aside: Path, *, damage: str, now_ns: int) -> QuarantineRow:
    return QuarantineRow(
        publisher="",
        device_id="",
        reason="journal_damaged",
        detail=f"journal set aside as {set_aside.name}: {damage}",
        raw=b"",
        received_ns=now_ns,
    )
