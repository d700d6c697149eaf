"""What goes first when the spool is full: the stated drop order, each step a chunk at a time, each drop counted."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from types import MappingProxyType

from devices.model import SECOND_NS
from gateway.spool_file import used_pages
from gateway.spool_types import Lane

_CHUNK = 64
_WINDOW = 1_024
_HOUR_NS = 3_600 * SECOND_NS


def make_room(db: sqlite3.Connection, *, pages_wanted: int, only_done: bool = False) -> Mapping[str, int]:
    """Drop rows in the stated order until at most `pages_wanted` pages hold something; return counts by reason.

    Order: rows the hub already has (`released`), samples and pulses thinned to one an hour for each device, oldest
    samples and pulses (the newest pulse stays), oldest events and quarantine. `only_done` stops after the first of
    these. Runs inside the caller's transaction.
    """
    steps: tuple[tuple[str, Callable[[sqlite3.Connection], int]], ...] = (
        ("released", _release_done),
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
