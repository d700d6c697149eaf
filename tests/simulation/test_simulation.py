from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.simulation.codec import modelled
from tests.simulation.faults import FOUND_WITHIN
from tests.simulation.real_files import PairedWorld
from tests.simulation.schedules import first_finding, run_many

SCHEDULES = 20_000
REAL_SCHEDULES = 60


@pytest.mark.timeout(600)
def test_no_schedule_breaks_a_promise() -> None:
    done = list(run_many(range(SCHEDULES), jobs=os.cpu_count() or 1))
    assert sum(count for count, _ in done) == SCHEDULES
    assert [found for _, some in done for found in some] == []


@pytest.mark.parametrize("fault", FOUND_WITHIN)
def test_a_planted_fault_is_found(fault: str) -> None:
    assert first_finding(fault, most=FOUND_WITHIN[fault]) is not None


def test_there_are_enough_faults() -> None:
    assert len(FOUND_WITHIN) >= 12


def test_the_twins_say_what_the_real_files_say() -> None:
    # a crash of a process does not reach the page cache, so a disk of memory shows the same and costs no syncs
    with modelled(), TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as name:
        for seed in range(REAL_SCHEDULES):
            folder = Path(name) / str(seed)
            folder.mkdir()
            PairedWorld(seed, folder).run()
