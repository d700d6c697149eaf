"""The journal as a store wants it: portion after portion of points, first the history, then every change of it.

A reading that was corrected is a change and comes again. One that was taken back comes as a WITHDRAWN point, which
overwrites it. A store names a point by series and time: of two readings of one series at one time (a device that says
the same time with two frame counters) it holds the later one.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.forward_book import Place, Stations
from ingest.journal_read import ObservationRow, SeriesRow
from ingest.store_model import WITHDRAWN, Points, SeriesKey

_FIRST_NS = -(2**63)
_LAST_NS = 2**63 - 1

_Name = tuple[int, int]
_Said = tuple[float, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Some points, and the place where reading goes on once they are stored. `is_cut`: all must be copied again."""

    points: Points
    place: Place
    is_cut: bool = False


class Columns(Protocol):
    """Rows as parallel sequences; of rows that were taken back only these two are filled."""

    @property
    def series_id(self) -> Sequence[int]: ...
    @property
    def observed_ns(self) -> Sequence[int]: ...
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
    def observations(  # noqa: PLR0913 - as the reader has it
        self, device_id: str, quantity: str, *, from_ns: int, to_ns: int, limit: int
    ) -> list[ObservationRow]: ...
    def changes_after(self, commit_no: int, *, limit: int) -> Changes: ...


class JournalFeed:
    """Reads the journal for one store. Raises TransientError when it cannot be read."""

    def __init__(self, reader: Journal, stations: Stations) -> None:
        """Take over a reader; `stations` says where each device stood."""
        self._reader = reader
        self._stations = stations
        self._series: dict[int, tuple[str, str]] = {}
        self._order: list[int] = []

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
            found.update(((series_id, row.observed_ns), (row.value, row.flag)) for row in rows)
            if len(rows) == wanted:
                # rows that share the last time may be cut in two, so that time is read again, unless all have it
                last_ns = rows[-1].observed_ns
                place = Place(place.commit_no, series_id, last_ns + (rows[0].observed_ns == last_ns))
                return Portion(points=self._points(found), place=place)
        # a series that came while the history was copied comes as a change
        return Portion(points=self._points(found), place=Place(place.commit_no))

    def _changes_after(self, place: Place, *, limit: int) -> Portion:
        changes = self._reader.changes_after(place.commit_no, limit=limit)
        if changes.is_cut:
            return Portion(points=self._points({}), place=self.start(), is_cut=True)
        found: dict[_Name, _Said] = {}
        for commit in changes.commits:
            gone, rows = commit.removed, commit.rows
            for name in zip(gone.series_id, gone.observed_ns, strict=True):
                found[name] = self._now(name)
            names = zip(rows.series_id, rows.observed_ns, strict=True)
            found.update(zip(names, zip(rows.value, rows.flag, strict=True), strict=True))
        return Portion(points=self._points(found), place=Place(changes.last_commit_no))

    def _now(self, name: _Name) -> _Said:
        """Return what the journal holds of a series at the time of a row that was taken back: another row, or none."""
        series_id, observed_ns = name
        device_id, quantity = self._names_of((series_id,))[series_id]
        rows = self._reader.observations(device_id, quantity, from_ns=observed_ns, to_ns=observed_ns + 1, limit=1_000)
        return (rows[-1].value, rows[-1].flag) if rows else (math.nan, WITHDRAWN)

    def _points(self, found: dict[_Name, _Said]) -> Points:
        names = self._names_of({series_id for series_id, _ in found})
        numbers: dict[SeriesKey, int] = {}
        fixed = {
            series_id: _number(numbers, device_id, quantity, self._stations.at(device_id, _LAST_NS))
            for series_id, (device_id, quantity) in names.items()
            if self._stations.is_fixed(device_id)
        }
        place = [
            fixed[series_id]
            if series_id in fixed
            else _number(numbers, *names[series_id], self._stations.at(names[series_id][0], observed_ns))
            for series_id, observed_ns in found
        ]
        return Points(
            series=tuple(numbers),
            place=place,
            observed_ns=[observed_ns for _, observed_ns in found],
            value=[value for value, _ in found.values()],
            flag=[flag for _, flag in found.values()],
        )

    def _names_of(self, series_ids: Iterable[int]) -> dict[int, tuple[str, str]]:
        wanted = set(series_ids)
        if not wanted <= self._series.keys():
            self._learn_series()
        return {series_id: self._series[series_id] for series_id in wanted}

    def _learn_series(self) -> None:
        self._series = {row.series_id: (row.device_id, row.quantity) for row in self._reader.series()}
        self._order = sorted(self._series)


def _number(numbers: dict[SeriesKey, int], device_id: str, quantity: str, station: str) -> int:
    return numbers.setdefault(SeriesKey(device_id=device_id, quantity=quantity, station=station), len(numbers))
