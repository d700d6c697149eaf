"""Merges log entries of rule state into its sheets, in slices, outside the hot path. See `ingest.state_log`.

Each slice is one transaction of the journal. Chunks go first, the entries themselves with the last slice: whatever was
merged before a stop is laid over once more at the next start and merged again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ingest.state_log import (
    DATA,
    HEAD,
    KEYS,
    KEYS_A_CHUNK,
    NAMES,
    ROWS,
    Changed,
    Entry,
    Overlay,
    SheetEntry,
    ShelfEntry,
    bundle_end,
    dropped_in_head,
    names_of,
    read_entries,
    read_part,
    write_bundle,
    write_head,
    write_names,
    write_part,
)

SLICE_BYTES = 2**19
"""About so much is written in one slice."""


class Store(Protocol):
    """Where the keys are, as of the last commit."""

    def get(self, key: str) -> bytes:
        """Return the bytes of `key`, b"" when there is none."""

    def keys(self, prefix: str) -> list[str]:
        """Return all keys that begin with `prefix`, sorted."""


def merge_slices(store: Store, log: Sequence[tuple[str, bytes]]) -> Iterator[Changed]:
    """Yield what each slice writes; the last one deletes the entries of `log` (key, bytes), which are in order.

    Raises ValueError or msgspec.DecodeError when they make no sense.
    """
    entries = read_entries(body for _, body in log)
    if not entries:
        return
    yield from _in_slices(_pieces(store, entries))
    last = _names(store, entries)
    dropped = dropped_in_head(store.get(HEAD))
    for entry in entries:
        dropped |= {name: shelf.dropped_rows for name, shelf in entry.shelves.items()}
    for shelf, count in dropped.items():
        last |= _gone(store, shelf, dropped_rows=count)
    last |= write_head(entries[-1].clock, dropped)
    yield last | dict.fromkeys((key for key, _ in log), b"")


def _in_slices(pieces: Iterable[Changed]) -> Iterator[Changed]:
    waiting: Changed = {}
    for piece in pieces:
        waiting |= piece
        if sum(map(len, waiting.values())) >= SLICE_BYTES:
            yield waiting
            waiting = {}
    if waiting:
        yield waiting


def _pieces(store: Store, entries: Sequence[Entry]) -> Iterator[Changed]:
    sheets: dict[str, list[SheetEntry]] = {}
    shelves: dict[str, list[ShelfEntry]] = {}
    for entry in entries:
        for name, sheet in entry.sheets.items():
            sheets.setdefault(name, []).append(sheet)
        for name, shelf in entry.shelves.items():
            shelves.setdefault(name, []).append(shelf)
    for name, changes in sheets.items():
        yield from _sheet(store, name, Overlay(changes))
    for name, rows in shelves.items():
        yield from _bundles(store, name, rows)


def _sheet(store: Store, name: str, overlay: Overlay) -> Iterator[Changed]:
    for number in overlay.chunks():
        keys, data = store.get(f"{KEYS}{name}/{number:06d}"), store.get(f"{DATA}{name}/{number:06d}")
        part = read_part([keys], [data]) if keys else read_part([], [])
        overlay.lay_over(part, begin=number * KEYS_A_CHUNK, end=(number + 1) * KEYS_A_CHUNK)
        yield write_part(name, part, first_chunk=number)


def _bundles(store: Store, shelf: str, rows: Sequence[ShelfEntry]) -> Iterator[Changed]:
    known = store.keys(f"{ROWS}{shelf}/")
    bundled_to = bundle_end(store.get(known[-1])) if known else 0
    waiting: list[ShelfEntry] = []
    for number, entry in enumerate(rows, start=1):
        if entry.first_row >= bundled_to and entry.end_row > entry.first_row:
            waiting.append(entry)
        is_enough = sum(len(one.body) for one in waiting) >= SLICE_BYTES // 2
        if waiting and (is_enough or number == len(rows)):
            bodies = [one.body for one in waiting]
            yield write_bundle(shelf, bodies, first_row=waiting[0].first_row, end_row=waiting[-1].end_row)
            waiting = []


def _gone(store: Store, shelf: str, *, dropped_rows: int) -> Changed:
    """Return the bundles of which all rows were dropped."""
    keys = store.keys(f"{ROWS}{shelf}/")
    ends = [int(after.rpartition("/")[2]) for after in keys[1:]]
    ends += [bundle_end(store.get(key)) for key in keys[-1:]]
    return {key: b"" for key, end_row in zip(keys, ends, strict=True) if end_row <= dropped_rows}


def _names(store: Store, entries: Sequence[Entry]) -> Changed:
    first = next((entry.first_name for entry in entries if entry.names), None)
    if first is None:
        return {}
    number = first // KEYS_A_CHUNK
    names = names_of(store.get(f"{NAMES}{number:06d}"))
    for entry in entries:
        at = entry.first_name - number * KEYS_A_CHUNK
        if entry.names:
            names[at : at + len(entry.names)] = entry.names
    return write_names(names, first_chunk=number)
