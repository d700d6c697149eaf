from __future__ import annotations

import pytest

from tests.simulation.faults import FOUND_WITHIN
from tests.simulation.schedules import first_finding, run_schedules

SCHEDULES = 20_000


@pytest.mark.timeout(600)
def test_no_schedule_breaks_a_promise() -> None:
    assert [found for found in run_schedules(range(SCHEDULES)) if found is not None] == []


@pytest.mark.parametrize("fault", FOUND_WITHIN)
def test_a_planted_fault_is_found(fault: str) -> None:
    assert first_finding(fault, most=FOUND_WITHIN[fault]) is not None


def test_there_are_enough_faults() -> None:
    assert len(FOUND_WITHIN) >= 12
