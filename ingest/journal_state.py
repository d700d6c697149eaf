"""The pipeline's state in the journal: entries are appended to `state_log`, and merged into `state` between commits.

What waits to be merged is bounded: merging begins beyond MERGE_ENTRIES entries, or when the entries have as many bytes
as half of all state, at least LEAST_BYTES and at most MOST_BYTES. Beyond four times that it goes before new batches.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping

import msgspec

from ingest.state_log import LOG, Changed
from ingest.state_merge import merge_slices

log = logging.getLogger(__name__)

MERGE_ENTRIES = 8_192
LEAST_BYTES, MOST_BYTES = 4 * 2**20, 64 * 2**20
_BEHIND = 4
_LOGGED = "SELECT count(*), total(length(body)) FROM state_log"


def write_state(connection: sqlite3.Connection, changed: Mapping[str, bytes]) -> None:
    """Write the changed keys of the pipeline's state; an empty value deletes its key."""
    for key, value in changed.items():
        number = int(key.removeprefix(LOG)) if key.startswith(LOG) else None
        if not value:
            table, name = ("state", "key") if number is None else ("state_log", "no")
            connection.execute(f"DELETE FROM {table} WHERE {name} = ?", (key if number is None else number,))  # noqa: S608
        elif number is not None:
            connection.execute("INSERT OR REPLACE INTO state_log VALUES (?, ?)", (number, value))
        else:
            connection.execute(
                "INSERT INTO state VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value)
            )


def read_state(connection: sqlite3.Connection) -> dict[str, bytes]:
    """Return all keys of the pipeline's state."""
    state: dict[str, bytes] = dict(connection.execute("SELECT key, value FROM state"))
    return state | {_log_key(number): body for number, body in connection.execute("SELECT no, body FROM state_log")}


class StateLog:
    """How much of the state waits to be merged, as of the last commit, and the merge that was begun."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Look at what the file holds."""
        self.entries, self._bytes = _count(connection, _LOGGED)
        self._limit_bytes = _limit_bytes(connection)
        self._slices: Iterator[Changed] | None = None

    def is_due(self) -> bool:
        """Tell whether there is enough to begin, or something left of what was begun."""
        return self._slices is not None or self.entries > MERGE_ENTRIES or self._bytes > self._limit_bytes

    @property
    def is_behind(self) -> bool:
        """Tell whether so much waits that this goes before new batches."""
        return self.entries > _BEHIND * MERGE_ENTRIES or self._bytes > _BEHIND * self._limit_bytes

    def take_over(self, changed: Mapping[str, bytes]) -> None:
        """Note what a commit has written."""
        logged = [len(value) for key, value in changed.items() if key.startswith(LOG) and value]
        self.entries += len(logged)
        self._bytes += sum(logged)
        if len(logged) < len(changed):
            self._slices = None  # what was read of the sheets may hold no more

    def merge(self, connection: sqlite3.Connection) -> None:
        """Merge one slice inside the caller's transaction; call `settle` once it is committed, else `begin_again`."""
        if self._slices is None:
            self._limit_bytes = _limit_bytes(connection)
            rows = connection.execute("SELECT no, body FROM state_log ORDER BY no").fetchall()
            self._slices = merge_slices(_Table(connection), [(_log_key(number), body) for number, body in rows])
        try:
            changed = next(self._slices, None)
        except (ValueError, msgspec.DecodeError) as error:
            # nobody can read them: the pipeline, which cannot either, begins anew at the next start
            log.error("state_log_unreadable", extra={"error": str(error)})
            changed = None
            connection.execute("DELETE FROM state_log")
            connection.execute("DELETE FROM state")
        if changed is None:
            self._slices = None
        else:
            write_state(connection, changed)

    def settle(self, connection: sqlite3.Connection) -> None:
        """Look at what is left, once a slice is committed."""
        self.entries, self._bytes = _count(connection, _LOGGED)

    def begin_again(self) -> None:
        """Forget where it stood: the transaction failed or the connection is another one."""
        self._slices = None


class _Table:
    """The state table as the merge sees it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def get(self, key: str) -> bytes:
        row = self._connection.execute("SELECT value FROM state WHERE key = ?", (key,)).fetchone()
        return bytes(row[0]) if row else b""

    def keys(self, prefix: str) -> list[str]:
        # no key has a character beyond this one
        sql = "SELECT key FROM state WHERE key >= ? AND key < ? ORDER BY key"
        return [key for (key,) in self._connection.execute(sql, (prefix, prefix + "\U0010ffff"))]


def _log_key(number: int) -> str:
    return f"{LOG}{number:012d}"


def _limit_bytes(connection: sqlite3.Connection) -> int:
    _, size = _count(connection, "SELECT count(*), total(length(value)) FROM state")
    return min(MOST_BYTES, max(LEAST_BYTES, size // 2))


def _count(connection: sqlite3.Connection, sql: str) -> tuple[int, int]:
    count, size = connection.execute(sql).fetchone()
    return int(count), int(size)
