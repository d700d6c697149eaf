"""The journal's own numbers of series: the pipeline numbers them as it meets them, neither depends on the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.batch import Int64s, SeriesIndex

if TYPE_CHECKING:
    from ingest.pipeline import Outcome

_UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbered:
    """The numbers of an outcome's rows, (N,) and (M,), and the series that are new to the journal."""

    observations: Int64s
    removed: Int64s
    new: Mapping[tuple[str, str], int]


class SeriesNumbers:
    """What is known of the table `series`, and which number stands for which of the pipeline's."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read the table."""
        rows = connection.execute("SELECT series_id, device_id, quantity FROM series")
        self._known = {(device_id, quantity): series_id for series_id, device_id, quantity in rows}
        self.forget_places()

    def forget_places(self) -> None:
        """Ask the table's numbers anew, after a transaction that failed: what it added is not there."""
        self._index: SeriesIndex | None = None
        self._ids: Int64s = np.empty(0, np.int64)

    def take_over(self, new: Mapping[tuple[str, str], int]) -> None:
        """Remember what is committed now."""
        self._known.update(new)

    def number(self, connection: sqlite3.Connection, outcome: Outcome) -> Numbered:
        """Number the rows of `outcome`, adding series that are new to the table."""
        if self._index is not outcome.series:
            self._index, self._ids = outcome.series, np.empty(0, np.int64)
        if len(self._ids) < len(outcome.series):
            more = np.full(len(outcome.series) - len(self._ids), _UNKNOWN, np.int64)
            self._ids = np.concatenate((self._ids, more))
        wanted = outcome.observations.series, outcome.removed.series
        new: dict[tuple[str, str], int] = {}
        for series in wanted:
            is_new = self._ids[series] == _UNKNOWN
            for place in np.unique(series[is_new]).tolist() if is_new.any() else ():
                self._ids[place] = self._number_of(connection, outcome.series.key(place), new)
        observations, removed = (self._ids[series] for series in wanted)
        return Numbered(observations=observations, removed=removed, new=new)

    def _number_of(self, connection: sqlite3.Connection, key: tuple[str, str], new: dict[tuple[str, str], int]) -> int:
        number = self._known.get(key)
        if number is None:
            cursor = connection.execute("INSERT INTO series (device_id, quantity) VALUES (?, ?)", key)
            number = new[key] = int(cursor.lastrowid or 0)
        return number
