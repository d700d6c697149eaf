"""Snow depth from distance and air temperature."""

from __future__ import annotations

import math

import pytest

from devices.model import Reading
from tests.ingest.core_town import QUIET, Town, device, reading, town

MIN_S = 60
GOOD, SUSPECT, BAD, MISSING = 1, 3, 4, 9


def depth_of(*readings: Reading, more: str = 'temperature_from = "air"', model: str = "senml") -> tuple[float, int]:
    gauge = device("gauge", model=model, more=f"mount_height_m = 3.0\n{more}")
    home = Town(town(gauge, device("air"), QUIET))
    home.take(*readings)
    _, value, flag = home.record.values("gauge", "snow_depth")[-1]
    return value, flag


def distance(value: float, *, minute: float = 60) -> Reading:
    return reading("gauge", "distance", value, at_s=minute * MIN_S)


def air(value: float, *, minute: float = 60, of: str = "air") -> Reading:
    return reading(of, "air_temperature", value, at_s=minute * MIN_S)


@pytest.mark.parametrize(
    ("readings", "depth", "flag"),
    [
        ((air(-10.0), distance(2.0)), 1.036951, GOOD),
        ((air(-10.0, minute=0), distance(2.0)), 1.036951, GOOD),
        ((air(-10.0, minute=-1), distance(2.0)), 1.0, SUSPECT),
        ((air(-10.0, minute=61), distance(2.0)), 1.0, SUSPECT),
        ((distance(2.0),), 1.0, SUSPECT),
        ((air(math.nan), distance(2.0)), 1.0, SUSPECT),
        ((air(0.0), distance(3.03)), 0.0, GOOD),
        ((air(0.0), distance(3.04)), -0.04, SUSPECT),
        ((air(0.0), distance(3.6)), -0.6, BAD),
        ((air(0.0), distance(0.6)), 2.4, GOOD),
        ((air(0.0), distance(0.0)), math.nan, MISSING),
        ((air(0.0), distance(5.0)), math.nan, MISSING),
        ((air(0.0), distance(math.nan)), math.nan, MISSING),
    ],
)
def test_depth(readings: tuple[Reading, ...], depth: float, flag: int) -> None:
    value, found = depth_of(*readings)
    assert value == pytest.approx(depth, nan_ok=True)
    assert found == flag


def test_a_gauge_that_corrects_itself_is_left_alone() -> None:
    assert depth_of(air(-10.0), distance(2.0), more="", model="maxbotix_mb7374") == (1.0, GOOD)


def test_a_gauge_uses_its_own_thermometer() -> None:
    assert depth_of(air(-10.0, of="gauge"), distance(2.0), more="") == (1.036951, GOOD)


def test_a_gauge_without_any_thermometer_is_not_corrected() -> None:
    assert depth_of(distance(2.0), more="") == (1.0, GOOD)


def test_no_depth_without_a_mount_height() -> None:
    home = Town(town(device("gauge"), QUIET))
    home.take(distance(2.0))
    assert home.record.values("gauge", "snow_depth") == []
