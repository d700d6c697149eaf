from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.codec import modelled
from tests.simulation.faults import FOUND_WITHIN
from tests.simulation.real_files import PairedWorld
from tests.simulation.schedules import first_finding, run_schedules

SCHEDULES = 20_000
REAL_SCHEDULES = 60


@pytest.mark.timeout(600)
def test_no_schedule_breaks_a_promise() -> None:
    assert [found for found in run_schedules(range(SCHEDULES)) if found is not None] == []


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
