"""The spool's file: schema, sound opening, setting a damaged file aside, saving what is still readable in it."""

from __future__ import annotations

import fcntl
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from devices.model import TransientError
from devices.set_aside import set_aside, sync_folder, unfinished
from gateway.spool_rows import read_row
from gateway.spool_types import NewRow

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_CHECK_LIMIT_S = 10.0
_BUSY_MS = 5_000
_WAL_PAGES_MOST = 1_000
_WAL_PAGES_LEAST = 8
_PAGES_LEAST = 64
_UNREAD_STEP = 8
_UNREAD_MOST = 1_000

_SCHEMA = (
    "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE rows (number INTEGER PRIMARY KEY, lane INTEGER NOT NULL, device_id TEXT NOT NULL,"
    " received_ns INTEGER NOT NULL, records INTEGER NOT NULL, crc INTEGER NOT NULL, body BLOB NOT NULL,"
    " done_ns INTEGER)",
    "CREATE INDEX rows_waiting ON rows (number) WHERE done_ns IS NULL",
    "CREATE INDEX rows_done ON rows (number) WHERE done_ns IS NOT NULL",
    "CREATE TABLE damaged (number INTEGER PRIMARY KEY, crc INTEGER, body BLOB)",
)

_DISK_REFUSES = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)


def is_refusal(error: sqlite3.Error) -> bool:
    """Return whether the disk or the system refuses now (worth trying again), as against a damaged file."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF in _DISK_REFUSES


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What file and write-ahead log may take. `wal_bytes`: beyond it the log is written back into the file."""

    max_bytes: int
    wal_bytes: int


def open_sound(path: Path, bounds: Bounds, *, now_ns: int) -> tuple[sqlite3.Connection, list[Path]]:
    """Return the one writing connection and the files set aside from which rows are still to be taken over.

    The file is checked when it was not closed in order. Raises sqlite3.Error or OSError when the disk refuses.
    """
    unsaved = unfinished(path)
    try:
        connection = _open(path, bounds)
        if _is_clean(connection) or _is_sound(connection):
            return connection, unsaved
        connection.close()
        reason = "quick_check"
    except sqlite3.Error as error:
        if is_refusal(error):
            raise
        reason = str(error)
    aside = set_aside(path, now_ns=now_ns)
    log.error("spool_set_aside", extra={"spool": path.name, "to": aside.name, "reason": reason})
    return _open(path, bounds), [*unsaved, aside]


def used_pages(connection: sqlite3.Connection) -> int:
    """Return how many pages of the file hold something."""
    return _pragma(connection, "page_count") - _pragma(connection, "freelist_count")


def salvage(path: Path, *, after: int = 0) -> Iterator[tuple[int, NewRow]]:
    """Yield number and content of the unsent rows above `after` of a file set aside, in order.

    Rows whose checksum fails and stretches that cannot be read are left out.
    """
    if not path.exists():
        return  # somebody moved it away, or only its log was left
    last, unread = after, 0
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="replace")
        while unread < _UNREAD_MOST:
            try:
                connection.execute("PRAGMA writable_schema = ON")  # else a file that lost its end is not read at all
                for number, row in _rows_after(connection, last):
                    last, unread = number, 0
                    if row is not None:
                        yield number, row
                return
            except sqlite3.Error as error:
                if unread == 0:
                    log.warning("spool_unreadable", extra={"spool": path.name, "after": last, "reason": str(error)})
            last, unread = last + _UNREAD_STEP, unread + 1


def _rows_after(connection: sqlite3.Connection, last: int) -> Iterator[tuple[int, NewRow | None]]:
    cursor = connection.execute(
        "SELECT number, crc, lane, device_id, received_ns, records, body FROM rows NOT INDEXED"
        " WHERE done_ns IS NULL AND number > ? ORDER BY number",
        (last,),
    )
    for number, crc, *columns in cursor:
        yield number, read_row(number, crc, tuple(columns))


def hold_lock(path: Path) -> int:
    """Return the handle of the lock file `path`, held until it is closed or the process dies.

    Raises TransientError when another process holds it or the file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as error:
        raise TransientError(f"lock file {path.name} cannot be made: {error}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise TransientError(f"spool lock {path.name} is held by another process") from error
    return handle


def _open(path: Path, bounds: Bounds) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_MS / 1000)
    try:
        version = _pragma(connection, "user_version")
        if version not in (0, SCHEMA_VERSION):
            raise sqlite3.DatabaseError(f"schema version {version} is not {SCHEMA_VERSION}")
        _configure(connection, bounds)
        if version == 0:
            _create(connection)
    except BaseException:
        connection.close()
        raise
    sync_folder(path.parent)
    return connection


def limit_growth(connection: sqlite3.Connection) -> int:
    """Let the file grow no more and keep its log short (the disk is full); return the page limit."""
    pages = _pragma(connection, "page_count")
    try:
        connection.execute(f"PRAGMA max_page_count = {pages}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES_LEAST}")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        log.warning("spool_checkpoint_failed", extra={"reason": str(error)})
    return pages


def allow_growth(connection: sqlite3.Connection, bounds: Bounds) -> int:
    """Let the file grow up to its bound; return how many pages that is (the rest of the bound is for the log)."""
    page_size = _pragma(connection, "page_size")
    pages = max(_PAGES_LEAST, bounds.max_bytes * 3 // 4 // page_size)
    wal_pages = max(_WAL_PAGES_LEAST, min(_WAL_PAGES_MOST, pages // 4, bounds.wal_bytes // page_size))
    connection.execute(f"PRAGMA max_page_count = {pages}")
    # a short log: what is in it must still fit into the file when the disk is full (see `spool_ballast`)
    connection.execute(f"PRAGMA wal_autocheckpoint = {wal_pages}")
    # without it the log keeps the length it once had, beside the bound of the file
    connection.execute(f"PRAGMA journal_size_limit = {wal_pages * page_size}")
    return pages


def _configure(connection: sqlite3.Connection, bounds: Bounds) -> None:
    # WAL: taking rows is one append and one sync, and the uplink reads while a source writes.
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: the sync is part of every commit; NORMAL syncs at checkpoints only, and rows that were taken (and so told
    # to the sender) would be gone after a power cut: tests/power. EXTRA adds nothing in WAL mode. Said here because
    # some builds of SQLite have another default. fullfsync is for another system: on Linux each sync flushes the drive.
    connection.execute("PRAGMA synchronous = FULL")
    # auto_vacuum and mmap_size stay off: pages that are moved wear a card, and a mapped page that cannot be read would
    # end the process with a signal where a read ends in an error that can be told.
    allow_growth(connection, bounds)


def _create(connection: sqlite3.Connection) -> None:
    facts = {"epoch": secrets.token_hex(8), "newest": "0", "starts": "0", "is_clean": "1", "thinned": "0"}
    connection.execute("BEGIN IMMEDIATE")
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    connection.execute("COMMIT")


def _is_clean(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT value = '1' FROM facts WHERE key = 'is_clean'").fetchone()[0])


def _is_sound(connection: sqlite3.Connection) -> bool:
    """Run SQLite's quick check for at most 10 s; a check that takes longer counts as passed.

    A large spool on a slow card must not delay measuring, and each row has its own checksum besides.
    """
    deadline_s = time.monotonic() + _CHECK_LIMIT_S
    connection.set_progress_handler(lambda: int(time.monotonic() > deadline_s), 10_000)
    try:
        return bool(connection.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        log.warning("spool_check_unfinished", extra={"limit_s": _CHECK_LIMIT_S})
        return True
    finally:
        connection.set_progress_handler(None, 0)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
