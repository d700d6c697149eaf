"""A gauge whose own "distance to zero" was never set (10 m from the factory) must not make a snowpack of 9 m."""

from __future__ import annotations

import pytest

from ingest.flags import BAD, GOOD
from tests.ingest.checks.test_range import flags_of, gauge

MOUNT = "mount_height_m = 3.0"


@pytest.mark.bad_input(40)
def test_a_depth_above_the_mount_of_its_gauge_is_bad_though_snow_may_be_that_deep_elsewhere() -> None:
    assert flags_of(gauge(MOUNT), "snow_depth", 1.2, 7.0, 9.1, 3.0) == {"snow_depth": [GOOD, BAD, BAD, GOOD]}


@pytest.mark.bad_input(40)
def test_a_distance_without_a_mount_height_is_no_depth() -> None:
    assert set(flags_of(gauge(), "distance", 1.2, 2.2)) == {"distance"}


def test_a_distance_with_a_mount_height_is_a_depth() -> None:
    assert set(flags_of(gauge(MOUNT), "distance", 1.2, 2.2)) == {"distance", "snow_depth"}
