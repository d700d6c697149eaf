"""Opens the journal for its writer, whatever state the file is in.

After an unclean stop the file is checked. One that is damaged is set aside under a name with the time, never deleted,
and a new one is begun with what can still be read of the old (see `ingest.journal_salvage`).
"""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from devices.model import PermanentError
from devices.set_aside import set_aside, side_files, sync_folder, unfinished
from ingest.journal_faults import JournalDamagedError, StorageError, fault_of
from ingest.journal_salvage import salvage
from ingest.journal_schema import APPLICATION_ID, MIGRATIONS, SCHEMA, SCHEMA_VERSION, connect_writer

log = logging.getLogger(__name__)

CHECK_LIMIT_S = 5.0
_CHECK_STEP = 20_000


def _count_tables(statements: Iterable[str]) -> int:
    return sum(statement.startswith("CREATE TABLE") for statement in statements)


_TABLES_WANTED = {
    version: _count_tables(SCHEMA)
    - sum(_count_tables(statements) for older, statements in MIGRATIONS.items() if older >= version)
    for version in range(1, SCHEMA_VERSION + 1)
}
"""Number of tables by schema version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An open journal. `set_aside` is the damaged file that stood in its place and `damage` what was wrong with it.

    Once that is on record in the journal, call `devices.set_aside.end_saving`.
    """

    connection: sqlite3.Connection
    was_unclean: bool = False
    set_aside: Path | None = None
    damage: str = ""


def open_file(path: Path, *, now_ns: int) -> Opened:
    """Return the journal at `path`, sound and with all tables; a new one when there is none or it is damaged.

    Raises StorageError when the disk does not let us, PermanentError when a newer Satomori wrote the file.
    """
    unsaved = _unfinished(path)
    try:
        opened = _open_sound(path)
    except JournalDamagedError as error:
        return _begin_anew(path, unsaved, damage=str(error), now_ns=now_ns)
    except sqlite3.Error as error:
        fault = fault_of(error, path)
        if isinstance(fault, JournalDamagedError):
            return _begin_anew(path, unsaved, damage=str(fault), now_ns=now_ns)
        raise (fault or error) from error
    return _save(path, opened, unsaved, damage="saving it was interrupted") if unsaved else opened


def _open_sound(path: Path) -> Opened:
    is_empty = not path.exists() or path.stat().st_size == 0
    if is_empty and any(side_file.stat().st_size for side_file in side_files(path)):
        # SQLite would delete the log: it may be all that is left
        raise JournalDamagedError(f"journal {path} is empty or gone but its write-ahead log is there")
    connection = connect_writer(path)
    try:
        # also a file whose very first start was killed before its tables were committed
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0:
            _create_tables(connection, path)
            return Opened(connection=connection)
        version = _check_identity(connection, path)
        was_unclean = bool(connection.execute("SELECT is_open FROM pulse").fetchone()[0])
        if was_unclean:
            _check_pages(connection, path)
        for older in range(version, SCHEMA_VERSION):
            _migrate(connection, older)
    except BaseException:
        connection.close()
        raise
    return Opened(connection=connection, was_unclean=was_unclean)


def _create_tables(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute("COMMIT")
    sync_folder(path.parent)


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Make the file one of the next schema version; a kill before the end leaves it as it was."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in MIGRATIONS[version]:
            connection.execute(statement)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    log.info("journal_migrated", extra={"from_schema": version, "to_schema": version + 1})


def _check_identity(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of the file."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    tables = connection.execute(
        "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    ).fetchone()[0]
    if application == APPLICATION_ID and version > SCHEMA_VERSION:
        raise PermanentError(
            f"journal {path} has schema {version}; this Satomori knows up to {SCHEMA_VERSION}: install the newer one"
        )
    wanted = _TABLES_WANTED.get(version, 0)
    if application != APPLICATION_ID or not wanted or tables < wanted:
        raise JournalDamagedError(f"journal {path} is not a whole journal: {tables} of {wanted} tables")
    if connection.execute("SELECT count(*) FROM pulse").fetchone()[0] != 1:
        raise JournalDamagedError(f"journal {path} has no pulse row")
    return int(version)


def _check_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Look through the pages for at most CHECK_LIMIT_S: a town must not stay blind because its history is long."""
    deadline_s = time.monotonic() + CHECK_LIMIT_S
    connection.set_progress_handler(lambda: time.monotonic() > deadline_s, _CHECK_STEP)
    try:
        answer = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_INTERRUPT":
            raise
        log.warning("journal_check_unfinished", extra={"limit_s": CHECK_LIMIT_S})
        return
    finally:
        connection.set_progress_handler(None, 0)
    if answer != "ok":
        raise JournalDamagedError(f"journal {path}: {answer}")


def _begin_anew(path: Path, unsaved: Sequence[Path], *, damage: str, now_ns: int) -> Opened:
    try:
        aside = set_aside(path, now_ns=now_ns)
    except OSError as error:
        raise StorageError(f"damaged journal {path} cannot be set aside: {error.strerror}") from error
    log.error("journal_damaged", extra={"set_aside": aside.name})
    try:
        opened = _open_sound(path)
    except sqlite3.Error as error:
        raise (fault_of(error, path) or error) from error
    return _save(path, opened, [*unsaved, aside], damage=damage)


def _save(path: Path, opened: Opened, unsaved: Sequence[Path], *, damage: str) -> Opened:
    """Take over what can be read, the newest first: where two files hold the same, its word counts."""
    try:
        for aside in reversed(unsaved):
            salvage(aside, opened.connection)
    except sqlite3.Error as error:
        opened.connection.close()
        raise (fault_of(error, path) or error) from error
    return Opened(connection=opened.connection, was_unclean=True, set_aside=unsaved[-1], damage=damage)


def _unfinished(path: Path) -> list[Path]:
    try:
        return unfinished(path)
    except OSError as error:
        raise StorageError(f"journal {path} cannot be opened: {error.strerror}") from error
