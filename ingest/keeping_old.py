"""Reads rule state of journals of schema 1 and 2: a key for each unit, names and rows in chunks of their own.

Keys: `clock`, `series/<n>` (256 names each), `rows/<shelf>/<n>` (128 rows each), `unit/<timeline>/<device>`. A record
is there three times (now, mid, base), or once where all three are equal.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from ingest.state_log import Clock, Image, Part, ShelfImage

CHUNK_ROWS = 128
RAW_ROWS = b"\x00"
"""First byte of rows as old chunks hold them."""

_CLOCK, _SERIES, _ROWS, _UNIT = "clock", "series/", "rows/", "unit/"
_TODAY, _AIR, _AIR_BYTES = "#today", "#air", 16


class _UnitState(msgspec.Struct, array_like=True, frozen=True):
    newest_ns: int
    mid_ns: int
    base_ns: int
    devices: tuple[str, ...]
    tables: dict[str, dict[str, bytes]]


def is_old(snapshot: Mapping[str, bytes]) -> bool:
    """Tell whether a journal of schema 2 or 1 wrote this."""
    return _CLOCK in snapshot


def read_old(snapshot: Mapping[str, bytes]) -> Image:
    """Return what `snapshot` says, without the sheets: see `old_sheets`. Raises msgspec.DecodeError."""
    image = Image(keys=tuple(snapshot), is_foreign=True)
    image.clock = msgspec.msgpack.decode(snapshot[_CLOCK], type=Clock)
    for key in sorted(key for key in snapshot if key.startswith(_SERIES)):
        image.names += msgspec.msgpack.decode(snapshot[key], type=list[tuple[str, str]])
    for key in sorted(key for key in snapshot if key.startswith(_ROWS)):
        shelf, _, number = key.removeprefix(_ROWS).rpartition("/")
        mine = image.shelves.setdefault(shelf, ShelfImage(dropped_rows=int(number) * CHUNK_ROWS))
        mine.end_row = mine.end_row or mine.dropped_rows
        rows = len(snapshot[key]) // ROW_BYTES
        mine.add([RAW_ROWS + snapshot[key]], first_row=mine.end_row, end_row=mine.end_row + rows)
    image.old_units = {key: body for key, body in snapshot.items() if key.startswith(_UNIT)}
    return image


ROW_BYTES = 4 + 4 * 8 + 3 + 8


def old_sheets(units: Mapping[str, bytes], sizes: Mapping[str, int]) -> dict[str, Part]:
    """Return the sheets that old units make; `sizes` are the bytes of a record of each sheet that is wanted.

    Raises msgspec.DecodeError.
    """
    found: dict[str, dict[str, tuple[bytes, bytes, bytes]]] = {}
    for key, body in units.items():
        timeline = key.removeprefix(_UNIT).split("/", 1)[0]
        state = msgspec.msgpack.decode(body, type=_UnitState)
        times = tuple(np.int64(at_ns).tobytes() for at_ns in (state.newest_ns, state.mid_ns, state.base_ns))
        found.setdefault(f"{_UNIT}{timeline}", {})[",".join(state.devices)] = (times[0], times[1], times[2])
        for table, records in state.tables.items():
            for name, begin, end in _columns(f"table/{timeline}/{table}", sizes):
                mine = found.setdefault(name, {})
                for subject, record in records.items():
                    mine[subject] = _three(
                        record, size=_old_size(f"table/{timeline}/{table}", sizes), part=slice(begin, end)
                    )
    return {name: _part(records, size=sizes[name]) for name, records in found.items() if name in sizes}


def _columns(name: str, sizes: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Return which bytes of an old record go to which sheet: the temperature of a day is now a table of its own."""
    size = sizes.get(name, 0)
    if not name.endswith(_TODAY):
        return [(name, 0, size)]
    return [(name, 0, size), (name.removesuffix(_TODAY) + _AIR, size, size + _AIR_BYTES)]


def _old_size(name: str, sizes: Mapping[str, int]) -> int:
    return sizes.get(name, 0) + (_AIR_BYTES if name.endswith(_TODAY) else 0)


def _three(record: bytes, *, size: int, part: slice) -> tuple[bytes, bytes, bytes]:
    now, mid, base = (record,) * 3 if len(record) == size else (record[n * size : (n + 1) * size] for n in range(3))
    return now[part], mid[part], base[part]


def _part(records: Mapping[str, tuple[bytes, bytes, bytes]], *, size: int) -> Part:
    """Return the subjects whose records have the right size."""
    sound = {key: three for key, three in records.items() if all(len(one) == size for one in three)}
    joined = [b"".join(three[version] for three in sound.values()) for version in range(3)]
    return Part(list(sound), [np.frombuffer(one, np.uint8).reshape(-1, size) for one in joined])
