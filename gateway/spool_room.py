"""What goes first when the spool is full: the stated drop order, each step a chunk at a time, each drop counted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from devices.model import SECOND_NS
from gateway.spool_file import used_pages
from gateway.spool_types import Lane, NewRow

_CHUNK = 64
_WINDOW = 1_024
_HOUR_NS = 3_600 * SECOND_NS
_LATEST = 4_096
_NEWEST_KEPT = 1_024
_SENT_LATELY = 1_024
_SENT_LEAST = 128


def make_room(
    db: sqlite3.Connection, *, pages_wanted: int, only_done: bool = False, flooding: str | None = None
) -> Mapping[str, int]:
    """Drop rows in the stated order until at most `pages_wanted` pages hold something; return counts by reason.

    Order: rows the hub already has (`released`), all but one an hour and the newest of the device that is `flooding`
    while others have rows here, samples and pulses thinned to one an hour for each device, oldest samples and pulses
    (the newest pulse stays), oldest events and quarantine. `only_done` stops after the first of these. Runs inside the
    caller's transaction.
    """
    steps: tuple[tuple[str, Callable[[sqlite3.Connection], int]], ...] = (
        ("released", _release_done),
        ("dropped_flood", _Flood(flooding).thin),
        ("dropped_thinned", _thin_samples),
        ("dropped_samples", _drop_samples),
        ("dropped_events", _drop_rest),
    )
    counts = dict.fromkeys((name for name, _ in steps), 0)
    for name, step in steps[:1] if only_done else steps:
        while used_pages(db) > pages_wanted and (count := step(db)):
            counts[name] += count
    return MappingProxyType({name: count for name, count in counts.items() if count})


def _release_done(db: sqlite3.Connection) -> int:
    return db.execute(
        "DELETE FROM rows WHERE number IN (SELECT number FROM rows WHERE done_ns IS NOT NULL ORDER BY number LIMIT ?)",
        (_CHUNK,),
    ).rowcount


class Senders:
    """Who sent the latest rows; forgets as it goes, so that the share of each is that of the latest 512 to 1,024."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def note(self, rows: Iterable[NewRow]) -> None:
        """Count the rows."""
        self._counts.update(row.device_id for row in rows)
        if self._counts.total() > _SENT_LATELY:
            self._counts = Counter({name: count // 2 for name, count in self._counts.items() if count > 1})

    def flooding(self) -> str | None:
        """Return the device that sent more than half of the latest rows, None when there is none."""
        total = self._counts.total()
        for device_id, count in self._counts.most_common(1):
            if total >= _SENT_LEAST and count * 2 > total:
                return device_id
        return None


class _Flood:
    """Thins the rows of one device to one an hour, its newest apart; nobody else may be hurt by it.

    Events too: a contact that chatters would push out first everybody's samples and then their events.
    """

    def __init__(self, device_id: str | None) -> None:
        self._device_id = device_id
        self._last = 0
        self._until: int | None = None
        self._hour = -1

    def thin(self, db: sqlite3.Connection) -> int:
        """Delete up to a chunk of the oldest; return how many, 0 when there is nothing left to thin."""
        if self._device_id is None:
            return 0
        if self._until is None:
            self._until = self._first_spared(db)
        while window := self._window(db):
            self._last = window[-1][0]
            surplus = [number for number, received_ns in window if not self._is_first_of_hour(received_ns)]
            db.executemany("DELETE FROM rows WHERE number = ?", ((number,) for number in surplus))
            if surplus:
                return len(surplus)
        return 0

    def _first_spared(self, db: sqlite3.Connection) -> int:
        """Return from which of the latest rows on the device is left alone; 0 when nobody else has rows to lose."""
        latest = db.execute("SELECT number, device_id FROM rows ORDER BY number DESC LIMIT ?", (_LATEST,)).fetchall()
        own = [number for number, owner in latest if owner == self._device_id]
        others = db.execute("SELECT EXISTS (SELECT 1 FROM rows WHERE device_id <> ?)", (self._device_id,)).fetchone()
        if not own or not others[0]:
            return 0
        return int(own[min(_NEWEST_KEPT, len(own) // 2)])

    def _window(self, db: sqlite3.Connection) -> list[tuple[int, int]]:
        return db.execute(
            "SELECT number, received_ns FROM rows WHERE number > ? AND number < ? AND device_id = ?"
            " ORDER BY number LIMIT ?",
            (self._last, self._until, self._device_id, _CHUNK),
        ).fetchall()

    def _is_first_of_hour(self, received_ns: int) -> bool:
        before, self._hour = self._hour, received_ns // _HOUR_NS
        return before != self._hour


def _thin_samples(db: sqlite3.Connection) -> int:
    """Keep the first row of each device and hour in the oldest stretch not yet thinned; never the latest hour."""
    newest_ns = db.execute("SELECT received_ns FROM rows ORDER BY number DESC LIMIT 1").fetchone()
    while newest_ns is not None:
        thinned = int(db.execute("SELECT value FROM facts WHERE key = 'thinned'").fetchone()[0])
        window = db.execute(
            "SELECT number, device_id, received_ns FROM rows WHERE number > ? AND lane != ? AND received_ns < ?"
            " ORDER BY number LIMIT ?",
            (thinned, Lane.EVENT, newest_ns[0] - _HOUR_NS, _WINDOW),
        ).fetchall()
        if not window:
            return 0
        surplus = _surplus(window, seen=_hours_kept(db, thinned=thinned))
        db.executemany("DELETE FROM rows WHERE number = ?", ((number,) for number in surplus))
        db.execute("UPDATE facts SET value = ? WHERE key = 'thinned'", (str(window[-1][0]),))
        if surplus:
            return len(surplus)
    return 0


def _hours_kept(db: sqlite3.Connection, *, thinned: int) -> set[tuple[str, int]]:
    rows = db.execute(
        "SELECT device_id, received_ns FROM rows WHERE number <= ? AND lane != ? ORDER BY number DESC LIMIT ?",
        (thinned, Lane.EVENT, _WINDOW),
    )
    return {(device_id, received_ns // _HOUR_NS) for device_id, received_ns in rows}


def _surplus(window: list[tuple[int, str, int]], *, seen: set[tuple[str, int]]) -> list[int]:
    surplus = []
    for number, device_id, received_ns in window:
        hour = (device_id, received_ns // _HOUR_NS)
        if hour in seen:
            surplus.append(number)
        seen.add(hour)
    return surplus


def _drop_samples(db: sqlite3.Connection) -> int:
    return db.execute(
        "DELETE FROM rows WHERE number IN (SELECT number FROM rows WHERE lane != ? AND number !="
        " (SELECT coalesce(max(number), 0) FROM rows WHERE lane = ?) ORDER BY number LIMIT ?)",
        (Lane.EVENT, Lane.PULSE, _CHUNK),
    ).rowcount


def _drop_rest(db: sqlite3.Connection) -> int:
    return db.execute(
        "DELETE FROM rows WHERE number IN (SELECT number FROM rows ORDER BY number LIMIT ?)", (_CHUNK,)
    ).rowcount
