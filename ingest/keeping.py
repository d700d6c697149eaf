"""What the pipeline remembers as bytes for the journal, and back: each commit one log entry, see `ingest.state_log`.

The snapshot may be of an older site: subjects are found by name, and units whose devices changed are settled as they
are. Then, and for the files of older versions, the first commit writes everything anew instead of an entry.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence

import msgspec
import numpy as np

from ingest import state_log
from ingest.batch import Int64s, SeriesIndex
from ingest.keeping_old import is_old, old_sheets, read_old
from ingest.layout import Layout
from ingest.recent import RecentRows
from ingest.spans import Spans
from ingest.state import StateTable
from ingest.state_log import Changed, Clock, Entry, Image, Part, SheetEntry, ShelfEntry
from ingest.timeline import NEVER_NS, Timeline

log = logging.getLogger(__name__)


def read_snapshot(snapshot: Mapping[str, bytes]) -> Image:
    """Return what `snapshot` says, nothing when it cannot be read: better a town that learns anew than none at work."""
    try:
        return read_old(snapshot) if is_old(snapshot) else state_log.read_image(snapshot)
    except (msgspec.DecodeError, ValueError, KeyError, IndexError) as error:
        log.error("rule_state_unreadable", extra={"error": str(error)})
        return Image(keys=tuple(snapshot), is_foreign=True)


def series_of(image: Image) -> SeriesIndex:
    """Return the names of all series with their old numbers."""
    series = SeriesIndex()
    for device_id, quantity in image.names:
        series.id_of(device_id, quantity)
    return series


def clock_of(image: Image) -> tuple[int, Spans]:
    """Return how far the clock is (NEVER_NS at the very first start) and when the hub was away."""
    return (image.clock.due_ns, Spans(image.clock.away)) if image.clock else (NEVER_NS, Spans())


class Memory:
    """All that one pipeline remembers: state tables, times of units, shelves, names of series."""

    def __init__(
        self, timelines: Sequence[Timeline], *, layout: Layout, series: SeriesIndex, shelves: Sequence[RecentRows]
    ) -> None:
        """Take note of the parts, which hold nothing yet."""
        self._units = [UnitSheet(timeline, layout) for timeline in timelines]
        self._tables = {
            f"table/{timeline.order.name}/{table.name}": table for timeline in timelines for table in timeline.tables()
        }
        self._known_keys = dict.fromkeys((*self._tables, *(unit.name for unit in self._units)), 0)
        self._series, self._known_names = series, 0
        self._shelves = {shelf.name: shelf for shelf in shelves}
        self._next_no = 1
        self._foreign: Image | None = None

    def recall(self, image: Image) -> None:
        """Take up what the image says; the series must have been numbered by it."""
        self._next_no, self._known_names = image.next_no, len(image.names)
        for name, shelf in image.shelves.items():
            if name in self._shelves:
                first_row = shelf.first_row if shelf.bodies else shelf.dropped_rows
                self._shelves[name].take_up(shelf.bodies, first_row=first_row, dropped_rows=shelf.dropped_rows)
        if image.old_units:
            image.sheets = old_sheets(image.old_units, self._sizes())
        is_same = set(image.sheets) <= set(self._known_keys) and not image.is_foreign
        for name, part in image.sheets.items():
            if name in self._tables:
                is_same &= _take_up(self._tables[name], part)
        for unit in self._units:
            is_same &= unit.take_up(image.sheets.get(unit.name, Part()))
        if is_same:
            self._known_keys |= {name: len(part.keys) for name, part in image.sheets.items()}
        else:
            self._foreign = image

    def _sizes(self) -> dict[str, int]:
        sizes = {name: len(table.start_record) for name, table in self._tables.items()}
        return sizes | {unit.name: np.dtype(np.int64).itemsize for unit in self._units}

    def pack(self, units: Sequence[Int64s], *, clock: Clock) -> Changed:
        """Return what changed since the last call; nothing when only the clock did and no unit was judged.

        `units` (U,) of each timeline are those that were judged, so that their times may have changed.
        """
        if self._foreign is not None:
            return self._pack_everything(self._foreign, clock=clock)
        sheets = dict(self._table_entries())
        for sheet, changed in zip(self._units, units, strict=True):
            entry = sheet.entry(changed, is_first=not self._known_keys[sheet.name])
            if entry is not None:
                sheets[sheet.name] = entry
                self._known_keys[sheet.name] = len(sheet.keys)
        shelves = {name: rows for name, shelf in self._shelves.items() if (rows := shelf.change()) is not None}
        names = tuple(self._series.key(number) for number in range(self._known_names, len(self._series)))
        # a deadline may be told without any other trace: without the clock it would be told again after a kill
        if not (sheets or shelves or names or any(map(len, units))):
            return {}
        made = Entry(state_log.VERSION, clock, self._known_names, names, sheets, shelves)
        key = f"{state_log.LOG}{self._next_no:012d}"
        self._known_names, self._next_no = len(self._series), self._next_no + 1
        return {key: state_log.encode(made)}

    def discard(self) -> None:
        """Forget what changed: nothing is to be saved."""
        for table in self._tables.values():
            table.changes()

    def _table_entries(self) -> Iterator[tuple[str, SheetEntry]]:
        for name, table in self._tables.items():
            written, moved = table.changes()
            known = self._known_keys[name]
            keys = tuple(table.keys[known:])
            if not (keys or len(written) or len(moved)):
                continue
            self._known_keys[name] = len(table)
            yield name, SheetEntry(
                known, keys, table.start_record if keys else b"",
                state_log.places_as_bytes(written), table.dump_now(written) if len(written) else b"",
                state_log.places_as_bytes(moved), table.dump(moved) if len(moved) else (b"", b"", b""),
            )  # fmt: skip

    def _pack_everything(self, image: Image, *, clock: Clock) -> Changed:
        """Return everything anew; what was there before goes."""
        changed: Changed = dict.fromkeys(image.keys, b"")
        changed |= state_log.write_names([self._series.key(number) for number in range(len(self._series))])
        for name, table in self._tables.items():
            changed |= state_log.write_part(name, _part_of(table))
            self._known_keys[name] = len(table)
        for unit in self._units:
            changed |= state_log.write_part(unit.name, unit.part())
            self._known_keys[unit.name] = len(unit.keys)
        dropped: dict[str, int] = {}
        for name, shelf in self._shelves.items():
            rows, added = image.shelves.get(name, state_log.ShelfImage()), shelf.change()
            dropped[name] = added.dropped_rows if added else rows.dropped_rows
            changed |= _bundles(name, rows, added)
        changed |= state_log.write_head(clock, dropped)
        self.discard()
        self._foreign, self._known_names = None, len(self._series)
        return changed


def _bundles(name: str, rows: state_log.ShelfImage, added: ShelfEntry | None) -> Changed:
    changed: Changed = {}
    if rows.bodies:
        changed |= state_log.write_bundle(name, rows.bodies, first_row=rows.first_row, end_row=rows.end_row)
    if added and added.end_row > added.first_row:
        changed |= state_log.write_bundle(name, [added.body], first_row=added.first_row, end_row=added.end_row)
    return changed


def _part_of(table: StateTable) -> Part:
    everything = np.arange(len(table))
    size = len(table.start_record)
    return Part(list(table.keys), [np.frombuffer(v, np.uint8).reshape(-1, size) for v in table.dump(everything)])


def _take_up(table: StateTable, part: Part) -> bool:
    """Set the subjects of `table` that `part` knows; return whether they stand in the same places, in the same form."""
    if part.keys == table.keys[: len(part.keys)]:
        return table.load(np.arange(len(part.keys)), part.bytes_of() if part.keys else (b"", b"", b""))
    places = [(at, place) for at, key in enumerate(part.keys) if (place := table.place_of(key)) is not None]
    chosen = [at for at, _ in places]
    table.load(np.array([place for _, place in places], dtype=np.int64), [v[chosen].tobytes() for v in part.versions])
    return False


class UnitSheet:
    """The times of the units of one timeline; each is named after its devices."""

    def __init__(self, timeline: Timeline, layout: Layout) -> None:
        """Name the units."""
        self._timeline, self._layout = timeline, layout
        self.name = f"unit/{timeline.order.name}"
        devices: dict[int, list[str]] = {}
        for device_id, unit in zip(layout.ids, timeline.order.unit_of_device.tolist(), strict=True):
            devices.setdefault(unit, []).append(device_id)
        self.keys = tuple(",".join(devices.get(unit, ())) for unit in range(len(timeline.units())))
        self._saved: list[Int64s] = [np.full(len(self.keys), NEVER_NS) for _ in range(3)]

    def entry(self, units: Int64s, *, is_first: bool) -> SheetEntry | None:
        """Return the times of those of `units` (U,) where they changed, and all names if this is the first entry.

        None when there is nothing to say.
        """
        times = self._timeline.columns(units)
        moved = np.logical_or.reduce([now != saved[units] for now, saved in zip(times, self._saved, strict=True)])
        units = units[moved]
        if not is_first and not len(units):
            return None
        newest, mid, base = (now[moved] for now in times)
        for saved, now in zip(self._saved, (newest, mid, base), strict=True):
            saved[units] = now
        names, start = (self.keys, np.int64(NEVER_NS).tobytes()) if is_first else ((), b"")
        columns = (newest.tobytes(), mid.tobytes(), base.tobytes())
        return SheetEntry(0, names, start, b"", b"", state_log.places_as_bytes(units), columns)

    def part(self) -> Part:
        """Return the times of all units, as saved from now on."""
        self._saved = list(self._timeline.columns(self._timeline.units()))
        return Part(list(self.keys), [times_ns.view(np.uint8).reshape(-1, 8) for times_ns in self._saved])

    def take_up(self, part: Part) -> bool:
        """Set the units as `part` says; settle those whose devices changed. Return whether there are none."""
        if not part.keys:
            return True
        times = list(zip(*(np.frombuffer(v, np.int64).tolist() for v in part.bytes_of()), strict=True))
        regrouped: set[int] = set()
        for names, times_ns in zip(part.keys, times, strict=True):
            units = self._units_of(names.split(","))
            unit = next(iter(units), 0)
            if len(units) == 1 and self.keys[unit] == names:
                self._timeline.load(unit, times_ns)
            else:
                self._take_up_newest(units, times_ns[0])
                regrouped |= units
        self._timeline.settle(np.array(sorted(regrouped), dtype=np.int64))
        self._saved = list(self._timeline.columns(self._timeline.units()))
        return tuple(part.keys) == self.keys

    def _units_of(self, devices: Sequence[str]) -> set[int]:
        numbers = [self._layout.numbers[device_id] for device_id in devices if device_id in self._layout.numbers]
        return {int(self._timeline.order.unit_of_device[number]) for number in numbers}

    def _take_up_newest(self, units: set[int], newest_ns: int) -> None:
        for unit in units:
            newest_ns = max(newest_ns, self._timeline.dump(unit)[0])
            self._timeline.load(unit, (newest_ns, newest_ns, newest_ns))
