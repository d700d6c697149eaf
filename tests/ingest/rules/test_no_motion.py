"""Nobody seen moving for too long, by sensors that could have seen it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.model import Reading
from devices.site import Site
from devices.site_file import SiteError
from tests.ingest.core_town import QUIET, device, reading, rule, town
from tests.ingest.rules.cases import changes, events_of, ns

HOUR_S = 3_600
PIR = device("pir", model="aqara_rtcgq11lm", station="home-1", more="expected_interval_s = 600")
DOOR = device("door", model="aqara_mccgq11lm", station="home-1", more="expected_interval_s = 600")
ALIVE_S = 1_800  # three expected intervals


def home(params: str = "hours = 1.0, stuck_after_s = 600") -> Site:
    return town(
        PIR, DOOR, '[[home]]\nid = "home-1"\nstation = "home-1"\ndevices = ["pir", "door"]', QUIET,
        rule("still", "no_motion", params=params),
    )  # fmt: skip


def pir(value: float, *times_s: float) -> tuple[Reading, ...]:
    return tuple(reading("pir", "occupancy", value, at_s=at_s) for at_s in times_s)


def door(value: float, *times_s: float) -> tuple[Reading, ...]:
    return tuple(reading("door", "contact_open", value, at_s=at_s) for at_s in times_s)


def resent(device_id: str, quantity: str, *, at_s: float, received_s: float) -> Reading:
    return reading(device_id, quantity, 0.0, at_s=at_s, received_s=received_s, resent=True)


def still(*, until_s: int, from_s: int = 600) -> tuple[Reading, ...]:
    """A motion sensor that is alive and sees nothing."""
    return pir(0.0, *range(from_s, until_s + 1, 600))


@dataclass(frozen=True)
class Row:
    name: str
    readings: tuple[Reading, ...]
    until_s: float
    expected: list[tuple[str, float]]


SEEN = pir(1.0, 0)
ROWS = (
    Row("one moment before", SEEN + still(until_s=3000), HOUR_S - 0.001, []),
    Row("exactly after the hours", SEEN + still(until_s=3000), HOUR_S, [("raised", HOUR_S)]),
    Row("told late, dated by the deadline", SEEN + still(until_s=3000), 9000, [("raised", HOUR_S)]),
    Row("counted from the first reading of the home", still(until_s=4200, from_s=600), 4200, [("raised", 4200)]),
    Row("no reading ever", (), 90_000, []),
    Row("life postpones it", SEEN + still(until_s=3000) + pir(1.0, 3100), 6699, []),
    Row("life at the deadline is in time", SEEN + still(until_s=3000) + pir(1.0, 3600), 7199, []),
    Row("cleared by the next life", SEEN + still(until_s=4200) + pir(1.0, 4300), 4400,
        [("raised", HOUR_S), ("cleared", 4300)]),
    Row("dead sensors say nothing", SEEN, 90_000, []),
    Row("dead at the deadline, by a little", SEEN + pir(0.0, HOUR_S - ALIVE_S), 90_000, []),
    Row("alive at the deadline, by a little", SEEN + pir(0.0, HOUR_S - ALIVE_S + 1), 90_000, [("raised", HOUR_S)]),
    Row("back without life", SEEN + pir(0.0, 9000), 9000, [("raised", 9000)]),
    Row("back with life", SEEN + pir(0.0, 60) + pir(1.0, 9000), 9000, []),
    Row("back as stuck as it went", pir(0.0, -60) + SEEN + pir(1.0, 9000), 9000, [("raised", 9000)]),
    Row("back without life, then life", SEEN + pir(0.0, 9000) + pir(1.0, 9600), 9700,
        [("raised", 9000), ("cleared", 9600)]),
    Row("a living door does not see motion", SEEN + door(0.0, 600, 1800, 3000), 90_000, []),
    Row("resent readings are no sign that a sensor lives",
        (*SEEN, resent("pir", "occupancy", at_s=2900, received_s=3000)), 90_000, []),
    Row("a door that changes is life", SEEN + still(until_s=6600) + door(0.0, 100) + door(1.0, 3000), 6599, []),
    Row("for an hour", SEEN + still(until_s=6600) + door(0.0, 100) + door(1.0, 3000), 6600, [("raised", 6600)]),
    Row("a door closed is life", SEEN + still(until_s=6600) + door(1.0, 100) + door(0.0, 3000), 6599, []),
    Row("an open door repeated is none", SEEN + still(until_s=3600) + door(1.0, 100, 1000, 3000), HOUR_S,
        [("raised", HOUR_S)]),
    Row("the first word of a door is none", SEEN + still(until_s=3600) + door(1.0, 3000), HOUR_S,
        [("raised", HOUR_S)]),
    Row("NaN is no life", SEEN + still(until_s=3000) + pir(math.nan, 3100), HOUR_S, [("raised", HOUR_S)]),
    Row("seen again and again", pir(1.0, 0, 300, 600) + still(until_s=4200, from_s=1200), 4200, [("raised", 4200)]),
    Row("a stuck sensor sees nothing", pir(0.0, -60) + pir(1.0, *range(0, 4201, 300)), 4200, [("raised", 4200)]),
    Row("stuck, free, and life again",
        pir(0.0, -60) + pir(1.0, *range(0, 4201, 300)) + pir(0.0, 4500) + pir(1.0, 4800), 5000,
        [("raised", 4200), ("cleared", 4800)]),
    Row("a sensor that tells movements only", pir(1.0, *range(0, 9001, 900)), 9000, []),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_when_nobody_moves(row: Row) -> None:
    assert changes(home(), *row.readings, until_s=row.until_s) == row.expected


# seen at 09:00 in Asia/Tokyo, where core_town begins; raised so many hours later
WAKING = (
    ("06:00", "22:00", 12.0, 12.0),
    ("06:00", "20:00", 12.0, 22.0),
    ("06:00", "10:00", 2.0, 22.0),
    ("10:00", "12:00", 1.0, 2.0),
    ("10:00", "12:00", 2.0, 3.0),
    ("10:00", "12:00", 3.0, 26.0),
    ("22:00", "02:00", 3.0, 16.0),
    ("08:00", "24:00", 16.0, 24.0),
)


@pytest.mark.parametrize(("waking_from", "waking_to", "hours", "raised_h"), WAKING)
def test_only_waking_hours_count(waking_from: str, waking_to: str, hours: float, raised_h: float) -> None:
    site = home(f'hours = {hours}, waking_from = "{waking_from}", waking_to = "{waking_to}"')
    rows = SEEN + still(until_s=30 * HOUR_S)

    assert changes(site, *rows, until_s=raised_h * HOUR_S - 1) == []
    assert changes(site, *rows, until_s=30 * HOUR_S)[0] == ("raised", raised_h * HOUR_S)


def test_a_home_without_motion_sensor_is_known_by_its_doors() -> None:
    site = town(
        DOOR, '[[home]]\nid = "home-1"\nstation = "home-1"\ndevices = ["door"]', QUIET,
        rule("still", "no_motion", params="hours = 1.0"),
    )  # fmt: skip

    assert changes(site, *door(0.0, 0), *door(1.0, 60, 2400), until_s=9000) == [("raised", 3660)]


def test_homes_are_apart_and_an_event_names_no_device() -> None:
    other = device("other", model="aqara_rtcgq11lm", station="home-1", more="expected_interval_s = 600")
    site = town(
        PIR, other, QUIET, rule("still", "no_motion", params="hours = 1.0"),
        '[[home]]\nid = "home-1"\nstation = "home-1"\ndevices = ["pir"]',
        '[[home]]\nid = "home-2"\nstation = "home-1"\ndevices = ["other"]',
    )  # fmt: skip
    life = [reading("other", "occupancy", 1.0, at_s=at_s) for at_s in range(0, 4001, 1000)]

    (raised,) = events_of(site, *SEEN, *still(until_s=3600), *life, until_s=4000)

    assert (raised.subject, raised.device_id, raised.observed_ns) == ("home-1", "", ns(HOUR_S))


@pytest.mark.parametrize("params", ['waking_from = "07:00", waking_to = "07:00"', 'waking_from = "25:00"', "hours = 0"])
def test_hours_that_make_no_sense_are_refused(params: str) -> None:
    with pytest.raises(SiteError, match="rule"):
        home(params)
