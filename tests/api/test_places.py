"""Stations and devices: what may be shown as current, and what may not."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from alerts.model import Waiting
from api.app import create_app
from devices.model import SECOND_NS, Severity
from tests.api.world import Row, World, an_alert, small_site

MINUTE_NS = 60 * SECOND_NS


def station(client: TestClient, station_id: str) -> dict[str, Any]:
    found = client.get("/api/v1/stations").json()["stations"]
    return next(card for card in found if card["station_id"] == station_id)


@pytest.mark.parametrize(
    ("age_min", "state", "is_silent"), [(0, "ok", False), (14, "ok", False), (16, "late", False), (31, "unknown", True)]
)
def test_a_station_ages(world: World, client: TestClient, age_min: int, state: str, is_silent: bool) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns() - age_min * MINUTE_NS)
    card = station(client, "road-17")
    assert card["state"] == state
    assert card["values"][0]["state"] == state
    assert card["silent_devices"] == (["snow-17"] if is_silent else [])


def test_a_station_that_never_spoke_is_unknown(client: TestClient) -> None:
    card = station(client, "road-17")
    assert (card["state"], card["heard_at"], card["values"]) == ("unknown", None, [])


def test_back_filled_readings_are_no_sign_of_life(world: World, client: TestClient) -> None:
    row = Row(device_id="snow-17", quantity="snow_depth", value=1.0, observed_ns=world.now_ns(), resent=True)
    world.journal.readings([row])
    assert station(client, "road-17")["state"] == "unknown"


@pytest.mark.parametrize(("value", "flag"), [(math.nan, 1), (1.0, 4), (1.0, 9)], ids=["nan", "bad", "missing"])
def test_a_gauge_that_answers_without_a_depth_is_not_fine(
    world: World, client: TestClient, value: float, flag: int
) -> None:
    world.journal.reading("snow-17", "snow_depth", value, observed_ns=world.now_ns(), flag=flag)
    card = station(client, "road-17")
    assert card["state"] == "unknown"
    assert card["values"][0]["value"] is None
    assert card["silent_devices"] == []


def test_a_channel_may_fall_silent_while_its_device_speaks(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=now_ns - 40 * MINUTE_NS)
    world.journal.reading("snow-17", "air_temperature", -1.0, observed_ns=now_ns)
    card = station(client, "road-17")
    assert card["state"] == "unknown"
    assert [value["state"] for value in card["values"]] == ["unknown", "ok"]


@pytest.mark.parametrize(
    ("severity", "state"),
    [
        (Severity.INFO, "ok"),
        (Severity.WARNING, "warning"),
        (Severity.CRITICAL, "alarm"),
        (Severity.LIFE, "alarm"),
    ],
)
def test_an_open_alert_colours_its_station(world: World, client: TestClient, severity: Severity, state: str) -> None:
    now_ns = world.now_ns()
    world.journal.reading("snow-17", "snow_depth", 1.3, observed_ns=now_ns)
    world.alerts.put(an_alert(opened_ns=now_ns, severity=severity))
    assert station(client, "road-17")["state"] == state
    assert station(client, "road-17")["open_alerts"] == 1


def test_old_news_colours_nothing(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.reading("snow-17", "snow_depth", 1.3, observed_ns=now_ns)
    world.alerts.put(replace(an_alert(opened_ns=now_ns), waiting=Waiting.HISTORY))
    assert station(client, "road-17")["state"] == "ok"


@pytest.mark.parametrize(("value", "meaning"), [(0.0, "armed"), (1.0, "fired")])
def test_a_trap_contact_has_a_meaning(world: World, client: TestClient, value: float, meaning: str) -> None:
    world.journal.reading("trap-1", "contact_open", value, observed_ns=world.now_ns())
    assert station(client, "trap-east")["values"][0]["meaning"] == meaning


@pytest.mark.bad_input(68)
@pytest.mark.parametrize(("value", "meaning"), [(0.0, "armed"), (1.0, "check")])
def test_a_trap_of_which_nobody_knows_is_not_shown_as_fired(
    world: World, client: TestClient, value: float, meaning: str
) -> None:
    world.journal.reading("trap-1", "contact_open", value, observed_ns=world.now_ns())
    alert = an_alert(opened_ns=world.now_ns(), subject="trap-1", severity=Severity.WARNING)
    world.alerts.put(replace(alert, rule_id="trap-check", device_id="trap-1", station_id="trap-east"))
    assert station(client, "trap-east")["values"][0]["meaning"] == meaning


@pytest.mark.parametrize(("value", "meaning"), [(0.0, "armed"), (1.0, "fired"), (2.0, "check"), (5.0, "check")])
def test_a_trap_may_say_its_state_by_a_word(world: World, client: TestClient, value: float, meaning: str) -> None:
    world.journal.reading("trap-1", "trap_state", value, observed_ns=world.now_ns())
    assert station(client, "trap-east")["values"][0]["meaning"] == meaning


@pytest.mark.parametrize(
    ("values", "activity"),
    [
        ([(90, 0.0), (50, 1.0), (5, 0.0)], "active"),
        ([(5, 1.0)], "active"),
        ([(250, 1.0), (50, 0.0), (5, 0.0)], "quiet"),
        ([(250, 1.0)], "unknown"),
        ([], "unknown"),
    ],
    ids=["moved an hour ago", "moves now", "moved long ago", "sensor silent", "never heard"],
)
def test_a_watched_home_is_one_word(
    world: World, client: TestClient, values: list[tuple[int, float]], activity: str
) -> None:
    now_ns = world.now_ns()
    for age_min, value in values:
        world.journal.reading("motion-07", "occupancy", value, observed_ns=now_ns - age_min * MINUTE_NS)
    card = station(client, "home-07")
    assert card["activity"] == activity
    assert card["values"] == []


def test_a_watched_home_of_which_nothing_is_known_is_never_quiet(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.reading("motion-07", "occupancy", 0.0, observed_ns=now_ns - 300 * MINUTE_NS)
    alert = an_alert(opened_ns=now_ns, subject="h07", severity=Severity.WARNING)
    world.alerts.put(replace(alert, device_id="", station_id="home-07", domain="watch"))
    card = station(client, "home-07")
    assert (card["state"], card["activity"]) == ("unknown", "unknown")


def test_one_silent_sensor_makes_a_home_unknown(tmp_path: Path) -> None:
    site = small_site()
    second = next(device for device in site.device if device.id == "motion-07").model_copy(update={"id": "motion-08"})
    world = World(tmp_path, site=site.model_copy(update={"device": (*site.device, second)}))
    world.journal.reading("motion-07", "occupancy", 1.0, observed_ns=world.now_ns())
    card = station(TestClient(create_app(world.settings), base_url="http://127.0.0.1"), "home-07")
    world.close()
    assert (card["activity"], card["silent_devices"]) == ("unknown", ["motion-08"])


def test_an_alert_of_a_home_colours_the_home(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    world.journal.reading("motion-07", "occupancy", 0.0, observed_ns=now_ns)
    world.alerts.put(replace(an_alert(opened_ns=now_ns, subject="h07"), device_id="", station_id="home-07"))
    assert station(client, "home-07")["state"] == "alarm"


def test_stations_can_be_chosen_by_domain(client: TestClient) -> None:
    found = client.get("/api/v1/stations", params={"domain": "snow"}).json()["stations"]
    assert [card["station_id"] for card in found] == ["road-17", "pass"]


def test_the_worst_station_colours_the_town(world: World, client: TestClient) -> None:
    now_ns = world.now_ns()
    for device, quantity in (("snow-17", "snow_depth"), ("snow-pass", "snow_depth"), ("motion-07", "occupancy")):
        world.journal.reading(device, quantity, 0.0, observed_ns=now_ns)
    assert client.get("/api/v1/stations").json()["state"] == "unknown"
    world.journal.reading("trap-1", "contact_open", 0.0, observed_ns=now_ns)
    assert client.get("/api/v1/stations").json()["state"] == "ok"


def test_devices_and_gateways_are_listed(world: World, client: TestClient) -> None:
    world.journal.reading("gw-01", "spool_rows", 0.0, observed_ns=world.now_ns())
    found = {item["device_id"]: item for item in client.get("/api/v1/devices").json()["devices"]}
    assert list(found) == ["snow-17", "snow-pass", "trap-1", "motion-07", "gw-01"]
    assert (found["gw-01"]["kind"], found["gw-01"]["state"]) == ("gateway", "ok")
    assert (found["snow-17"]["state"], found["snow-17"]["expected_interval_s"]) == ("unknown", 600.0)


@pytest.mark.parametrize("quantity", ["line_fault", "online"])
def test_what_is_said_about_a_device_is_no_sign_of_its_life(world: World, client: TestClient, quantity: str) -> None:
    world.journal.reading("snow-17", quantity, 0.0, observed_ns=world.now_ns())
    found = client.get("/api/v1/devices").json()["devices"][0]
    assert (found["device_id"], found["state"], found["heard_at"]) == ("snow-17", "unknown", None)
    assert station(client, "road-17")["silent_devices"] == ["snow-17"]
    latest = client.get("/api/v1/latest").json()["latest"]
    assert [(row["quantity"], row["heard_at"]) for row in latest] == [(quantity, None)]


def test_how_long_a_battery_will_last(world: World, client: TestClient) -> None:
    day_ns = 24 * 60 * MINUTE_NS
    for number, (rule_id, days) in enumerate((("battery-outlook", 40.0), ("battery-soon", 12.0), ("deep-snow", 1.0))):
        alert = an_alert(f"{number}" * 32, opened_ns=world.now_ns() - 2 * day_ns)
        world.alerts.put(replace(alert, rule_id=rule_id, value=days))
    found = client.get("/api/v1/devices").json()["devices"]
    assert [item["battery_outlook_days"] for item in found[:2]] == [10.0, None]


def test_a_device_says_through_what_it_is_heard(tmp_path: Path) -> None:
    site = small_site()
    behind = site.device[0].model_copy(update={"parent": "gw-01"})
    world = World(tmp_path, site=site.model_copy(update={"device": (behind, *site.device[1:])}))
    with TestClient(create_app(world.settings), base_url="http://127.0.0.1") as client:
        found = client.get("/api/v1/devices").json()["devices"]
    world.close()
    assert [item["parent_id"] for item in found[:2]] == ["gw-01", None]


def test_lists_are_cut_as_asked(client: TestClient) -> None:
    found = client.get("/api/v1/devices", params={"limit": 2, "offset": 1}).json()["devices"]
    assert [item["device_id"] for item in found] == ["snow-pass", "trap-1"]


def test_the_town_tells_its_clock(client: TestClient) -> None:
    town = client.get("/api/v1/town").json()
    assert (town["name"], town["timezone"], town["clock_speed"]) == ("里山町", "Asia/Tokyo", 1.0)
