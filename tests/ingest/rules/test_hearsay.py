"""What a gateway says about a device keeps nobody from noticing that the device itself is silent."""

from __future__ import annotations

import pytest

from tests.ingest.core_town import Town, device, reading, rule, town
from tests.ingest.rules.cases import told

LIMIT_S = 660  # 2 x 300 + 60
GAUGE = device("gauge", more="expected_interval_s = 300")
NO_FAULTS = rule("unasked", "device_fault", more='domain = "system"')
HUSH = NO_FAULTS + "\n" + rule("hush", "silent", params="intervals = 2.0, grace_s = 60")


@pytest.mark.parametrize(("quantity", "value"), [("line_fault", 2.0), ("line_fault", 0.0), ("online", 1.0)])
def test_hearsay_is_no_sign_of_life(quantity: str, value: float) -> None:
    said = [reading("gauge", quantity, value, at_s=at_s) for at_s in range(100, 900, 100)]
    alive = reading("gauge", "distance", 2.0, at_s=0)

    assert told(town(GAUGE, HUSH), alive, *said, until_s=900) == [("gauge", "raised", LIMIT_S)]


def test_hearsay_ends_no_silence() -> None:
    back = reading("gauge", "online", 1.0, at_s=700)

    assert told(town(GAUGE, HUSH), back, until_s=900) == [("gauge", "raised", LIMIT_S)]


def test_hearsay_is_no_channel_that_must_not_fall_silent() -> None:
    listed = device("gauge", more='expected_interval_s = 300\nquantities = ["distance", "line_fault", "online"]')
    part = rule("part", "silent", params="intervals = 2.0, grace_s = 60, channel = true")
    said = [reading("gauge", quantity, 1.0, at_s=10) for quantity in ("line_fault", "online")]

    found = told(town(listed, HUSH, part), *said, reading("gauge", "distance", 2.0, at_s=600), until_s=1000)

    assert found == []


def test_an_additional_channel_of_a_living_device_falls_silent_by_itself() -> None:
    part = rule("part", "silent", params="intervals = 2.0, grace_s = 60, channel = true")
    first = [reading("gauge", "air_temperature", 1.0, at_s=at_s) for at_s in (0, 300, 600, 900)]
    second = [reading("gauge", "air_temperature.2", 1.0, at_s=0)]

    found = told(town(GAUGE, HUSH, part), *first, *second, until_s=1000)

    assert found == [("gauge/air_temperature.2", "raised", LIMIT_S)]


def test_a_motion_sensor_that_is_only_said_to_be_online_sees_nothing() -> None:
    pir = device("pir", model="aqara_rtcgq11lm", station="home-1", more="expected_interval_s = 3600")
    home = '[[home]]\nid = "h-1"\nstation = "home-1"\ndevices = ["pir"]'
    watch = rule("watch", "no_motion", params="hours = 6.0")
    quiet = rule("quiet", "silent", params="intervals = 1000.0, grace_s = 31536000")
    hamlet = Town(town(pir, home, watch, quiet))
    hamlet.take(reading("pir", "occupancy", 1.0, at_s=0), reading("pir", "occupancy", 0.0, at_s=60))
    for hour in range(1, 12):
        hamlet.take(reading("pir", "online", 1.0, at_s=3600 * hour))
    hamlet.tick(12 * 3600)

    assert hamlet.events == []


@pytest.mark.bad_input(73)
def test_forty_devices_offline_within_a_second_are_no_forty_silences() -> None:
    """The broker restarts: its last words for everybody come at once, and nobody has died of it."""
    names = [f"pir-{number}" for number in range(40)]
    devices = [
        device(name, model="aqara_rtcgq11lm", station="home-1", more="expected_interval_s = 3600") for name in names
    ]
    homes = [f'[[home]]\nid = "h-{name}"\nstation = "home-1"\ndevices = ["{name}"]' for name in names]
    hamlet = Town(town(*devices, *homes, rule("watch", "no_motion", params="hours = 6.0")))
    hamlet.take(*(reading(name, "occupancy", 1.0, at_s=0) for name in names))
    hamlet.take(*(reading(name, "online", 0.0, at_s=60 + number / 40) for number, name in enumerate(names)))
    hamlet.take(*(reading(name, "online", 1.0, at_s=70 + number / 40) for number, name in enumerate(names)))
    hamlet.tick(3600)

    assert hamlet.events == []
