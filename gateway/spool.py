"""The durable outbox: what it has taken is on disk, numbered without gaps, until the hub says it has it.

One SQLite file, one writing connection behind one lock. Every method is one step: it is on disk when it returns, or
it has changed nothing. A disk that refuses raises TransientError: nothing was taken, nothing may be acknowledged
upstream, trying again later is right. The start and the end of such a fault are logged once each.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import RLock
from types import MappingProxyType
from typing import NoReturn

from devices.model import TransientError
from devices.set_aside import end_saving, set_aside
from gateway import spool_file, spool_rows
from gateway.spool_ballast import Ballast
from gateway.spool_room import Senders, make_room
from gateway.spool_types import DamagedRow, NewRow, Ranges, SpoolOptions, SpoolState, StoredRow, Want

log = logging.getLogger(__name__)

_NO_NOTES: Mapping[str, str] = MappingProxyType({})
_STRIKE_CHUNK = 64
_EXPIRE_CHUNK = 2_000
_SALVAGE_CHUNK = 500
_PAGE = 4_096
_ROW_OVERHEAD = 100
_SAVED = "saved/"


class _BoundError(TransientError):
    """The file is as large as it may be (not: the disk is full)."""


class Spool:
    """See the module. Made by `Spool.open`; safe to use from several threads."""

    def __init__(self, options: SpoolOptions, *, lock_file: int) -> None:
        self._options = options
        self._lock_file = lock_file
        self._lock = RLock()
        self._db = sqlite3.connect(":memory:")
        self._is_open = False
        self._is_damaged = False
        self._fault = ""
        self._epoch = ""
        self._page_limit = 0
        self._found_damaged: list[DamagedRow] = []
        self._uncounted: dict[str, int] = {}
        self._senders = Senders()
        ballast = options.path.with_name(options.path.name + ".ballast")
        self._ballast = Ballast(ballast, spool_bytes=options.max_bytes)
        self._is_tight = False

    @classmethod
    def open(cls, options: SpoolOptions, *, now_ns: int) -> Spool:
        """Open or make the spool; a damaged file is set aside and what is readable in it is taken over.

        Raises TransientError when the disk refuses or another process holds the spool.
        """
        spool = cls(options, lock_file=spool_file.hold_lock(options.path.with_name(options.path.name + ".lock")))
        try:
            spool._open_file(now_ns=now_ns)
        except BaseException:
            os.close(spool._lock_file)
            raise
        return spool

    @property
    def epoch(self) -> str:
        """Random hex name of this life of the file; with the row number it is the identity of a row on seam 2."""
        return self._epoch

    def append(self, rows: Sequence[NewRow], *, notes: Mapping[str, str] = _NO_NOTES) -> range:
        """Take `rows` and `notes` in one transaction; return the numbers given, 1, 2, 3 … without a gap.

        When this returns the rows are on disk. Raises TransientError when nothing was taken.
        """
        with self._lock:
            need = _pages(rows)
            self._senders.note(rows)
            if self._is_near_bound(tenths=9, need=need):
                self._make_room(need)
            try:
                numbers = self._insert(rows, notes)
            except _BoundError:
                self._make_room(need)
                numbers = self._insert(rows, notes)
            self._leave_fault()
            return numbers

    def waiting(self, want: Want) -> list[StoredRow]:
        """Return unsent rows in order of number, within `want`; at least one when there is one.

        A row whose checksum fails is moved to `damaged`, counted, and told by `found_damaged`.
        """
        with self._reading() as db:
            rows, bad = spool_rows.read_waiting(db, want)
        if bad:
            with self._writing() as db:
                spool_rows.put_damaged(db, bad)
            with self._lock:
                self._found_damaged += [DamagedRow(number=number, body=body) for number, _, body in bad]
                del self._found_damaged[: -spool_rows.DAMAGED_KEPT]
            log.error("spool_rows_damaged", extra={"rows": len(bad), "first": bad[0][0]})
        return rows

    def confirm(self, ranges: Ranges, *, now_ns: int) -> int:
        """Mark rows as stored by the hub; return how many were not so before. They stay for `keep_done_ns`.

        When there is no room for the marks (the bound is reached, the disk is full) the rows are deleted instead.
        """
        with self._reading() as db:
            condition = "done_ns IS NULL AND number BETWEEN ? AND ?"
            news = [span for span in ranges if spool_rows.exists(db, condition, *span)]
        if not news:
            return 0
        if not self._is_tight:
            try:
                with self._writing() as db:
                    return spool_rows.mark_done(db, news, now_ns=now_ns)
            except _BoundError:
                log.warning("spool_marks_have_no_room", extra={"spool": self._options.path.name})
        return self._strike_out(news)

    def _strike_out(self, ranges: Ranges) -> int:
        count = 0
        while True:
            with self._writing() as db:  # small steps: the log of a large one may not have room
                step = spool_rows.strike_out(db, ranges, most=_STRIKE_CHUNK)
            count += step
            if step < _STRIKE_CHUNK:
                return count

    def done_within(self, ranges: Ranges) -> int:
        """Return how many rows in `ranges` are still held and marked as stored by the hub."""
        with self._reading() as db:
            return spool_rows.count_done(db, ranges)

    def unconfirm(self, ranges: Ranges) -> int:
        """Mark rows as unsent again (the hub lost them); return how many."""
        with self._writing() as db:
            return spool_rows.unmark_done(db, ranges)

    def release(self, *, up_to: int) -> int:
        """Delete rows up to number `up_to` that the hub has, before their time; return how many."""
        with self._writing() as db:
            return db.execute("DELETE FROM rows WHERE done_ns IS NOT NULL AND number <= ?", (up_to,)).rowcount

    def floor(self) -> int:
        """Return the lowest row that can still be sent; the next number when the spool is empty."""
        with self._reading() as db:
            lowest = db.execute("SELECT min(number) FROM rows").fetchone()[0]
            return self.newest() + 1 if lowest is None else int(lowest)

    def newest(self) -> int:
        """Return the highest number ever given, 0 when none."""
        with self._reading() as db:
            return int(spool_rows.fact(db, "newest"))

    def holds(self, number: int) -> bool:
        """Return whether row `number` is still here, sent or not."""
        with self._reading() as db:
            return spool_rows.exists(db, "number = ?", number)

    def first_waiting_since(self, received_ns: int) -> int | None:
        """Return the lowest unsent row received at or after `received_ns`, None when there is none."""
        with self._reading() as db:
            found = db.execute(
                "SELECT min(number) FROM rows WHERE done_ns IS NULL AND received_ns >= ?", (received_ns,)
            ).fetchone()[0]
        return None if found is None else int(found)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter; it reaches the disk with the next rows."""
        with self._lock:
            self._uncounted[name] = self._uncounted.get(name, 0) + number

    def notes(self, prefix: str) -> dict[str, str]:
        """Return the notes whose key begins with `prefix`, by the rest of the key."""
        with self._reading() as db:
            return spool_rows.read_notes(db, prefix)

    def state(self) -> SpoolState:
        """Return the figures of this moment."""
        with self._reading() as db:
            return spool_rows.read_state(db, uncounted=self._uncounted)

    def found_damaged(self) -> list[DamagedRow]:
        """Return the rows that were found damaged and not yet told, oldest find first."""
        with self._lock:
            return list(self._found_damaged)

    def forget_damaged(self, count: int) -> None:
        """Forget the first `count` of `found_damaged`: they have been told."""
        with self._lock:
            del self._found_damaged[:count]

    def tend(self, *, now_ns: int) -> None:
        """Housekeeping, about once a second: replace a damaged file, delete old rows that the hub has.

        Raises TransientError when the disk refuses.
        """
        if self._is_damaged:
            self.start_over(now_ns=now_ns)
        limit_ns = now_ns - self._options.keep_done_ns
        with self._reading() as db:
            has_old = spool_rows.exists(db, "done_ns IS NOT NULL AND done_ns < ?", limit_ns)
        is_relaxed = self._relax()
        # after a fault the write is tried in any case: it is what finds out that the fault is over
        if not has_old and not self._fault:
            return
        with self._writing() as db:
            db.execute(
                "DELETE FROM rows WHERE number IN (SELECT number FROM rows WHERE done_ns < ? LIMIT ?)",
                (limit_ns, _EXPIRE_CHUNK),
            )
            db.execute("UPDATE facts SET value = '0' WHERE key = 'is_clean'")
        if is_relaxed:
            self._leave_fault()

    def start_over(self, *, now_ns: int) -> None:
        """Set the file aside and go on in a new one: new epoch, all unsent rows that are readable taken over.

        For a file that is damaged, or that is older than the hub's receipts say (a card that forgot what it wrote).
        Raises TransientError when the disk refuses; call again then.
        """
        with self._lock:
            if self._is_open:
                self._db.close()
                self._is_open = False
                try:
                    set_aside(self._options.path, now_ns=now_ns)
                except OSError as error:
                    raise TransientError(f"spool {self._options.path.name} cannot be set aside: {error}") from error
            self._open_file(now_ns=now_ns)

    def close(self) -> None:
        """Mark the file as closed in order and let go of it."""
        with self._lock:
            try:
                with self._writing() as db:
                    spool_rows.add_counts(db, self._uncounted)
                    db.execute("UPDATE facts SET value = '1' WHERE key = 'is_clean'")
            except TransientError as error:
                log.warning("spool_close_failed", extra={"error": str(error)})
            self._db.close()
            self._is_open = False
            os.close(self._lock_file)

    def _open_file(self, *, now_ns: int) -> None:
        path = self._options.path
        self._ballast.keep()
        try:
            self._db, unsaved = spool_file.open_sound(path, self._bounds(), now_ns=now_ns)
            self._page_limit = spool_file.allow_growth(self._db, self._bounds())
        except (sqlite3.Error, OSError) as error:
            raise TransientError(f"spool {path.name} cannot be opened: {error}") from error
        self._is_open = True
        self._is_damaged = False
        self._is_tight = False
        self._epoch = spool_rows.fact(self._db, "epoch")
        with self._writing() as db:
            db.execute("UPDATE facts SET value = value + 1 WHERE key = 'starts'")
            db.execute("UPDATE facts SET value = '0' WHERE key = 'is_clean'")
        if unsaved:
            self._save(unsaved)

    def _save(self, unsaved: Sequence[Path]) -> None:
        """Take over what is readable in files set aside; what the disk refuses now is taken over at the next start."""
        try:
            for aside in unsaved:
                self._take_over(aside)
            end_saving(self._options.path)
        except (TransientError, OSError) as error:
            log.error("spool_salvage_failed", extra={"error": str(error)})

    def _take_over(self, aside: Path) -> None:
        note = f"{_SAVED}{aside.name}"
        rows = spool_file.salvage(aside, after=int(self.notes(note).get("", 0)))
        count = 0
        while chunk := list(islice(rows, _SALVAGE_CHUNK)):
            # how far it is stands in the same transaction: a cut in between gives no row twice
            count += len(self.append([row for _, row in chunk], notes={note: str(chunk[-1][0])}))
        log.warning("spool_salvaged", extra={"rows": count, "from": aside.name, "epoch": self._epoch})

    def _insert(self, rows: Sequence[NewRow], notes: Mapping[str, str]) -> range:
        with self._writing() as db:
            numbers = spool_rows.insert(db, rows, notes=notes, counts=self._uncounted)
        self._uncounted.clear()
        return numbers

    def _is_near_bound(self, *, tenths: int, need: int = 0) -> bool:
        with self._reading() as db:
            return (spool_file.used_pages(db) + need) * 10 > self._page_limit * tenths

    def _make_room(self, need: int) -> None:
        # more than needed, so that not every small batch has to make room again
        limit = self._page_limit
        spare = 16 if self._is_tight else limit // 10 + max(8, limit // 64)
        wanted = max(limit // 8, limit - need - spare)
        try:
            with self._writing() as db:
                # a disk that others filled costs no unsent row: only what the hub has makes room
                flooding = self._senders.flooding()
                dropped = make_room(db, pages_wanted=wanted, only_done=self._is_tight, flooding=flooding)
                spool_rows.add_counts(db, dropped)
        except _BoundError:
            self._tighten()  # even deleting has no room: it is the disk that is full
            self._enter_fault("SQLITE_FULL")
            raise
        if any(name in dropped for name in spool_rows.DROPPED):
            log.warning("spool_rows_dropped", extra=dict(dropped))

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                self._failed(error)

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                self._undo()
                if isinstance(error, sqlite3.Error):
                    self._failed(error)
                raise

    def _undo(self) -> None:
        try:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.error("spool_rollback_failed", extra={"error": str(error)})

    def _failed(self, error: sqlite3.Error) -> NoReturn:
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        text = f"spool {self._options.path.name} cannot be used: {error} ({name})"
        if not spool_file.is_refusal(error):
            self._is_damaged = True
        elif name == "SQLITE_FULL" and not self._is_tight and self._is_near_bound(tenths=8):
            raise _BoundError(text) from error
        elif name == "SQLITE_FULL":
            self._tighten()
        self._enter_fault(name)
        raise TransientError(text) from error

    def _bounds(self) -> spool_file.Bounds:
        # a log no larger than half the ballast: what it holds can still be written back when the disk is full
        return spool_file.Bounds(max_bytes=self._options.max_bytes, wal_bytes=self._ballast.size_bytes() // 2)

    def _tighten(self) -> None:
        """The disk is full: give up the ballast, and grow no more until there is room again."""
        if not self._is_tight:
            self._ballast.give_up()
            self._page_limit = spool_file.limit_growth(self._db)
            self._is_tight = True

    def _relax(self) -> bool:
        """Return whether the disk has room enough for the ballast; then the file may grow up to its bound again."""
        has_room = self._ballast.keep()
        if has_room and self._is_tight:
            self._page_limit = spool_file.allow_growth(self._db, self._bounds())
            self._is_tight = False
        return has_room or not self._is_tight

    def _enter_fault(self, name: str) -> None:
        if not self._fault:
            log.error("spool_fault", extra={"spool": self._options.path.name, "code": name})
        self._fault = name

    def _leave_fault(self) -> None:
        if self._fault:
            log.warning("spool_fault_over", extra={"spool": self._options.path.name, "code": self._fault})
        self._fault = ""


def _pages(rows: Sequence[NewRow]) -> int:
    """Return about how many pages `rows` take, rather too many."""
    return sum(len(row.body) + _ROW_OVERHEAD for row in rows) * 3 // 2 // _PAGE
