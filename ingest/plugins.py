"""What a check and a rule are: the two kinds of plugin of ingest, one file each, found by file name.

Both keep their memory in `StateTable`s, so that the pipeline can set it back and judge rows again (see
`ingest.state`). A rule must therefore be a fold: its state after some rows depends on these rows only, never on the
clock; what the clock adds (a deadline that passed) is worked out anew each time from state and `View.due_ns`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from devices.registry import load_plugins
from ingest.batch import Batch, Bytes, Int32s, Int64s
from ingest.events import Mark
from ingest.spans import Spans
from ingest.state import StateTable

Timeline = Literal["observed", "received", "contact"]
"""In which order a rule sees rows, and which: `observed` by observed_ns, groups of devices, at most `lateness_s` late;
`received` by received_ns, devices, fresh rows only; `contact` by observed_ns, devices, up to 8 days late."""

Deadlines = tuple[Int64s, Int32s]
"""Instants (D,) at which a rule may have something to say without a reading, and the unit (D,) of each."""


class Params(BaseModel):
    """Base of all plugin parameters: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A device or gateway as rules and checks see it. `unit` is its unit in the rule's timeline.

    `quantities` are those the model may give; `listed` those the site says must not fall silent; `home` is empty
    for a device of no home; `model` is empty for a gateway.
    """

    device_id: str
    unit: int
    interval_ns: int
    quantities: frozenset[str]
    listed: tuple[str, ...] = ()
    home: str = ""
    sprung_when_open: bool = True
    mount_height_m: float | None = None
    derives_depth: bool = False
    model: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a plugin instance is built from: `watched` are the devices it applies to, by id."""

    name: str
    params: Any
    watched: Mapping[str, Watched]
    quantities: frozenset[str] = frozenset()
    timezone: str = "Asia/Tokyo"


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How rows are to be judged: `units` (U,) are the ones of which marks are wanted, `due_ns` is the clock."""

    units: Int64s
    due_ns: int


class HasTables(Protocol):
    """Whatever remembers something in state tables."""

    def tables(self) -> Sequence[StateTable]:
        """Return what it remembers."""


class LooksAtSeries(Protocol):
    """Whatever looks at some of the series."""

    def add_series(self, series: int, *, device_id: str, quantity: str) -> bool:
        """Learn that `series` stands for this quantity of this device, before its first row; return if it matters."""


class CheckRunner(HasTables, Protocol):
    """A check at work, for all series of a site."""

    def add_series(self, series: int, *, device_id: str, quantity: str, params: Any) -> None:
        """Learn that `series` is judged by `params`; called once, before its first row."""

    def apply(self, batch: Batch) -> Bytes:
        """Return flags (N,) of rows sorted by (series, observed_ns, seq); UNKNOWN where it has nothing to say."""


class RuleRunner(HasTables, LooksAtSeries, Protocol):
    """A rule at work."""

    def begin(self, now_ns: int, away: Spans) -> None:
        """Learn at every start what time it is and in which spans the hub was not listening, before anything else."""

    def evaluate(self, batch: Batch, view: View) -> list[Mark]:
        """Fold rows into the state and return all marks of `view.units` known at `view.due_ns`.

        Rows are sorted by (series, time of the timeline, seq) and all belong to `view.units`; there are none when no
        series of the batch matters to this rule. The marks are those of
        episodes that were open before the rows (from RAISED on, told or not) and of those that began in them.
        """

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return all deadlines of `units` (U,), those that have passed among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSpec:
    """One quality check. `params` is its documentation; `build` makes the one runner of a site.

    The scope's own `params` are the default ones; each series comes with those that apply to it.
    """

    name: str
    params: type[Params]
    build: Callable[[Scope], CheckRunner]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """One kind of rule. `subjects` says what its events are about."""

    name: str
    params: type[Params]
    timeline: Timeline
    build: Callable[[Scope], RuleRunner]
    subjects: Literal["series", "devices", "homes"] = "series"


class Timeless:
    """Part of a rule without deadlines."""

    def begin(self, now_ns: int, away: Spans) -> None:
        """Do nothing."""

    def deadlines(self, units: Int64s) -> Deadlines:
        """Return no deadline."""
        del units
        return np.empty(0, np.int64), np.empty(0, np.int32)


def load_checks() -> Mapping[str, CheckSpec]:
    """Return all checks by name."""
    return load_plugins("ingest.checks", constant="CHECK", spec_type=CheckSpec, name_of=lambda spec: spec.name)


def load_rules() -> Mapping[str, RuleSpec]:
    """Return all kinds of rule by name."""
    return load_plugins("ingest.rules", constant="RULE", spec_type=RuleSpec, name_of=lambda spec: spec.name)
