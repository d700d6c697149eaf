"""What the pipeline remembers as bytes per key, for the journal; and back.

Keys: `clock`, `series/<n>` (256 names each), `rows/<shelf>/<n>`, `unit/<timeline>/<device>`. The snapshot may be of an
older site: subjects are found by name, and units whose devices changed are settled as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from ingest.batch import Int64s, SeriesIndex
from ingest.layout import Layout
from ingest.spans import Spans
from ingest.timeline import NEVER_NS, Timeline

NAMES_A_KEY = 256
CLOCK = "clock"
_SERIES, _UNIT = "series/", "unit/"
_PACKER = msgspec.msgpack.Encoder()


class ClockState(msgspec.Struct, array_like=True, frozen=True):
    """How far the clock is and when the hub was away."""

    due_ns: int
    away: tuple[tuple[int, int], ...] = ()


class _UnitState(msgspec.Struct, array_like=True, frozen=True):
    newest_ns: int
    mid_ns: int
    base_ns: int
    devices: tuple[str, ...]
    tables: dict[str, dict[str, bytes]]


def pack_clock(due_ns: int, away: Spans) -> bytes:
    """Return the bytes of key `clock`."""
    return msgspec.msgpack.encode(ClockState(due_ns, away.items))


def unpack_clock(snapshot: Mapping[str, bytes]) -> tuple[int, Spans]:
    """Return how far the clock is (NEVER_NS at the very first start) and when the hub was away."""
    if CLOCK not in snapshot:
        return NEVER_NS, Spans()
    clock = msgspec.msgpack.decode(snapshot[CLOCK], type=ClockState)
    return clock.due_ns, Spans(clock.away)


def pack_series(series: SeriesIndex, *, since: int) -> dict[str, bytes]:
    """Return the keys of names of series number `since` and later."""
    changed: dict[str, bytes] = {}
    for number in range(since // NAMES_A_KEY, -(-len(series) // NAMES_A_KEY)):
        last = min(len(series), (number + 1) * NAMES_A_KEY)
        names = [series.key(place) for place in range(number * NAMES_A_KEY, last)]
        changed[f"{_SERIES}{number:06d}"] = msgspec.msgpack.encode(names)
    return changed


def unpack_series(snapshot: Mapping[str, bytes]) -> SeriesIndex:
    """Return the names of all series with their old numbers."""
    series = SeriesIndex()
    for key in sorted(key for key in snapshot if key.startswith(_SERIES)):
        for device_id, quantity in msgspec.msgpack.decode(snapshot[key], type=list[tuple[str, str]]):
            series.id_of(device_id, quantity)
    return series


class UnitKeeper:
    """Packs and unpacks the units of one timeline."""

    def __init__(self, timeline: Timeline, layout: Layout) -> None:
        """Name each unit after its first device."""
        self._timeline, self._layout = timeline, layout
        self._prefix = f"{_UNIT}{timeline.order.name}/"
        self._devices: dict[int, list[str]] = {}
        for device_id, unit in zip(layout.ids, timeline.order.unit_of_device.tolist(), strict=True):
            self._devices.setdefault(unit, []).append(device_id)

    def pack(self, units: Int64s) -> dict[str, bytes]:
        """Return the keys of `units` (U,)."""
        chosen = units.tolist()
        tables = [(table.name, table.dump(chosen)) for table in self._timeline.tables()] if chosen else []
        changed: dict[str, bytes] = {}
        for number, (unit, times_ns) in enumerate(zip(chosen, self._timeline.times(units), strict=True)):
            devices = self._devices[unit]
            records = {name: dumped[number] for name, dumped in tables if dumped[number]}
            changed[f"{self._prefix}{devices[0]}"] = _PACKER.encode(_UnitState(*times_ns, tuple(devices), records))
        return changed

    def unpack(self, snapshot: Mapping[str, bytes]) -> dict[str, bytes]:
        """Take up all units of `snapshot`; return what must be deleted there because no unit has that name."""
        keys = [key for key in snapshot if key.startswith(self._prefix)]
        states = {key: msgspec.msgpack.decode(snapshot[key], type=_UnitState) for key in keys}
        regrouped: set[int] = set()
        for state in states.values():
            self._take_up_records(state)
            units = self._units_of(state.devices)
            if len(units) == 1 and self._devices[next(iter(units))] == list(state.devices):
                self._timeline.load(units.pop(), (state.newest_ns, state.mid_ns, state.base_ns))
            else:
                self._take_up_newest(units, state.newest_ns)
                regrouped |= units
        self._timeline.settle(np.array(sorted(regrouped), dtype=np.int64))
        names = {f"{self._prefix}{devices[0]}" for devices in self._devices.values()}
        return dict.fromkeys(set(keys) - names, b"")

    def _units_of(self, devices: Iterable[str]) -> set[int]:
        numbers = [self._layout.numbers[device_id] for device_id in devices if device_id in self._layout.numbers]
        return {int(self._timeline.order.unit_of_device[number]) for number in numbers}

    def _take_up_records(self, state: _UnitState) -> None:
        for table in self._timeline.tables():
            for key, record in state.tables.get(table.name, {}).items():
                table.load(key, record)

    def _take_up_newest(self, units: Iterable[int], newest_ns: int) -> None:
        for unit in units:
            newest_ns = max(newest_ns, self._timeline.dump(unit)[0])
            self._timeline.load(unit, (newest_ns, newest_ns, newest_ns))


def pack_units(keepers: Sequence[UnitKeeper], touched: Sequence[Int64s]) -> dict[str, bytes]:
    """Return the keys of the touched units (U,) of all timelines."""
    changed: dict[str, bytes] = {}
    for keeper, units in zip(keepers, touched, strict=True):
        changed |= keeper.pack(units)
    return changed
