"""What can go wrong with the journal's file, in two kinds: wait and try again, or begin a new file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from devices.model import PermanentError, TransientError

_DAMAGE_NAMES = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ", "SQLITE_IOERR_CORRUPTFS")
_STORAGE_NAMES = (
    "SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_NOMEM", "SQLITE_READONLY", "SQLITE_INTERRUPT", "SQLITE_IOERR",
    "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_PROTOCOL",
)  # fmt: skip


class StorageError(TransientError):
    """The disk is full, read-only, busy or failing. Nothing was written; the same write may succeed later."""


class JournalDamagedError(PermanentError):
    """The file is damaged, gone or another one: it must be opened anew, and rule state read from it again."""


def fault_of(error: sqlite3.Error, path: Path) -> StorageError | JournalDamagedError | None:
    """Return the fault that `error` tells of, None when it is a mistake of the program."""
    name = getattr(error, "sqlite_errorname", "")
    text = f"journal {path}: {error} ({name})"
    if name.startswith(_DAMAGE_NAMES):
        return JournalDamagedError(text)
    if name.startswith(_STORAGE_NAMES):
        return StorageError(text)
    return None
