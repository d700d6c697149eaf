"""Counters that wrap, start anew, or belong to a meter that was replaced."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.counters import FIRST, PROGRESS, RESET, WRAP, moduli_of, steps

U8, U24 = 2.0**8, 2.0**24
KWH = 3.6e6


@dataclass(frozen=True)
class Row:
    name: str
    before: float
    value: float
    moduli: tuple[float, ...]
    expected: tuple[float, int]


ROWS = (
    Row("goes on", 5, 8, (), (3, PROGRESS)),
    Row("stands still", 5, 5, (U8,), (0, PROGRESS)),
    Row("first", math.nan, 8, (), (math.nan, FIRST)),
    Row("no value", 5, math.nan, (), (math.nan, FIRST)),
    Row("8 bit wrap", 255, 2, (U8,), (3, WRAP)),
    Row("24 bit wrap", 2**24 - 1, 0, (U24,), (1, WRAP)),
    Row("falls near the end, modulus unknown", 255, 2, (), (math.nan, RESET)),
    Row("reboot", 5000, 1, (U24,), (math.nan, RESET)),
    Row("reboot at a third", 85, 0, (U8,), (math.nan, RESET)),
    Row("the step over the end is not small", 255, 200, (U8,), (math.nan, RESET)),
    Row("beyond the modulus it cannot have", 300, 0, (U8,), (math.nan, RESET)),
    Row("meter wraps at 10^5", 99_999.9 * KWH, 0.3 * KWH, moduli_of("b_route_meter", "energy"), (0.4 * KWH, WRAP)),
    Row("meter replaced", 43_210.0 * KWH, 12.0 * KWH, moduli_of("b_route_meter", "energy"), (math.nan, RESET)),
    Row("meter's unit changed", 4321.0 * KWH, 432.1 * KWH, moduli_of("b_route_meter", "energy"), (math.nan, RESET)),
)  # fmt: skip


@pytest.mark.bad_input(78)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_a_counter_did(row: Row) -> None:
    found = steps(np.array([row.before]), np.array([row.value]), moduli=row.moduli)

    step, kind = row.expected
    assert found.kind.tolist() == [kind]
    assert found.step.tolist() == pytest.approx([step], nan_ok=True)


@pytest.mark.bad_input(78)
@given(
    st.lists(st.tuples(*[st.floats(0, 2.0**25) | st.just(math.nan)] * 2), max_size=50),
    st.sampled_from([(), (U8,), (U24,), (U8, U24), moduli_of("b_route", "energy")]),
)
def test_no_counter_ever_goes_back(pairs: list[tuple[float, float]], moduli: tuple[float, ...]) -> None:
    before, value = (np.array([pair[side] for pair in pairs], dtype=np.float64) for side in (0, 1))

    found = steps(before, value, moduli=moduli)

    assert not (found.step < 0).any()
    assert (np.isnan(found.step) == ((found.kind == FIRST) | (found.kind == RESET))).all()


@given(st.integers(0, 10**9), st.integers(0, 5), st.sampled_from([U8, U24]))
def test_a_counter_of_known_width_loses_nothing_where_it_wraps(start: int, step: int, modulus: float) -> None:
    before = modulus - 1 - start % math.floor(0.02 * modulus)
    value = (before + step) % modulus

    assert steps(np.array([before]), np.array([value]), moduli=(modulus,)).step.tolist() == [step]


@pytest.mark.parametrize(
    ("model", "quantity", "expected"),
    [
        ("dragino_lds02", "count", (U24,)),
        ("dragino_lds02", "energy", ()),
        ("xignal_mouse_trap", "count", (U8,)),
        ("draginoish", "count", ()),
        ("senml", "count", ()),
    ],
)
def test_where_a_counter_ends(model: str, quantity: str, expected: tuple[float, ...]) -> None:
    assert moduli_of(model, quantity) == expected
