"""What a store is: a second home for observations, one plugin file in `ingest.stores`, found by file name.

A store takes the same point twice as the same point. It says of every write one of three things: taken, refused for
what the points say (`PointsRefusedError`, more tries are no use), or away (`StoreAwayError`, try again later). What
follows from that, halving, setting aside, waiting, is not the store's business (see `ingest.deliver`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict

from devices.model import PermanentError, TransientError
from devices.registry import load_plugins
from ingest.journal_read import PointRow

WITHDRAWN: Final = 0
"""Flag of a point that the journal has taken back; no flag of `ingest.flags` is 0."""


class StoreParams(BaseModel):
    """Base of a store's parameters in `[store.<name>]`: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, str_strip_whitespace=True)


class StoreAwayError(TransientError):
    """The store cannot take anything now: no answer, overloaded, or it does not know our token or bucket.

    `retry_after_s` is how long it asks us to wait, None when it says nothing.
    """

    def __init__(self, text: str, *, retry_after_s: float | None = None) -> None:
        """Keep the text and how long to wait."""
        super().__init__(text)
        self.retry_after_s = retry_after_s


class PointsRefusedError(PermanentError):
    """The store looked at these points and will never take all of them as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesKey:
    """What a series is called in a store; `station` is empty when the site knows none.

    `nth` 2, 3, …: the second, third, … reading of the same series at the same time; 1 for nearly all there are.
    """

    device_id: str
    station: str
    quantity: str
    nth: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Columns of N points. `place[i]` is the index in `series` of point i.

    `value` NaN: the device itself says that it is bad. `flag` as in `ingest.flags`, or WITHDRAWN.
    """

    series: Sequence[SeriesKey]
    place: Sequence[int]
    observed_ns: Sequence[int]
    value: Sequence[float]
    flag: Sequence[int]

    def __len__(self) -> int:
        return len(self.place)

    def cut(self, first: int, last: int) -> Points:
        """Return the points at `first` <= i < `last`."""
        return Points(
            series=self.series,
            place=self.place[first:last],
            observed_ns=self.observed_ns[first:last],
            value=self.value[first:last],
            flag=self.flag[first:last],
        )

    def without(self, indexes: Collection[int]) -> Points:
        """Return the points but for those at `indexes`."""
        kept = [index for index in range(len(self)) if index not in indexes]
        return Points(
            series=self.series,
            place=[self.place[index] for index in kept],
            observed_ns=[self.observed_ns[index] for index in kept],
            value=[self.value[index] for index in kept],
            flag=[self.flag[index] for index in kept],
        )

    def key_of(self, index: int) -> SeriesKey:
        """Return which series a point belongs to."""
        return self.series[self.place[index]]

    def text_of(self, index: int) -> str:
        """Return one point in words, for a log or a list of what was refused."""
        key, value = self.key_of(index), self.value[index]
        number = "NaN" if math.isnan(value) else repr(value)
        return f"{key.device_id} {key.quantity} {number} flag {self.flag[index]} at {self.observed_ns[index]} ns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What became of a write: `too_old` points were left out because the store keeps nothing that old."""

    accepted: int
    too_old: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryQuery:
    """A series and a span, `from_ns` <= t < `to_ns`, wanted in at most `points` equal parts."""

    device_id: str
    quantity: str
    from_ns: int
    to_ns: int
    points: int


class Store(Protocol):
    """A store at work; used by one thread at a time."""

    def write(self, points: Points) -> Written:
        """Return once the points are safe there. Raises StoreAwayError or PointsRefusedError."""

    def history(self, query: HistoryQuery) -> list[PointRow]:
        """Return the good values, as `JournalReader.observation_points` does. Raises StoreAwayError."""

    def connection_no(self) -> int:
        """Return a number that is another one when a new connection to the server was made."""

    def is_answering(self) -> bool:
        """Tell whether the server says that it is well."""

    def close(self) -> None:
        """Let go of connections; the next call opens them again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSpec:
    """One kind of store. `build` makes one from checked `params`; None when there is nothing to forward to.

    `batch_points(params)` is how many points one write may hold; `reads(params)` tells whether history is read there.
    """

    name: str
    params: type[StoreParams]
    build: Callable[[Any], Store | None]
    batch_points: Callable[[Any], int] = lambda _: 5_000
    reads: Callable[[Any], bool] = lambda _: False


def load_stores() -> Mapping[str, StoreSpec]:
    """Return all stores by name."""
    return load_plugins("ingest.stores", constant="STORE", spec_type=StoreSpec, name_of=lambda spec: spec.name)
