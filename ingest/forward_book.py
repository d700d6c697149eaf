"""`forward.db`: how far each store is, what it refused, and how the forwarding is. Written by the forwarder alone.

A place is written after the store has said that the points are there: what the file forgets is sent again, and the
same point twice is one point. The file may be lost: then all is copied again. Readers see an absent file as empty.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from devices.model import TransientError

FORWARD_FILE: Final = "forward.db"
REFUSED_RING: Final = 10_000
_BUSY_S = 5.0
_REASON_CHARS = 300
_FOREVER_NS = -(2**63)

StoreState = Literal["ok", "copying", "away", "refusing"]
STORE_STATES: Final[tuple[StoreState, ...]] = ("ok", "copying", "away", "refusing")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS places (
    name TEXT PRIMARY KEY, commit_no INTEGER NOT NULL, series_id INTEGER NOT NULL, observed_ns INTEGER NOT NULL,
    settled_commit_no INTEGER NOT NULL, settled_series_id INTEGER NOT NULL, settled_observed_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS refused (
    id INTEGER PRIMARY KEY AUTOINCREMENT, store TEXT NOT NULL, device_id TEXT NOT NULL, quantity TEXT NOT NULL,
    observed_ns INTEGER NOT NULL, value REAL, flag INTEGER NOT NULL, reason TEXT NOT NULL, refused_ns INTEGER NOT NULL,
    UNIQUE (store, device_id, quantity, observed_ns));
CREATE TABLE IF NOT EXISTS counters (
    store TEXT NOT NULL, name TEXT NOT NULL, value INTEGER NOT NULL, PRIMARY KEY (store, name));
CREATE TABLE IF NOT EXISTS status (
    store TEXT PRIMARY KEY, state TEXT NOT NULL, since_ns INTEGER NOT NULL, heartbeat_ns INTEGER NOT NULL,
    said TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS stations (
    device_id TEXT NOT NULL, since_ns INTEGER NOT NULL, station TEXT NOT NULL, PRIMARY KEY (device_id, since_ns));
CREATE TABLE IF NOT EXISTS doubles (
    device_id TEXT NOT NULL, quantity TEXT NOT NULL, most INTEGER NOT NULL, PRIMARY KEY (device_id, quantity));
"""


class Place(NamedTuple):
    """How far the journal has been read.

    `series_id` -1: all up to `commit_no` is there. Else the history is being copied, series by series, and stands at
    `observed_ns` of this one; what came after `commit_no` follows once that is done.
    """

    commit_no: int
    series_id: int = -1
    observed_ns: int = _FOREVER_NS

    @property
    def is_copying(self) -> bool:
        """Tell whether the history is being copied."""
        return self.series_id >= 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """`reached`: the store said it has all up to there. `settled`: it said so long ago, and surely synced it."""

    reached: Place
    settled: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPoint:
    """A point that a store will not take as it is; `value` None = not a number."""

    store: str
    device_id: str
    quantity: str
    observed_ns: int
    value: float | None
    flag: int
    reason: str
    refused_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreStatus:
    """How the forwarding to a store is: in this state since `since_ns`; `said`: the store's last words."""

    store: str
    state: StoreState
    since_ns: int
    heartbeat_ns: int
    said: str


class ForwardBook:
    """The one writer of `forward.db`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; a damaged one is set aside under another name, never deleted."""
        self._path = path
        try:
            self._connection = _open(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise TransientError(f"{path} cannot be opened: {error}") from error
            _set_aside(path)
            self._connection = _open(path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def progress(self, name: str) -> Progress | None:
        """Return how far a store is, None when it never was anywhere."""
        found = self._connection.execute("SELECT * FROM places WHERE name = ?", (name,)).fetchone()
        return None if found is None else Progress(reached=Place(*found[1:4]), settled=Place(*found[4:7]))

    def advance(
        self, name: str, progress: Progress, *, refused: Sequence[RefusedPoint] = (), counts: Mapping[str, int]
    ) -> None:
        """Write how far a store is, what it refused on the way, and what is to be counted. Raises TransientError."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?, ?, ?)",
                (name, *progress.reached, *progress.settled),
            )
            for point in refused:
                connection.execute(
                    "INSERT OR REPLACE INTO refused"
                    " (store, device_id, quantity, observed_ns, value, flag, reason, refused_ns)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (point.store, point.device_id, point.quantity, point.observed_ns, point.value, point.flag,
                     point.reason[:_REASON_CHARS], point.refused_ns),
                )  # fmt: skip
            if refused:
                connection.execute("DELETE FROM refused WHERE id <= (SELECT max(id) FROM refused) - ?", (REFUSED_RING,))
            _add(connection, name, counts)

    def count(self, name: str, counts: Mapping[str, int]) -> None:
        """Add to the counters of a store. Raises TransientError."""
        with self._transaction() as connection:
            _add(connection, name, counts)

    def note(self, name: str, *, state: StoreState, said: str, now_ns: int) -> None:
        """Write how the forwarding is; `since_ns` stays while the state does. Raises TransientError."""
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO status VALUES (?1, ?2, ?3, ?3, ?4) ON CONFLICT DO UPDATE SET"
                " since_ns = iif(state = ?2, since_ns, ?3), state = ?2, heartbeat_ns = ?3, said = ?4",
                (name, state, now_ns, said[:_REASON_CHARS]),
            )

    def stations(self, present: Mapping[str, str], *, now_ns: int) -> Stations:
        """Learn where the devices stand now; return where each stood at any time.

        A point keeps the station it was first stored with, however often it is sent: the station is a part of its name
        in the store. A device that was moved has its new station from now on. Raises TransientError.
        """
        with self._transaction() as connection:
            known = _read_stations(connection)
            for device_id, station in present.items():
                spans = known.get(device_id, [])
                if not spans or spans[-1][1] != station:
                    since_ns = now_ns if spans else _FOREVER_NS
                    connection.execute(
                        "INSERT OR REPLACE INTO stations VALUES (?, ?, ?)", (device_id, since_ns, station)
                    )
            return Stations(_read_stations(connection))

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be written: {error}") from error


class Stations:
    """Where each device stood when."""

    def __init__(self, spans: Mapping[str, Sequence[tuple[int, str]]]) -> None:
        """Take spans by device: (since_ns, station), earliest first."""
        self._spans = spans

    def at(self, device_id: str, observed_ns: int) -> str:
        """Return the station of a device at a time, empty when the site never knew it."""
        spans = self._spans.get(device_id, ())
        place = bisect_right(spans, observed_ns, key=lambda span: span[0])
        return spans[place - 1][1] if place else ""

    def is_fixed(self, device_id: str) -> bool:
        """Tell whether the device always stood at one place."""
        return len(self._spans.get(device_id, ())) <= 1


class Doubles:
    """How many readings a series ever had at one time: so many points may stand there in a store.

    Used by whatever thread reads the journal; opens the file for each question, there are few.
    """

    def __init__(self, path: Path) -> None:
        """Remember the path of `forward.db`, which is there."""
        self._path = path

    def most_at_once(self) -> Mapping[tuple[str, str], int]:
        """Return the number by (device_id, quantity); a series that is not there had one. Raises TransientError."""
        with self._opened() as connection:
            rows = connection.execute("SELECT device_id, quantity, most FROM doubles").fetchall()
        return {(device_id, quantity): most for device_id, quantity, most in rows}

    def note(self, device_id: str, quantity: str, *, count: int) -> None:
        """Write that a series had `count` readings at one time; before they are sent. Raises TransientError."""
        with self._opened() as connection:
            connection.execute(
                "INSERT INTO doubles VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET most = max(most, ?3)",
                (device_id, quantity, count),
            )

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(_open(self._path)) as connection:
                yield connection
        except sqlite3.Error as error:
            raise TransientError(f"{self._path} cannot be used: {error}") from error


class ForwardReader:
    """Reads `forward.db`, for the page and the command. An absent file is empty; raises TransientError otherwise."""

    def __init__(self, path: Path) -> None:
        """Remember the path; the file is opened for each question."""
        self._path = path

    def statuses(self) -> list[StoreStatus]:
        """Return how the forwarding to each store is."""
        rows = self._rows("SELECT store, state, since_ns, heartbeat_ns, said FROM status ORDER BY store")
        return [StoreStatus(store=s, state=state, since_ns=since, heartbeat_ns=beat, said=said)
                for s, state, since, beat, said in rows]  # fmt: skip

    def counters(self) -> dict[tuple[str, str], int]:
        """Return all counters by (store, name)."""
        return {(store, name): value for store, name, value in self._rows("SELECT * FROM counters ORDER BY 1, 2")}

    def places(self) -> dict[str, Place]:
        """Return how far each store, and each migration, is."""
        rows = self._rows("SELECT name, commit_no, series_id, observed_ns FROM places ORDER BY 1")
        return {name: Place(*place) for name, *place in rows}

    def refused(self, *, limit: int) -> list[RefusedPoint]:
        """Return the points that were refused, newest first."""
        sql = (
            "SELECT store, device_id, quantity, observed_ns, value, flag, reason, refused_ns FROM refused"
            " ORDER BY id DESC LIMIT ?"
        )
        return [
            RefusedPoint(
                store=store, device_id=device_id, quantity=quantity, observed_ns=observed_ns, value=value, flag=flag,
                reason=reason, refused_ns=refused_ns,
            )
            for store, device_id, quantity, observed_ns, value, flag, reason, refused_ns in self._rows(sql, limit)
        ]  # fmt: skip

    def _rows(self, sql: str, *values: int) -> list[tuple[Any, ...]]:
        if not self._path.exists():
            return []
        try:
            uri = f"{self._path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
                return connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            if str(error).startswith("no such table"):
                return []
            raise TransientError(f"{self._path} cannot be read: {error}") from error


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, timeout=_BUSY_S)
    try:
        # WAL: page and command read while the forwarder writes.
        connection.execute("PRAGMA journal_mode = WAL")
        # FULL: since when a device has its station must not be forgotten, or points sent again would get the old one.
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        connection.execute("SELECT count(*) FROM places").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _set_aside(path: Path) -> None:
    number = 1
    while (target := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(target)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _add(connection: sqlite3.Connection, name: str, counts: Mapping[str, int]) -> None:
    connection.executemany(
        "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
        [(name, key, count) for key, count in counts.items() if count],
    )


def _read_stations(connection: sqlite3.Connection) -> dict[str, list[tuple[int, str]]]:
    spans: dict[str, list[tuple[int, str]]] = {}
    for device_id, since_ns, station in connection.execute("SELECT * FROM stations ORDER BY device_id, since_ns"):
        spans.setdefault(device_id, []).append((since_ns, station))
    return spans
