"""Many schedules one after the other: what the command line and the tests both use."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from tests.simulation.codec import modelled
from tests.simulation.faults import planted
from tests.simulation.parts import Violation
from tests.simulation.world import World

_CHUNK, _FAULT_CHUNK = 500, 20


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


def run_many(seeds: range, *, fault: str = "", jobs: int = 1) -> Iterator[tuple[int, list[Finding]]]:
    """Run many schedules in `jobs` processes; yield, chunk by chunk, how many were run and what they found."""
    size = _FAULT_CHUNK if fault else _CHUNK
    chunks = [(seeds[at : at + size], fault) for at in range(0, len(seeds), size)]
    if jobs <= 1:
        yield from map(_run_chunk, chunks)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_run_chunk, chunk) for chunk in chunks]):
            yield done.result()


def _run_chunk(chunk: tuple[range, str]) -> tuple[int, list[Finding]]:
    seeds, fault = chunk
    return len(seeds), [found for found in run_schedules(seeds, fault=fault) if found is not None]


def first_finding(fault: str, *, most: int) -> Finding | None:
    """Return what the first of `most` schedules that finds the fault says, None when none does."""
    return next((found for found in run_schedules(range(most), fault=fault) if found is not None), None)
