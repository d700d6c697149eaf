"""A SQLite file that somebody else writes: may not exist yet, may be replaced, is only read."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

from alerts.schema import open_reader
from devices.model import TransientError


class ReadOnlyFile:
    """Runs one short query at a time; safe to share between threads. A missing file or table reads as empty."""

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened yet."""
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def rows(self, sql: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Return all rows of a query; raises TransientError when the file is there but cannot be read."""
        with self._lock:
            try:
                connection = self._current()
                # fetchall: an unfinished query would pin the WAL and let it grow
                return [] if connection is None else connection.execute(sql, values).fetchall()
            except sqlite3.Error as error:
                self._drop()
                if _is_absent(error):
                    return []
                raise TransientError(f"{self._path.name} cannot be read: {error}") from error

    def close(self) -> None:
        """Close the connection; the next query opens it again."""
        with self._lock:
            self._drop()

    def _current(self) -> sqlite3.Connection | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._drop()
            return None
        identity = (found.st_dev, found.st_ino)
        if self._connection is None or identity != self._identity:
            self._drop()
            self._connection = open_reader(self._path)
            self._identity = identity
        return self._connection

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


# ROLLBACK: the power went while the file was made; only its writer may undo that, and nothing was in it yet
_ABSENT_NAMES = ("SQLITE_CANTOPEN", "SQLITE_READONLY_ROLLBACK")


def _is_absent(error: sqlite3.Error) -> bool:
    """Tell whether the file went away between two looks, or has no tables yet."""
    return getattr(error, "sqlite_errorname", "") in _ABSENT_NAMES or str(error).startswith("no such table")
