"""What the pipeline remembers, as bytes: a log entry for each commit, and sheets into which entries are merged later.

    log/<n>              what one commit changed (`Entry`): the records written, by place, and rows of the shelves
    names/<k>            device and quantity of the series, 256 a key
    keys/<sheet>/<k>     the subjects of a sheet, 256 a key; their order gives the places
    data/<sheet>/<k>     records of these subjects: all `now`, then all `mid`, then all `base`
    rows/<shelf>/<n>     rows of the last days from row n on, as their shelf wrote them
    head                 clock and how many rows of each shelf were dropped, as of the last merge

A sheet is one state table, or the times of the units of a timeline. Entries say what is, not what happened: laid over
the sheets in order they give the newest state, also where some of them were merged already. So merging may stop at
any point, in transactions of its own, and needs nobody who knows what the records mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from ingest.batch import Int64s

LOG = "log/"
NAMES, KEYS, DATA, ROWS, HEAD = "names/", "keys/", "data/", "rows/", "head"
KEYS_A_CHUNK = 256
VERSION = 1

Rows = np.ndarray[Any, np.dtype[np.uint8]]
_PLACE = np.dtype("<i4")
_ENCODER = msgspec.msgpack.Encoder()

Changed = dict[str, bytes]
"""Keys and their new bytes; b"" = the key is gone."""


class Clock(msgspec.Struct, array_like=True, frozen=True):
    """How far the clock is and when the hub was away."""

    due_ns: int
    away: tuple[tuple[int, int], ...] = ()


class SheetEntry(msgspec.Struct, array_like=True, frozen=True):
    """What changed in a sheet: `now` at `places`, all three at `moved_places` (int32); new subjects from `first` on.

    `start` is the record that new subjects begin with, empty when there are none.
    """

    first: int = 0
    keys: tuple[str, ...] = ()
    start: bytes = b""
    places: bytes = b""
    now: bytes = b""
    moved_places: bytes = b""
    moved: tuple[bytes, bytes, bytes] = (b"", b"", b"")


class ShelfEntry(msgspec.Struct, array_like=True, frozen=True):
    """What changed on a shelf: rows [first_row, end_row), counted from the very first one ever; those dropped."""

    first_row: int
    end_row: int
    dropped_rows: int
    body: bytes


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """What one commit changed. `names` are new series from number `first_name` on."""

    version: int
    clock: Clock
    first_name: int = 0
    names: tuple[tuple[str, str], ...] = ()
    sheets: dict[str, SheetEntry] = {}
    shelves: dict[str, ShelfEntry] = {}


class _Head(msgspec.Struct, array_like=True, frozen=True):
    version: int
    clock: Clock
    dropped_rows: dict[str, int]


class _Bundle(msgspec.Struct, array_like=True, frozen=True):
    end_row: int
    bodies: tuple[bytes, ...]


_ENTRY = msgspec.msgpack.Decoder(Entry)
_NAMES = msgspec.msgpack.Decoder(list[tuple[str, str]])
_KEYS = msgspec.msgpack.Decoder(list[str])
_HEAD = msgspec.msgpack.Decoder(_Head)
_BUNDLE = msgspec.msgpack.Decoder(_Bundle)


def encode(entry: Entry) -> bytes:
    """Return the bytes of one log entry."""
    return _ENCODER.encode(entry)


def places_as_bytes(places: Int64s) -> bytes:
    """Return places (M,) as they stand in an entry."""
    return places.astype(_PLACE).tobytes()


@dataclass(slots=True)
class Part:
    """Some subjects of a sheet that stand one after the other, and their records (S, size) now, mid and base."""

    keys: list[str] = field(default_factory=list)
    versions: list[Rows] = field(default_factory=list)

    def bytes_of(self) -> tuple[bytes, bytes, bytes]:
        """Return all records now, mid and base, one after the other."""
        now, mid, base = (version.tobytes() for version in self.versions)
        return now, mid, base

    def size(self) -> int:
        """Return how many bytes a record has."""
        return self.versions[0].shape[1] if self.versions else 0


class Overlay:
    """What some entries, in order, make of a sheet."""

    def __init__(self, entries: Iterable[SheetEntry]) -> None:
        """Join the entries; of a record that is written several times the last one counts."""
        known = list(entries)
        self._starts = [(entry.first, entry.keys, entry.start) for entry in known if entry.keys]
        streams: list[list[tuple[bytes, bytes]]] = [[], [], []]
        for entry in known:
            if entry.places:
                streams[0].append((entry.places, entry.now))
            if entry.moved_places:
                for stream, records in zip(streams, entry.moved, strict=True):
                    stream.append((entry.moved_places, records))
        self._written = [_last_of_each(stream) for stream in streams]

    def chunks(self) -> list[int]:
        """Return the numbers of the chunks that change."""
        found = {place // KEYS_A_CHUNK for places, _ in self._written for place in np.unique(places).tolist()}
        for first, keys, _ in self._starts:
            found.update(range(first // KEYS_A_CHUNK, (first + len(keys) - 1) // KEYS_A_CHUNK + 1))
        return sorted(found)

    def lay_over(self, part: Part, *, begin: int = 0, end: int | None = None) -> None:
        """Bring `part`, the subjects from `begin` on and before `end`, to the newest state.

        Raises ValueError when the entries do not fit what is there.
        """
        for first, keys, start in self._starts:
            self._add(part, keys[max(0, begin - first) : None if end is None else max(0, end - first)], start,
                      at=max(first - begin, 0))  # fmt: skip
        if not part.keys:
            raise ValueError("records of subjects that nobody has named")
        for version, (places, records) in zip(part.versions, self._written, strict=True):
            low, high = np.searchsorted(places, (begin, begin + len(part.keys) if end is None else end))
            if low < high:
                version[places[low:high] - begin] = records[low:high]

    @staticmethod
    def _add(part: Part, keys: Sequence[str], start: bytes, *, at: int) -> None:
        if at > len(part.keys):
            raise ValueError(f"{len(part.keys)} subjects are known, the next entry begins with {at}")
        part.keys[at : at + len(keys)] = keys
        record = np.frombuffer(start, np.uint8)
        part.versions = part.versions or [np.empty((0, len(record)), np.uint8) for _ in range(3)]
        missing = len(part.keys) - len(part.versions[0])
        if missing:
            part.versions = [np.concatenate([old, np.tile(record, (missing, 1))]) for old in part.versions]


def _last_of_each(stream: Sequence[tuple[bytes, bytes]]) -> tuple[Int64s, Rows]:
    """Return the places (M,), sorted, and for each the last of its records (M, size)."""
    if not stream:
        return np.empty(0, np.int64), np.empty((0, 0), np.uint8)
    places = np.concatenate([np.frombuffer(some, _PLACE) for some, _ in stream]).astype(np.int64)
    records = np.frombuffer(b"".join(records for _, records in stream), np.uint8).reshape(len(places), -1)
    found, last = np.unique(places[::-1], return_index=True)
    return found, records[len(places) - 1 - last]


def read_part(keys: Sequence[bytes], data: Sequence[bytes]) -> Part:
    """Return the subjects of chunks that stand one after the other."""
    names = [_KEYS.decode(some) for some in keys]
    if not names:
        return Part()
    three = [np.frombuffer(some, np.uint8).reshape(3, len(mine), -1) for some, mine in zip(data, names, strict=True)]
    return Part([key for mine in names for key in mine], [np.concatenate([one[n] for one in three]) for n in range(3)])


def write_part(sheet: str, part: Part, *, first_chunk: int = 0) -> Changed:
    """Return the keys of the chunks of `part`, of which the first one has this number."""
    changed: Changed = {}
    for begin in range(0, len(part.keys), KEYS_A_CHUNK):
        mine = slice(begin, begin + KEYS_A_CHUNK)
        number = f"{first_chunk + begin // KEYS_A_CHUNK:06d}"
        changed[f"{KEYS}{sheet}/{number}"] = _ENCODER.encode(part.keys[mine])
        changed[f"{DATA}{sheet}/{number}"] = b"".join(version[mine].tobytes() for version in part.versions)
    return changed


def write_names(names: Sequence[tuple[str, str]], *, first_chunk: int = 0) -> Changed:
    """Return the keys of series names, of which the first one begins the chunk of this number."""
    starts = range(0, len(names), KEYS_A_CHUNK)
    return {
        f"{NAMES}{first_chunk + start // KEYS_A_CHUNK:06d}": _ENCODER.encode(names[start : start + KEYS_A_CHUNK])
        for start in starts
    }


def write_head(clock: Clock, dropped_rows: Mapping[str, int]) -> Changed:
    """Return the key of the head."""
    return {HEAD: _ENCODER.encode(_Head(VERSION, clock, dict(dropped_rows)))}


def write_bundle(shelf: str, bodies: Sequence[bytes], *, first_row: int, end_row: int) -> Changed:
    """Return the key of some rows of a shelf."""
    return {f"{ROWS}{shelf}/{first_row:015d}": _ENCODER.encode(_Bundle(end_row, tuple(bodies)))}


def names_of(body: bytes) -> list[tuple[str, str]]:
    """Return the series names of a chunk; none of b""."""
    return _NAMES.decode(body) if body else []


def bundle_end(body: bytes) -> int:
    """Return the number of the row after the last one of a bundle."""
    return _BUNDLE.decode(body).end_row


def dropped_in_head(body: bytes) -> dict[str, int]:
    """Return how many rows of each shelf were dropped; nothing of b""."""
    return _HEAD.decode(body).dropped_rows if body else {}


def read_entries(bodies: Iterable[bytes]) -> list[Entry]:
    """Return log entries. Raises ValueError when one is of another version, msgspec.DecodeError when it is damaged."""
    entries = [_ENTRY.decode(body) for body in bodies]
    for entry in entries:
        if entry.version != VERSION:
            raise ValueError(f"log entry has version {entry.version}, known is {VERSION}")
    return entries


@dataclass(slots=True)
class ShelfImage:
    """The rows of a shelf: `bodies` in order, up to `end_row`; the first `dropped_rows` ever are gone."""

    bodies: list[bytes] = field(default_factory=list)
    first_row: int = 0
    end_row: int = 0
    dropped_rows: int = 0

    def add(self, bodies: Sequence[bytes], *, first_row: int, end_row: int) -> None:
        """Put rows at the end unless they are there already."""
        if first_row >= self.end_row and end_row > first_row:
            self.first_row = self.first_row if self.bodies else first_row
            self.bodies += bodies
            self.end_row = end_row


@dataclass(slots=True)
class Image:
    """Everything that is remembered, as of the newest entry. `next_no` is the number of the next one.

    `is_foreign`: it must be written anew, in this form; `old_units` see `ingest.keeping_old`.
    """

    clock: Clock | None = None
    names: list[tuple[str, str]] = field(default_factory=list)
    sheets: dict[str, Part] = field(default_factory=dict)
    shelves: dict[str, ShelfImage] = field(default_factory=dict)
    next_no: int = 1
    keys: tuple[str, ...] = ()
    is_foreign: bool = False
    old_units: Mapping[str, bytes] = field(default_factory=dict)


def read_image(snapshot: Mapping[str, bytes]) -> Image:
    """Return what `snapshot` says. Raises ValueError or msgspec.DecodeError when it makes no sense."""
    keys = sorted(snapshot)
    image = Image(keys=tuple(keys))
    for key in _with(keys, NAMES):
        image.names += _NAMES.decode(snapshot[key])
    if HEAD in snapshot:
        head = _HEAD.decode(snapshot[HEAD])
        image.clock = head.clock
        image.shelves = {name: ShelfImage(dropped_rows=count) for name, count in head.dropped_rows.items()}
    chunks: dict[str, list[str]] = {}
    for key in _with(keys, KEYS):
        sheet, _, number = key.removeprefix(KEYS).rpartition("/")
        chunks.setdefault(sheet, []).append(number)
    for sheet, numbers in chunks.items():
        image.sheets[sheet] = read_part(
            [snapshot[f"{KEYS}{sheet}/{number}"] for number in numbers],
            [snapshot[f"{DATA}{sheet}/{number}"] for number in numbers],
        )
    for key in _with(keys, ROWS):
        shelf, _, first_row = key.removeprefix(ROWS).rpartition("/")
        bundle = _BUNDLE.decode(snapshot[key])
        image.shelves.setdefault(shelf, ShelfImage()).add(
            bundle.bodies, first_row=int(first_row), end_row=bundle.end_row
        )
    log = _with(keys, LOG)
    image.next_no = int(log[-1].removeprefix(LOG)) + 1 if log else 1
    _lay_log(image, read_entries(snapshot[key] for key in log))
    return image


def _lay_log(image: Image, entries: Sequence[Entry]) -> None:
    for entry in entries:
        image.clock = entry.clock
        image.names[entry.first_name : entry.first_name + len(entry.names)] = entry.names
        for name, shelf in entry.shelves.items():
            mine = image.shelves.setdefault(name, ShelfImage())
            mine.add([shelf.body], first_row=shelf.first_row, end_row=shelf.end_row)
            mine.dropped_rows = shelf.dropped_rows
    for sheet in {sheet for entry in entries for sheet in entry.sheets}:
        part = image.sheets.setdefault(sheet, Part())
        Overlay(entry.sheets[sheet] for entry in entries if sheet in entry.sheets).lay_over(part)


def _with(keys: Sequence[str], prefix: str) -> list[str]:
    return [key for key in keys if key.startswith(prefix)]
