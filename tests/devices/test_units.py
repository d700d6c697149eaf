from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.quantities import QUANTITIES
from devices.units import UNITS, are_convertible, convert


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "expected"),
    [
        (1234.0, "mm", "m", 1.234),
        (2116.0, "mm", "m", 2.116),
        (123.4, "cm", "m", 1.234),
        (12.3, "cm", "m", 0.123),
        (0.0015, "km", "m", 1.5),
        (280.15, "K", "Cel", 7.0),
        (273.25, "K", "Cel", 0.1),
        (0.0, "K", "Cel", -273.15),
        (-5.5, "Cel", "K", 267.65),
        (2993.0, "mV", "V", 2.993),
        (-60.0, "dBW", "dBm", -30.0),
        (-107.0, "dBm", "dBW", -137.0),
        (55.5, "%", "%RH", 55.5),
        (0.5, "/", "%EL", 50.0),
        (50.0, "/100", "/", 0.5),
        (1.5, "min", "s", 90.0),
        (36.0, "km/h", "m/s", 10.0),
        (1.0, "KiB", "B", 1024.0),
        (16.0, "bit", "B", 2.0),
        (1013.25, "hPa", "Pa", 101325.0),
        (-0.0, "mm", "m", 0.0),
    ],
)
def test_converts_to_the_last_digit(value: float, unit: str, wanted: str, expected: float) -> None:
    assert convert(value, unit=unit, wanted=wanted) == expected


@pytest.mark.parametrize(
    ("unit", "wanted"),
    [("Cel", "m"), ("V", "mA"), ("count", "/"), ("dB", "dBm"), ("W", "dBW"), ("furlong", "m"), ("", "m")],
)
def test_another_dimension_is_refused_by_name(unit: str, wanted: str) -> None:
    with pytest.raises(PermanentError, match=f"'{unit}' cannot be turned into '{wanted}'"):
        convert(1.0, unit=unit, wanted=wanted)


def test_beyond_floats_is_infinite() -> None:
    assert convert(-1.7e308, unit="km", wanted="mm") == -math.inf


def test_nothing_changes_without_a_change_of_unit() -> None:
    assert convert(0.1, unit="not a unit", wanted="not a unit") == 0.1


@pytest.mark.parametrize("key", QUANTITIES)
def test_every_quantity_has_a_known_unit(key: str) -> None:
    assert QUANTITIES[key].senml_unit in UNITS


_PAIRS = [(a, b) for a in UNITS for b in UNITS if a != b and are_convertible(unit=a, wanted=b)]


@given(pair=st.sampled_from(_PAIRS), value=st.floats(-1e9, 1e9))
def test_there_and_back_is_the_same_value(pair: tuple[str, str], value: float) -> None:
    unit, wanted = pair
    back = convert(convert(value, unit=unit, wanted=wanted), unit=wanted, wanted=unit)
    # the offset of K and dBm swallows the digits of values next to zero
    assert math.isclose(back, value, rel_tol=1e-12, abs_tol=1e-9)
