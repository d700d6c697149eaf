"""Who has not been heard for too long."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest

from devices.model import Reading
from tests.ingest.core_town import Town, device, reading, rule, town
from tests.ingest.rules.cases import changes, ns, told

GATEWAY = '[[gateway]]\nid = "hut"\nname = "Hut"\nstation = "road"\nheartbeat_interval_s = 60'
PARAMS = "intervals = 2.5, grace_s = 60"
LIMIT_S = 810  # 2.5 x 300 + 60


def air(more: str = "") -> str:
    return device("air", more=f"expected_interval_s = 300\n{more}")


SITE = town(air(), rule("hush", "silent", params=PARAMS))


def heard(at_s: float, *, quantity: str = "air_temperature", value: float = 1.0) -> Reading:
    return reading("air", quantity, value, at_s=at_s)


def backfilled(at_s: float, *, received_s: float) -> Reading:
    return reading("air", "air_temperature", 1.0, at_s=at_s, received_s=received_s, resent=True)


@dataclass(frozen=True)
class Row:
    name: str
    readings: tuple[Reading, ...]
    until_s: float
    expected: list[tuple[str, float]]


ROWS = (
    Row("just before the deadline", (heard(100),), 100 + LIMIT_S - 0.001, []),
    Row("at the deadline", (heard(100),), 100 + LIMIT_S, [("raised", 910)]),
    Row("long after: dated by the deadline", (heard(100),), 90_000, [("raised", 910)]),
    Row("heard at the deadline is in time", (heard(100), heard(910)), 1000, []),
    Row("heard after it", (heard(100), heard(911)), 1000, [("raised", 910), ("cleared", 911)]),
    Row("twice", (heard(0), heard(1000)), 2000, [("raised", 810), ("cleared", 1000), ("raised", 1810)]),
    Row("never heard", (), 900, [("raised", 810)]),
    Row("never heard, not yet", (), 809, []),
    Row("resent readings do not postpone", (heard(0), backfilled(400, received_s=500)), 900, [("raised", 810)]),
    Row("resent readings do not clear", (heard(0), backfilled(400, received_s=900)), 1000, [("raised", 810)]),
    Row("resent readings do not raise", (heard(3000), backfilled(0, received_s=3100), heard(3700)), 3800,
        [("raised", 810), ("cleared", 3000)]),
    Row("a value of NaN is a sign of life", (heard(0), heard(800, value=math.nan)), 1600, []),
    Row("an impossible value is one too", (heard(0), heard(800, value=999.0)), 1600, []),
    Row("receipt counts, not observation",
        (heard(0), reading("air", "air_temperature", 1.0, at_s=100, received_s=800)), 1600, []),
)  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.lesson(21, 25, 29)
def test_when_a_device_is_silent(row: Row) -> None:
    assert changes(SITE, *row.readings, until_s=row.until_s) == row.expected


@pytest.mark.lesson(23)
def test_a_channel_falls_silent_while_the_device_lives() -> None:
    site = town(
        air(), rule("hush", "silent", params=PARAMS), rule("part", "silent", params=f"{PARAMS}, channel = true")
    )
    alive = [heard(at_s, quantity="battery_voltage", value=3.0) for at_s in range(0, 1500, 300)]

    assert told(site, heard(0), *alive, until_s=1300) == [("air/air_temperature", "raised", LIMIT_S)]


def test_a_listed_channel_is_expected_before_it_was_ever_heard() -> None:
    more = 'quantities = ["air_temperature", "battery_voltage"]'
    site = town(air(more), rule("part", "silent", params=f"{PARAMS}, channel = true"))

    assert told(site, heard(500), until_s=900) == [("air/battery_voltage", "raised", LIMIT_S)]


def test_a_listed_snow_depth_is_heard_with_its_distance() -> None:
    more = 'mount_height_m = 3.0\nquantities = ["snow_depth"]'
    site = town(air(more), rule("part", "silent", params=f"{PARAMS}, channel = true"))

    assert told(site, heard(500, quantity="distance", value=2.0), until_s=1309) == []
    assert told(site, heard(500, quantity="distance", value=2.0), until_s=1310) == [("air/snow_depth", "raised", 1310)]


def test_a_rule_of_one_quantity_watches_only_that_channel() -> None:
    params = f"{PARAMS}, channel = true"
    site = town(air(), rule("part", "silent", params=params, more='quantity = "battery_voltage"'))

    assert told(site, heard(0), heard(0, quantity="battery_voltage"), until_s=900) == [
        ("air/battery_voltage", "raised", LIMIT_S)
    ]


def test_a_gateway_is_a_subject_by_its_heartbeat() -> None:
    site = town(GATEWAY, rule("hush", "silent", params=PARAMS))

    beat = reading("hut", "disk_free", 1e9, at_s=100)
    assert told(site, beat, until_s=309) == []
    assert told(site, beat, until_s=310) == [("hut", "raised", 310)]
    assert told(site, until_s=210) == [("hut", "raised", 210)]


def test_without_any_rule_devices_and_gateways_are_watched_all_the_same() -> None:
    assert told(town(air(), GATEWAY), until_s=1500) == [("hut", "raised", 780), ("air", "raised", 1500)]


@pytest.mark.lesson(30)
def test_the_absence_of_the_hub_itself_is_no_silence() -> None:
    hub = Town(SITE)
    hub.take(heard(100))
    hub.restart()
    hub.pipeline.resume(ns(50_000))
    hub.tick(50_000)
    hub.tick(50_000 + LIMIT_S - 1)
    assert hub.events == []
    hub.tick(50_000 + LIMIT_S)
    assert hub.events == [("hush", "air", "raised", 50_000 + LIMIT_S)]
