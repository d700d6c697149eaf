"""A limit, reached and held."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.site import Site
from devices.site_file import SiteError
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import changes, events_of, ns

ABOVE = "raise_at = 5.0, clear_at = 3.0"
BELOW = 'raise_at = -5.0, clear_at = -3.0, direction = "below"'
HELD = "raise_at = 5.0, clear_at = 3.0, hold_s = 600"
CLEAR_HELD = "raise_at = 5.0, clear_at = 3.0, clear_hold_s = 600"
NAN = math.nan


def limit(params: str) -> Site:
    return town(device("air"), rule("limit", "threshold", params=params, more='quantity = "air_temperature"'), QUIET)


@dataclass(frozen=True)
class Row:
    name: str
    params: str
    values: dict[float, float]
    expected: list[tuple[str, float]]


ROWS = (
    Row("under the limit", ABOVE, {0: 4.9, 60: 4.99}, []),
    Row("above", ABOVE, {0: 1.0, 60: 6.0}, [("raised", 60)]),
    Row("above from the first reading", ABOVE, {0: 6.0}, [("raised", 0)]),
    Row("equal to the limit raises", ABOVE, {0: 1.0, 60: 5.0}, [("raised", 60)]),
    Row("raised once", ABOVE, {0: 6.0, 60: 7.0, 120: 8.0}, [("raised", 0)]),
    Row("band keeps it raised", ABOVE, {0: 6.0, 60: 4.0, 120: 3.01, 180: 6.0}, [("raised", 0)]),
    Row("band keeps it clear", ABOVE, {0: 1.0, 60: 4.0, 120: 4.9}, []),
    Row("equal to clear_at clears", ABOVE, {0: 6.0, 60: 3.0}, [("raised", 0), ("cleared", 60)]),
    Row("two episodes", ABOVE, {0: 6.0, 60: 1.0, 120: 6.0}, [("raised", 0), ("cleared", 60), ("raised", 120)]),
    Row("one limit: equal raises", "raise_at = 5.0", {0: 5.0, 60: 4.99}, [("raised", 0), ("cleared", 60)]),
    Row("below: above it", BELOW, {0: -4.9, 60: 20.0}, []),
    Row("below: under it", BELOW, {0: 0.0, 60: -6.0}, [("raised", 60)]),
    Row("below: equal", BELOW, {0: 0.0, 60: -5.0, 120: -3.0}, [("raised", 60), ("cleared", 120)]),
    Row("below: band", BELOW, {0: -6.0, 60: -4.0}, [("raised", 0)]),
    Row("hold not over", HELD, {0: 6.0, 599: 6.0}, []),
    Row("hold needs a reading", HELD, {0: 6.0}, []),
    Row("hold confirmed exactly", HELD, {0: 6.0, 300: 6.0, 600: 6.0}, [("raised", 600)]),
    Row("hold over a gap", HELD, {0: 6.0, 5000: 6.0}, [("raised", 5000)]),
    Row("hold broken by a dip", HELD, {0: 6.0, 300: 1.0, 400: 6.0, 700: 6.0, 999: 6.0}, []),
    Row("hold broken by the band", HELD, {0: 6.0, 300: 4.0, 400: 6.0, 700: 6.0}, []),
    Row("hold begins anew", HELD, {0: 6.0, 300: 1.0, 400: 6.0, 1000: 6.0}, [("raised", 1000)]),
    Row("NaN does not break a hold", HELD, {0: 6.0, 300: NAN, 600: 6.0}, [("raised", 600)]),
    Row("NaN does not confirm a hold", HELD, {0: 6.0, 600: NAN}, []),
    Row("NaN neither raises", ABOVE, {0: NAN}, []),
    Row("NaN does not clear", ABOVE, {0: 6.0, 60: NAN}, [("raised", 0)]),
    Row("an impossible value does not raise", ABOVE, {0: 1.0, 60: 99.0}, []),
    Row("an impossible value does not clear", ABOVE, {0: 6.0, 60: -99.0}, [("raised", 0)]),
    Row("clear hold not over", CLEAR_HELD, {0: 6.0, 60: 1.0, 659: 1.0}, [("raised", 0)]),
    Row("clear hold confirmed", CLEAR_HELD, {0: 6.0, 60: 1.0, 660: 1.0}, [("raised", 0), ("cleared", 660)]),
    Row("clear hold broken", CLEAR_HELD, {0: 6.0, 60: 1.0, 300: 4.0, 400: 1.0, 700: 1.0}, [("raised", 0)]),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.lesson(31, 32, 36)
def test_what_is_raised_and_cleared(row: Row) -> None:
    readings = [reading("air", "air_temperature", value, at_s=at_s) for at_s, value in row.values.items()]

    assert changes(limit(row.params), *readings, until_s=20_000) == row.expected


def test_readings_out_of_order_within_the_lateness_are_judged_in_order() -> None:
    dip = reading("air", "air_temperature", 1.0, at_s=300, received_s=650)
    held = [reading("air", "air_temperature", 6.0, at_s=at_s) for at_s in (0, 600)]

    assert changes(limit(HELD), *held, dip, until_s=1000) == []


def test_an_event_says_value_and_limit() -> None:
    rows = [reading("air", "air_temperature", value, at_s=at_s) for at_s, value in ((0, 6.5), (60, 2.5))]
    raised, cleared = events_of(limit(ABOVE), *rows, until_s=100)

    assert (raised.value, raised.limit, raised.quantity) == (6.5, 5.0, "air_temperature")
    assert (cleared.value, cleared.limit) == (2.5, 3.0)
    assert raised.event_id == cleared.event_id
    assert raised.detected_ns == ns(0)


def test_other_quantities_and_devices_are_not_looked_at() -> None:
    site = town(
        device("air"), device("elsewhere", station="woods"), QUIET,
        rule("limit", "threshold", params=ABOVE, more='quantity = "air_temperature"\ndomain = "snow"'),
    )  # fmt: skip
    rows = (
        reading("air", "device_temperature", 9.0, at_s=0),
        reading("elsewhere", "air_temperature", 9.0, at_s=0),
    )

    assert changes(site, *rows, until_s=100) == []


@pytest.mark.parametrize(
    "params",
    ["raise_at = 5.0, clear_at = 5.1", 'raise_at = -5.0, clear_at = -5.1, direction = "below"', "hold_s = 5"],
)
def test_limits_that_make_no_sense_are_refused(params: str) -> None:
    with pytest.raises(SiteError, match="rule"):
        limit(params)
