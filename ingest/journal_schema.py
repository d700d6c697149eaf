"""Tables of `journal.db` (seam 3) and how its one writer and its readers open it.

Columns bear the names of the fields they hold; a value that is NaN is stored as NULL, `seq` -1 means the device has no
frame counter. The rows of a commit stand in `batches` first and are folded into `observations` and `latest` later (see
`ingest.journal_fold`); old rows are thinned into `hours` (see `ingest.journal_upkeep`). `commit_no` and `event_no`
only ever grow, also over a restored backup or a new file (see `ingest.journal`), so that a cursor of a reader can
never be ahead of what is still to come. `journal_id` is made with the file and goes with its copies: numbers of two
files with different ids have nothing to do with one another.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ingest.journal_faults import StorageError

SCHEMA_VERSION = 3
APPLICATION_ID = 0x5361_746F
BUSY_TIMEOUT_MS = 5_000
_WAL_KEPT_BYTES = 64 * 2**20

_NEW_IN_2: tuple[str, ...] = (
    # end_byte: bytes of all bodies ever written up to and with this one
    """CREATE TABLE batches (
        commit_no INTEGER PRIMARY KEY, stored_ns INTEGER NOT NULL, rows INTEGER NOT NULL, end_byte INTEGER NOT NULL,
        body BLOB NOT NULL)""",
    """CREATE TABLE hours (
        series_id INTEGER NOT NULL, hour_ns INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL,
        min REAL NOT NULL, max REAL NOT NULL, mean REAL NOT NULL, count INTEGER NOT NULL,
        PRIMARY KEY (series_id, hour_ns)) WITHOUT ROWID""",
    "CREATE TABLE thinned (series_id INTEGER PRIMARY KEY, until_ns INTEGER NOT NULL)",
)

_NEW_IN_3: tuple[str, ...] = ("CREATE TABLE state_log (no INTEGER PRIMARY KEY, body BLOB NOT NULL)",)
_NEW_ID = "lower(hex(randomblob(8)))"

SCHEMA: tuple[str, ...] = (
    """CREATE TABLE pulse (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        commit_no INTEGER NOT NULL, event_no INTEGER NOT NULL,
        heartbeat_ns INTEGER NOT NULL, started_ns INTEGER NOT NULL,
        batch_id TEXT NOT NULL, is_open INTEGER NOT NULL,
        folded_no INTEGER NOT NULL DEFAULT 0, cut_no INTEGER NOT NULL DEFAULT 0,
        journal_id TEXT NOT NULL DEFAULT '')""",
    """CREATE TABLE series (
        series_id INTEGER PRIMARY KEY, device_id TEXT NOT NULL, quantity TEXT NOT NULL,
        UNIQUE (device_id, quantity))""",
    # the primary key is the reading's identity: writing a row again, or with a changed flag, replaces it
    """CREATE TABLE observations (
        series_id INTEGER NOT NULL, observed_ns INTEGER NOT NULL, seq INTEGER NOT NULL,
        received_ns INTEGER NOT NULL, value REAL, flag INTEGER NOT NULL,
        resent INTEGER NOT NULL, clock INTEGER NOT NULL,
        PRIMARY KEY (series_id, observed_ns, seq)) WITHOUT ROWID""",
    """CREATE TABLE latest (
        series_id INTEGER PRIMARY KEY, value REAL, flag INTEGER NOT NULL,
        observed_ns INTEGER NOT NULL, seq INTEGER NOT NULL, received_ns INTEGER NOT NULL,
        heard_ns INTEGER NOT NULL, commit_no INTEGER NOT NULL)""",
    """CREATE TABLE event_log (
        event_no INTEGER PRIMARY KEY, commit_no INTEGER NOT NULL, event_id TEXT NOT NULL,
        rule_id TEXT NOT NULL, subject TEXT NOT NULL, device_id TEXT NOT NULL, quantity TEXT NOT NULL,
        state TEXT NOT NULL, severity INTEGER NOT NULL,
        observed_ns INTEGER NOT NULL, detected_ns INTEGER NOT NULL, value REAL, limit_value REAL)""",
    "CREATE INDEX event_log_by_id ON event_log (event_id)",
    "CREATE INDEX event_log_by_time ON event_log (observed_ns)",
    """CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY AUTOINCREMENT, publisher TEXT NOT NULL, device_id TEXT NOT NULL,
        reason TEXT NOT NULL, detail TEXT NOT NULL, raw BLOB NOT NULL,
        received_ns INTEGER NOT NULL, last_received_ns INTEGER NOT NULL, count INTEGER NOT NULL)""",
    "CREATE INDEX quarantine_by_source ON quarantine (publisher, device_id, reason, received_ns)",
    "CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL)",
    """CREATE TABLE receipts (
        publisher TEXT NOT NULL, epoch TEXT NOT NULL, watermark INTEGER NOT NULL,
        ahead TEXT NOT NULL, heard_ns INTEGER NOT NULL,
        PRIMARY KEY (publisher, epoch)) WITHOUT ROWID""",
    """CREATE TABLE gaps (
        publisher TEXT NOT NULL, epoch TEXT NOT NULL, first_row INTEGER NOT NULL, last_row INTEGER NOT NULL,
        noted_ns INTEGER NOT NULL,
        PRIMARY KEY (publisher, epoch, first_row)) WITHOUT ROWID""",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
    *_NEW_IN_2,
    *_NEW_IN_3,
    f"INSERT INTO pulse VALUES (1, 0, 0, 0, 0, '', 0, 0, 0, {_NEW_ID})",  # noqa: S608 - our own text
    f"PRAGMA application_id = {APPLICATION_ID}",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)

MIGRATIONS: Mapping[int, tuple[str, ...]] = MappingProxyType(
    {
        1: (
            *_NEW_IN_2,
            "ALTER TABLE pulse ADD COLUMN folded_no INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE pulse ADD COLUMN cut_no INTEGER NOT NULL DEFAULT 0",
            # all there is stands in the tables; of how it came there, nothing is known
            "UPDATE pulse SET folded_no = commit_no, cut_no = commit_no",
            "PRAGMA user_version = 2",
        ),
        # the state is converted by the first commit, see `ingest.keeping_old`
        2: (
            *_NEW_IN_3,
            "ALTER TABLE pulse ADD COLUMN journal_id TEXT NOT NULL DEFAULT ''",
            f"UPDATE pulse SET journal_id = {_NEW_ID}",  # noqa: S608 - our own text
            "PRAGMA user_version = 3",
        ),
    }
)
"""What makes a file of one schema version one of the next, in one transaction."""


def connect_writer(path: Path) -> sqlite3.Connection:
    """Open `path` for the one writer; transactions are begun and ended by hand.

    Raises sqlite3.Error when the file cannot be opened or is no database, StorageError when the disk allows no WAL.
    """
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    # WAL: readers never wait for the writer, and a commit is one append and one sync.
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        connection.close()
        raise StorageError(f"journal {path}: this disk gives journal mode {mode!r}, not 'wal'; use a local disk")
    # FULL: the sync is part of every commit. NORMAL lost 104,460 acknowledged rows in 60 power cuts, FULL none in 600;
    # tests/power cuts at 220 places more and finds NORMAL and OFF. EXTRA adds nothing in WAL mode, fullfsync nothing
    # on Linux (each sync flushes the drive); said here because some builds of SQLite have another default.
    connection.execute("PRAGMA synchronous = FULL")
    # Only the writer checkpoints, every 1,000 pages (readers are mode=ro): two checkpointers at once can lose the WAL.
    connection.execute("PRAGMA wal_autocheckpoint = 1000")
    # A slow reader can make the WAL grow; give the disk space back once it is gone.
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
    # 16 MiB: the pages a fold touches again and again. mmap_size stays 0: a page that cannot be read is then an error
    # that is told and waited out, where a mapped one would end the process.
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open `path` read-only, for use by several threads one after the other.

    Raises sqlite3.OperationalError when the file does not exist.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)
