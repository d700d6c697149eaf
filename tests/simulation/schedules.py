"""Many schedules one after the other: what the command line and the tests both use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.simulation.codec import modelled
from tests.simulation.faults import planted
from tests.simulation.parts import Violation
from tests.simulation.world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A schedule that broke a promise. `what` says which, or what broke."""

    seed: int
    what: str


def run_schedules(seeds: Iterable[int], *, fault: str = "") -> Iterator[Finding | None]:
    """Run the schedule of each seed; yield what it found, None when all was well."""
    with modelled(), planted(fault):
        for seed in seeds:
            yield run_one(seed, fault)


def run_one(seed: int, fault: str) -> Finding | None:
    """Run one schedule. An exception of the code itself is a finding, too."""
    try:
        World(seed, fault).run()
    except Violation as violation:
        return Finding(seed=seed, what=str(violation))
    except Exception as error:  # noqa: BLE001 - what breaks the code under test is what is looked for
        return Finding(seed=seed, what=f"{type(error).__name__}: {error}")
    return None


def first_finding(fault: str, *, most: int) -> Finding | None:
    """Return what the first of `most` schedules that finds the fault says, None when none does."""
    return next((found for found in run_schedules(range(most), fault=fault) if found is not None), None)
