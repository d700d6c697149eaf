"""Values that cannot be."""

from __future__ import annotations

import math

import pytest

from devices.site import Site
from ingest.flags import BAD, GOOD, MISSING
from ingest.pipeline import Pipeline
from tests.ingest.core_town import QUIET, device, reading, town
from tests.ingest.rules.cases import ns

NAN = math.nan


def gauge(more: str = "", *, check: str = "") -> Site:
    return town(device("gauge", more=more), QUIET, check)


def flags_of(site: Site, quantity: str, *values: float, device_id: str = "gauge") -> dict[str, list[int]]:
    """Flags by quantity, in the order of the values, one value a minute."""
    rows = [reading(device_id, quantity, value, at_s=60 * number) for number, value in enumerate(values)]
    outcome = Pipeline(site, is_replay=True).process(rows, now_ns=ns(60 * len(rows)))
    assert outcome.quarantine == ()
    found: dict[str, list[int]] = {}
    batch = outcome.observations
    columns = (batch.observed_ns.tolist(), batch.series.tolist(), batch.flag.tolist())
    for _, series, flag in sorted(zip(*columns, strict=True)):
        found.setdefault(outcome.series.key(series)[1], []).append(flag)
    return found


@pytest.mark.parametrize(
    ("quantity", "value", "flag"),
    [
        ("air_temperature", 1.5, GOOD),
        ("air_temperature", 60.0, GOOD),
        ("air_temperature", 60.1, BAD),
        ("air_temperature", -80.0, GOOD),
        ("air_temperature", -80.1, BAD),
        ("air_temperature", NAN, MISSING),
        ("air_temperature", math.inf, BAD),
        ("air_temperature", -math.inf, BAD),
        ("relative_humidity", 100.5, BAD),
        ("battery_voltage", 0.0, GOOD),
        ("battery_voltage", -0.1, BAD),
        ("occupancy", 2.0, BAD),
        ("occupancy", NAN, MISSING),
        ("snow_depth", -0.5, GOOD),
        ("snow_depth", -0.6, BAD),
        ("snow_depth", 20.0, GOOD),
        ("snow_depth", 20.1, BAD),
        ("longitude", 180.0, GOOD),
        ("longitude", 1e9, BAD),
        ("latitude", -90.1, BAD),
    ],
)
@pytest.mark.lesson(63)
def test_physical_limits_of_a_quantity(quantity: str, value: float, flag: int) -> None:
    assert flags_of(gauge(), quantity, value) == {quantity: [flag]}


@pytest.mark.parametrize(
    ("more", "value", "flag"),
    [
        ("", 0.0, MISSING),
        ("", 0.001, GOOD),
        ("", 4.999, GOOD),
        ("", 5.0, MISSING),
        ("", 9.999, MISSING),
        ("", -0.1, MISSING),
        ("", NAN, MISSING),
        ("mount_height_m = 4.9", 5.0, MISSING),
        ("mount_height_m = 5.0", 5.0, GOOD),
        ("mount_height_m = 5.0", 9.999, GOOD),
        ("mount_height_m = 5.0", 10.0, MISSING),
    ],
)
def test_zero_and_full_scale_of_a_distance_are_no_echo(more: str, value: float, flag: int) -> None:
    assert flags_of(gauge(more), "distance", value)["distance"] == [flag]


@pytest.mark.parametrize(("value", "flag"), [(3.0, GOOD), (3.001, BAD), (-0.5, GOOD), (-0.501, BAD)])
def test_snow_is_no_deeper_than_the_mount(value: float, flag: int) -> None:
    assert flags_of(gauge("mount_height_m = 3.0"), "snow_depth", value) == {"snow_depth": [flag]}


@pytest.mark.parametrize(("value", "flag"), [(1.999, GOOD), (2.0, MISSING), (4.0, MISSING)])
def test_full_scale_may_be_given(value: float, flag: int) -> None:
    check = '[[check]]\nkind = "range"\nquantity = ["distance"]\nparams = { full_scale_m = 2.0 }'

    assert flags_of(gauge(check=check), "distance", value)["distance"] == [flag]


def test_a_check_of_one_device_leaves_the_others_to_the_default() -> None:
    check = '[[check]]\nkind = "range"\ndevice = ["gauge"]\nparams = { full_scale_m = 2.0 }'
    site = town(device("gauge"), device("other"), QUIET, check)

    assert flags_of(site, "distance", 3.0) == {"distance": [MISSING]}
    assert flags_of(site, "distance", 3.0, device_id="other") == {"distance": [GOOD]}


def test_each_row_is_judged_by_itself() -> None:
    assert flags_of(gauge(), "air_temperature", 1.0, 99.0, NAN, 1.0) == {"air_temperature": [GOOD, BAD, MISSING, GOOD]}


def test_a_depth_derived_from_no_echo_is_no_depth() -> None:
    found = flags_of(gauge("mount_height_m = 3.0"), "distance", 0.0, 5.0, 2.0)

    assert found == {"distance": [MISSING, MISSING, GOOD], "snow_depth": [MISSING, MISSING, GOOD]}
