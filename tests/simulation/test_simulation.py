from __future__ import annotations

import os
from pathlib import Path

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


def test_the_twins_say_what_the_real_files_say(tmp_path: Path) -> None:
    with modelled():
        for seed in range(REAL_SCHEDULES):
            folder = tmp_path / str(seed)
            folder.mkdir()
            PairedWorld(seed, folder).run()
