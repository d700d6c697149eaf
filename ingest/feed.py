"""The journal as a store wants it: portion after portion of points, first the history, then every change of it.

A reading that was corrected is a change and comes again. One that was taken back comes as a WITHDRAWN point, which
overwrites it. A store names a point by series and time; of several readings of one series at one time (a device whose
clock says the same twice, told apart by its frame counter) each but the first is numbered, in the journal's order: the
first is what everybody looks at, none is lost. What a portion says of such a time is what the journal holds of it now.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Protocol

from ingest.forward_book import Doubles, Place, Stations
from ingest.journal_read import LatestRow, ObservationRow, SeriesRow
from ingest.store_model import WITHDRAWN, Points, SeriesKey

_FIRST_NS = -(2**63)
_LAST_NS = 2**63 - 1
_NEAR_NS = 3_600 * 10**9
_MOST_NEAR = 1_000_000

_Name = tuple[int, int, int]
"""Series, time, and which of the readings at that time (1, 2, …)."""
_Said = tuple[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Some points, and the place where reading goes on once they are stored. `is_cut`: all must be copied again."""

    points: Points
    place: Place
    is_cut: bool = False


class Columns(Protocol):
    """Rows as parallel sequences; of rows that were taken back only the first three are filled."""

    @property
    def series_id(self) -> Sequence[int]: ...
    @property
    def observed_ns(self) -> Sequence[int]: ...
    @property
    def seq(self) -> Sequence[int]: ...
    @property
    def value(self) -> Sequence[float]: ...
    @property
    def flag(self) -> Sequence[int]: ...


class Commit(Protocol):
    """What one commit changed: `removed` first, then `rows`."""

    @property
    def rows(self) -> Columns: ...
    @property
    def removed(self) -> Columns: ...


class Changes(Protocol):
    """Commits in their order. `is_cut`: some before them are no longer known."""

    @property
    def commits(self) -> Sequence[Commit]: ...
    @property
    def last_commit_no(self) -> int: ...
    @property
    def is_cut(self) -> bool: ...


class Journal(Protocol):
    """What a feed asks of the journal; `ingest.journal_read.JournalReader` has it."""

    def commit_no(self) -> int: ...
    def series(self) -> list[SeriesRow]: ...
    def latest(self) -> list[LatestRow]: ...
    def observations(  # noqa: PLR0913 - as the reader has it
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int
    ) -> list[ObservationRow]: ...
    def changes_after(self, commit_no: int, *, limit: int) -> Changes: ...


class JournalFeed:
    """Reads the journal for one store. Raises TransientError when it cannot be read."""

    def __init__(self, reader: Journal, stations: Stations, doubles: Doubles) -> None:
        """Take over a reader; `stations` says where each device stood, `doubles` which series have several readings
        at one time.
        """
        self._reader = reader
        self._stations = stations
        self._doubles = doubles
        self._series: dict[int, tuple[str, str]] = {}
        self._order: list[int] = []
        self._newest: dict[int, int] | None = None

    def start(self) -> Place:
        """Return the place from which everything comes."""
        # the number first: what is committed during the copying comes again as a change
        return Place(commit_no=self._reader.commit_no(), series_id=0)

    def after(self, place: Place, *, limit: int) -> Portion:
        """Return about `limit` points that follow `place`; none and the same place when there is nothing new."""
        return self._history_after(place, limit=limit) if place.is_copying else self._changes_after(place, limit=limit)

    def _history_after(self, place: Place, *, limit: int) -> Portion:
        if not self._order:
            self._learn_series()
        found: dict[_Name, _Said] = {}
        for series_id in self._order[bisect_left(self._order, place.series_id) :]:
            device_id, quantity = self._series[series_id]
            from_ns = place.observed_ns if series_id == place.series_id else _FIRST_NS
            wanted = limit - len(found)
            rows = self._reader.observations(device_id, quantity, from_ns=from_ns, to_ns=_LAST_NS, limit=wanted)
            found.update(self._numbered(series_id, rows))
            if len(rows) == wanted:
                # rows that share the last time may be cut in two, so that time is read again
                last_ns = rows[-1].observed_ns
                if rows[0].observed_ns == last_ns:
                    found.update(self._now({(series_id, last_ns)}))
                    last_ns += 1
                return Portion(points=self._points(found), place=Place(place.commit_no, series_id, last_ns))
        # a series that came while the history was copied comes as a change
        return Portion(points=self._points(found), place=Place(place.commit_no))

    def _changes_after(self, place: Place, *, limit: int) -> Portion:
        changes = self._reader.changes_after(place.commit_no, limit=limit)
        if changes.is_cut:
            return Portion(points=self._points({}), place=self.start(), is_cut=True)
        found: dict[_Name, _Said] = {}
        shared: set[tuple[int, int]] = set()
        gone: set[tuple[int, int]] = set()
        for commit in changes.commits:
            gone.update(zip(commit.removed.series_id, commit.removed.observed_ns, strict=True))
            rows = commit.rows
            shared |= self._maybe_shared(rows)
            names = zip(rows.series_id, rows.observed_ns, repeat(1), strict=False)
            found.update(zip(names, zip(rows.value, rows.flag, strict=True), strict=True))
        now = dict(self._now(shared | gone))
        found.update((name, now.get(name, (math.nan, WITHDRAWN))) for name in self._points_at(gone))
        found.update(now)
        return Portion(points=self._points(found), place=Place(changes.last_commit_no))

    def _maybe_shared(self, rows: Columns) -> set[tuple[int, int]]:
        """Return series and time of the rows whose time another row of their series may have."""
        found: set[tuple[int, int]] = set()
        if max(rows.seq, default=-1) < 0:
            return found  # without a frame counter a time is one reading
        if self._newest is None:
            # what was sent before this process began is not known: up to here, each time may have been there already
            newest = {(row.device_id, row.quantity): row.observed_ns for row in self._reader.latest()}
            self._newest = {
                series_id: newest[name] for series_id, name in self._learn_series().items() if name in newest
            }
        for series_id, observed_ns, seq in zip(rows.series_id, rows.observed_ns, rows.seq, strict=True):
            if observed_ns > self._newest.get(series_id, _FIRST_NS):
                self._newest[series_id] = observed_ns
            elif seq >= 0:
                found.add((series_id, observed_ns))
        return found

    def _now(self, times: set[tuple[int, int]]) -> Iterator[tuple[_Name, _Said]]:
        """Give what the journal holds of these series at these times: none, one or several readings each."""
        for near in _near_each_other(sorted(times)):
            (series_id, first_ns), (_, last_ns) = near[0], near[-1]
            device_id, quantity = self._names_of((series_id,))[series_id]
            rows = self._reader.observations(device_id, quantity, from_ns=first_ns, to_ns=last_ns + 1, limit=_MOST_NEAR)
            wanted = {observed_ns for _, observed_ns in near}
            yield from self._numbered(series_id, [row for row in rows if row.observed_ns in wanted])

    def _points_at(self, times: set[tuple[int, int]]) -> Iterator[_Name]:
        """Give all points that may stand in a store at these times."""
        most_at_once = self._doubles.most_at_once() if times else {}
        names = self._names_of({series_id for series_id, _ in times})
        for series_id, observed_ns in times:
            most = most_at_once.get(names[series_id], 1)
            yield from ((series_id, observed_ns, nth) for nth in range(1, most + 1))

    def _numbered(self, series_id: int, rows: Sequence[ObservationRow]) -> Iterator[tuple[_Name, _Said]]:
        """Give rows in the order of their times as points."""
        times = [row.observed_ns for row in rows]
        if len(set(times)) == len(rows):
            return zip(zip(repeat(series_id), times, repeat(1)), ((row.value, row.flag) for row in rows), strict=True)
        return self._numbered_one_by_one(series_id, rows)

    def _numbered_one_by_one(self, series_id: int, rows: Sequence[ObservationRow]) -> Iterator[tuple[_Name, _Said]]:
        nth, before_ns, most = 0, _FIRST_NS, 0
        for row in rows:
            nth = nth + 1 if row.observed_ns == before_ns else 1
            before_ns, most = row.observed_ns, max(most, nth)
            yield (series_id, row.observed_ns, nth), (row.value, row.flag)
        self._doubles.note(*self._names_of((series_id,))[series_id], count=most)

    def _points(self, found: dict[_Name, _Said]) -> Points:
        names = self._names_of({series_id for series_id, _, _ in found})
        numbers: dict[SeriesKey, int] = {}
        fixed = {
            series_id: _number(numbers, device_id, quantity, self._stations.at(device_id, _LAST_NS))
            for series_id, (device_id, quantity) in names.items()
            if self._stations.is_fixed(device_id)
        }
        place = [
            fixed[series_id]
            if nth == 1 and series_id in fixed
            else _number(numbers, *names[series_id], self._stations.at(names[series_id][0], observed_ns), nth=nth)
            for series_id, observed_ns, nth in found
        ]
        return Points(
            series=tuple(numbers),
            place=place,
            observed_ns=[observed_ns for _, observed_ns, _ in found],
            value=[value for value, _ in found.values()],
            flag=[flag for _, flag in found.values()],
        )

    def _names_of(self, series_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        wanted = set(series_ids)
        if not wanted <= self._series.keys():
            self._learn_series()
        return {series_id: self._series[series_id] for series_id in wanted}

    def _learn_series(self) -> dict[int, tuple[str, str]]:
        self._series = {row.series_id: (row.device_id, row.quantity) for row in self._reader.series()}
        self._order = sorted(self._series)
        return self._series


def _near_each_other(times: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Give sorted series and times in groups that one question to the journal answers."""
    group: list[tuple[int, int]] = []
    for series_id, observed_ns in times:
        if group and (series_id != group[0][0] or observed_ns - group[0][1] > _NEAR_NS):
            yield group
            group = []
        group.append((series_id, observed_ns))
    if group:
        yield group


def _number(  # noqa: PLR0913 - a key, in pieces
    numbers: dict[SeriesKey, int], device_id: str, quantity: str, station: str, *, nth: int = 1
) -> int:
    key = SeriesKey(device_id=device_id, quantity=quantity, station=station, nth=nth)
    return numbers.setdefault(key, len(numbers))
