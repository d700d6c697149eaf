"""The outlook of a battery from its days."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.battery import MOST_DAYS, Course, is_new_battery, low_voltage, outlook_days, slope_per_k


def days(*values: float) -> Course:
    return Course(day=np.arange(len(values), dtype=np.int64), value=np.array(values, dtype=np.float64))


def line(*, start: float, fall: float, count: int) -> Course:
    return days(*(start - fall * day for day in range(count)))


@pytest.mark.parametrize(
    ("known", "low", "expected"),
    [
        (line(start=3.0, fall=0.01, count=20), 2.5, 31.0),
        (line(start=3.0, fall=0.01, count=13), 2.5, math.nan),
        (line(start=3.0, fall=0.0, count=40), 2.5, math.nan),
        (line(start=3.0, fall=-0.01, count=40), 2.5, math.nan),
        (line(start=3.0, fall=0.00002, count=20), 2.5, math.nan),
        (line(start=3.0, fall=0.0001, count=45), 2.5, MOST_DAYS),
        (days(2.4, 2.4), 2.5, 0.0),
        (days(2.9, 2.9, 2.9, 2.4), 2.5, math.nan),
        (days(), 2.5, math.nan),
        (line(start=3.0, fall=0.01, count=20), math.nan, math.nan),
    ],
)
def test_how_long_it_lasts(known: Course, low: float, expected: float) -> None:
    assert outlook_days(known, low=low, least_days=14) == pytest.approx(expected, nan_ok=True, rel=0.3)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(1, 65_535).map(lambda step: step / 1000), max_size=20), st.sampled_from([0.5, 2.5, 24.0]))
def test_an_outlook_is_never_negative(values: list[float], low: float) -> None:
    found = outlook_days(days(*values), low=low, least_days=3)

    assert math.isnan(found) or 0.0 <= found <= MOST_DAYS


def test_a_quarter_of_bad_days_moves_it_little() -> None:
    values = [3.0 - 0.01 * day - (0.4 if day % 5 == 2 else 0.0) for day in range(40)]

    assert outlook_days(days(*values), low=2.0, least_days=14) == pytest.approx(61, abs=3)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((2.6, 2.6, 2.6, 3.2), True),
        ((2.6, 2.61, 2.6, 2.65), False),
        ((2.2, 3.0, 2.4, 2.9, 2.3, 3.1), False),
        ((2.6, 3.2), False),
        ((3.2, 3.2, 3.2, 2.6), False),
    ],
    ids=["replaced", "a little more", "up and down each day", "too few days", "fallen"],
)
def test_what_a_new_battery_is(values: tuple[float, ...], expected: bool) -> None:
    assert is_new_battery(days(*values)) is expected


def test_what_is_learned_from_the_days() -> None:
    assert slope_per_k(6.0, 1000.0, value=3.2) == pytest.approx(0.006, rel=0.06)
    assert slope_per_k(0.0, 0.0, value=3.2) == 0.0
    assert slope_per_k(-5.0, 1000.0, value=3.2) == 0.0
    assert slope_per_k(500.0, 1000.0, value=3.2) == pytest.approx(0.032)


@pytest.mark.parametrize(("fresh_v", "low_v"), [(3.2, 2.5), (3.66, 3.1), (4.1, 3.4), (12.9, 11.6), (1.5, 1.1)])
def test_when_a_battery_is_empty(fresh_v: float, low_v: float) -> None:
    assert low_voltage(fresh_v) == low_v


@pytest.mark.parametrize("fresh_v", [0.0, 0.9, 48.0])
def test_of_other_voltages_nobody_knows(fresh_v: float) -> None:
    assert math.isnan(low_voltage(fresh_v))
