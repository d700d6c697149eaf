"""Devices and alerts appear in Home Assistant, vanish when they leave the site, and silence never looks fine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from alerts.model import AlertState
from api.app import open_sources
from api.ha_messages import Topics
from api.home_assistant import HomeAssistant, link_options, shared_with_home_assistant
from devices.link import Publisher
from devices.model import SECOND_NS, PermanentError, Severity
from devices.site import HomeAssistant as Settings
from devices.site import Site
from tests.api.world import World, an_alert, small_site
from tests.devices.brokers import Broker, mosquitto, needs_mosquitto, options, running
from tests.support import wait_until

pytestmark = needs_mosquitto

Json = dict[str, Any]
# keys of a device-level configuration, its device and its components, from the documentation of the mqtt integration
ROOT_KEYS = {"dev", "o", "cmps", "qos"}
DEVICE_KEYS = {"ids", "name", "mdl", "sa"}
COMPONENT_KEYS = {
    "p", "name", "unique_id", "state_topic", "availability", "availability_mode", "device_class", "expire_after",
    "unit_of_measurement", "state_class", "suggested_display_precision", "options", "entity_category",
    "json_attributes_topic", "source_type",
}  # fmt: skip


def site_with(port: int, site: Site | None = None, **settings: Any) -> Site:
    """Give the small town with Home Assistant switched on."""
    given = Settings(enabled=True, port=port, **settings)
    return (site or small_site()).model_copy(update={"home_assistant": given})


class Listener:
    """What stands at the broker: the newest message of each topic, and which of them came as retained."""

    def __init__(self, link: Publisher) -> None:
        self._link = link
        self.found: dict[str, bytes] = {}
        self.retained: set[str] = set()
        self.counts: dict[str, int] = {}

    def listen(self) -> None:
        for message in self._link.take(timeout_s=0.05, most=1000):
            self.found[message.topic] = message.payload
            self.counts[message.topic] = self.counts.get(message.topic, 0) + 1
            if message.is_retained:
                self.retained.add(message.topic)

    def has(self, topic: str, payload: bytes | None = None) -> bool:
        """Listen; return whether the topic has said so (anything when None)."""
        self.listen()
        return topic in self.found if payload is None else self.found.get(topic) == payload

    def json(self, topic: str) -> Json:
        found: Json = json.loads(self.found.get(topic) or b"{}")
        return found


@contextmanager
def listening(port: int, name: str = "ear") -> Iterator[Listener]:
    link = Publisher(options(port, name, clean_start=True), ["homeassistant/#", "satomori/#"])
    with running(link):
        yield Listener(link)


class Side:
    """Our side, turned by hand, and an ear at the broker."""

    def __init__(self, world: World, broker: Broker) -> None:
        self.world, self.broker = world, broker
        self.sources = open_sources(world.settings)
        self.topics = Topics(world.site)
        self.link = Publisher(link_options(world.site), HomeAssistant.subscriptions(self.topics))
        self.keeper = HomeAssistant(self.sources, self.link)

    def turn_until(self, ear: Listener, topic: str, payload: bytes | None = None) -> None:
        """Turn until the topic says so (any payload when None)."""

        def is_there() -> bool:
            self.keeper.turn(timeout_s=0.01)
            return ear.has(topic, payload)

        wait_until(is_there, 20.0, what=f"{topic} {payload!r}")

    def is_again(self, ear: Listener, topic: str) -> bool:
        """Turn; return whether the topic has been said since the counts were cleared."""
        self.keeper.turn(timeout_s=0.01)
        ear.listen()
        return ear.counts.get(topic, 0) > 0

    def has_lost_the_broker(self) -> bool:
        self.keeper.turn(timeout_s=0.01)
        return not self.link.is_connected

    def config(self, ear: Listener, device_id: str) -> Json:
        return ear.json(self.topics.config(device_id))

    def close(self) -> None:
        self.sources.close()


@contextmanager
def side(world: World, broker: Broker) -> Iterator[Side]:
    one = Side(world, broker)
    with running(one.link):
        yield one
    one.close()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with mosquitto(tmp_path) as broker:
        yield broker


@contextmanager
def town(folder: Path, site: Site) -> Iterator[World]:
    folder.mkdir(exist_ok=True)
    world = World(folder, site=site)
    world.beat()
    yield world
    world.close()


def speak(world: World) -> None:
    now_ns = world.now_ns()
    world.journal.reading("snow-17", "snow_depth", 1.5, observed_ns=now_ns)
    world.journal.reading("snow-17", "line_fault", 0.0, observed_ns=now_ns)
    world.journal.reading("trap-1", "contact_open", 1.0, observed_ns=now_ns)
    world.journal.reading("trap-1", "latitude", 36.5, observed_ns=now_ns)
    world.journal.reading("trap-1", "longitude", 138.5, observed_ns=now_ns)
    world.journal.reading("motion-07", "occupancy", 1.0, observed_ns=now_ns)
    world.journal.reading("gw-01", "spool_rows", 0.0, observed_ns=now_ns)


def test_devices_appear_with_documented_keys(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        speak(world)
        us.turn_until(ear, us.topics.of("trap-1", "position", "attributes"))

        config = us.config(ear, "snow-17")
        depth, problem = config["cmps"]["snow_depth"], config["cmps"]["problem"]
        assert config["dev"] == {
            "ids": "satomori_sato_snow-17", "name": "積雪計 三俣", "mdl": "senml", "sa": "国道17号 三俣",
        }  # fmt: skip
        assert depth == {
            "p": "sensor", "name": "積雪深", "device_class": "distance", "unit_of_measurement": "cm",
            "state_class": "measurement", "suggested_display_precision": 1, "expire_after": 1860,
            "unique_id": "satomori_sato_snow-17_snow_depth", "state_topic": "satomori/sato/device/snow-17/snow_depth",
            "availability": [
                {"topic": "satomori/sato/status"}, {"topic": "satomori/sato/device/snow-17/availability"},
            ],
            "availability_mode": "all",
        }  # fmt: skip
        assert problem["availability"] == [{"topic": "satomori/sato/status"}]
        assert config["cmps"]["line_fault"]["options"][1] == "lost"
        assert "expire_after" not in config["cmps"]["line_fault"]
        assert us.config(ear, "trap-1")["cmps"]["contact_open"]["device_class"] == "door"
        assert ear.found["satomori/sato/device/snow-17/snow_depth"] == b"150.0"
        assert ear.found["satomori/sato/device/trap-1/contact_open"] == b"ON"
        assert ear.json("satomori/sato/device/trap-1/position/attributes") == {"latitude": 36.5, "longitude": 138.5}
        for topic, payload in ear.found.items():
            if topic.endswith("/config"):
                found = json.loads(payload)
                assert found.keys() <= ROOT_KEYS
                assert found["dev"].keys() <= DEVICE_KEYS
                assert all(part.keys() <= COMPONENT_KEYS for part in found["cmps"].values())
                assert all({"p", "unique_id"} <= part.keys() for part in found["cmps"].values())


def test_states_are_not_retained_and_the_rest_is(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        speak(world)
        us.turn_until(ear, us.topics.of("trap-1", "contact_open"))
        with listening(broker.port, "late") as late:
            last = us.topics.of("gw-01", "problem", "attributes")
            wait_until(lambda: late.has(last), 20.0, what="all that is retained")

    assert us.topics.of("snow-17", "snow_depth") not in late.found
    assert {us.topics.config("snow-17"), us.topics.of("snow-17", "availability")} <= late.retained


def test_silence_is_unavailable_and_a_problem(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        old_ns = world.now_ns() - 3600 * SECOND_NS
        world.journal.reading("snow-17", "snow_depth", 1.5, observed_ns=old_ns)
        world.journal.reading("snow-17", "online", 1.0, observed_ns=world.now_ns())
        us.turn_until(ear, us.topics.of("snow-17", "problem"), b"ON")
        us.turn_until(ear, us.topics.of("snow-17", "online"), b"ON")  # hearsay is told as such

        assert ear.found[us.topics.of("snow-17", "availability")] == b"offline"
        assert ear.json(us.topics.of("snow-17", "problem", "attributes"))["state"] == "unknown"
        assert us.topics.of("snow-17", "snow_depth") not in ear.found  # an old value is no news

        world.journal.reading("snow-17", "snow_depth", 1.5, observed_ns=world.now_ns())
        us.turn_until(ear, us.topics.of("snow-17", "availability"), b"online")
        us.turn_until(ear, us.topics.of("snow-17", "problem"), b"OFF")
        us.turn_until(ear, us.topics.of("snow-17", "snow_depth"), b"150.0")


def test_how_long_a_battery_will_last_is_an_attribute(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        alert = an_alert(opened_ns=world.now_ns(), severity=Severity.INFO)
        world.alerts.put(replace(alert, rule_id="battery-outlook", value=40.0))
        topic = us.topics.of("snow-17", "problem", "attributes")
        us.turn_until(ear, topic)

        assert ear.json(topic)["battery_outlook_days"] == 40.0


def test_a_value_that_is_bad_is_unknown(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        world.journal.reading("snow-17", "snow_depth", 9.5, observed_ns=world.now_ns(), flag=4)
        us.turn_until(ear, us.topics.of("snow-17", "snow_depth"), b"None")


def test_alerts_come_and_go(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        alert = replace(an_alert(opened_ns=world.now_ns()), acknowledged_by="道路係 山田", acknowledged_ns=1)
        world.alerts.put(alert)
        us.turn_until(ear, us.topics.config(""))

        ((key, part),) = us.config(ear, "")["cmps"].items()
        us.turn_until(ear, us.topics.of("", key), b"ON")
        us.turn_until(ear, us.topics.of("", key, "attributes"))
        attributes = ear.json(us.topics.of("", key, "attributes"))
        assert part["device_class"] == "problem"
        assert (attributes["case_no"], attributes["severity"], attributes["subject"]) == (
            alert.case_no,
            "critical",
            "snow-17",
        )
        assert "山田" not in json.dumps(attributes, ensure_ascii=False)

        world.alerts.put(replace(alert, state=AlertState.RESOLVED, resolved_ns=world.now_ns()))
        us.turn_until(ear, us.topics.of("", key), b"OFF")


@pytest.mark.parametrize("has_watch", [False, True])
def test_watched_homes_stay_out_unless_the_site_says_so(tmp_path: Path, broker: Broker, has_watch: bool) -> None:
    site = site_with(broker.port, include_watch=has_watch)
    with town(tmp_path / "a", site) as world, listening(broker.port) as ear, side(world, broker) as us:
        speak(world)
        home = replace(
            an_alert("b" * 32, opened_ns=world.now_ns(), subject="h07"),
            device_id="motion-07", station_id="home-07", domain="watch", text_ja="【見守り】", text_en="[Watch]",
        )  # fmt: skip
        world.alerts.put(home)
        us.turn_until(ear, us.topics.of("trap-1", "contact_open"))
        us.turn_until(ear, us.topics.of("gw-01", "problem", "attributes"))

    everything = b" ".join([*ear.found.values(), *(topic.encode() for topic in ear.found)]).decode()
    assert ("motion-07" in everything, "見守り】" in everything) == (has_watch, has_watch)
    assert "居間" not in everything
    assert "見守り 07" not in everything


def test_everything_is_told_again_when_home_assistant_starts(tmp_path: Path, broker: Broker) -> None:
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        speak(world)
        topic = us.topics.of("snow-17", "snow_depth")
        us.turn_until(ear, topic)
        us.keeper.turn(timeout_s=0.01)
        with running(Publisher(options(broker.port, "ha"))) as home_assistant:
            wait_until(lambda: home_assistant.publish(us.topics.birth, b"online", qos=1), what="birth")
            ear.counts.clear()
            wait_until(lambda: us.is_again(ear, topic), 20.0, what="told again")


def test_a_broker_that_forgot_everything_is_told_again(tmp_path: Path, broker: Broker) -> None:
    with town(tmp_path / "a", site_with(broker.port)) as world, side(world, broker) as us:
        speak(world)
        with listening(broker.port) as ear:
            us.turn_until(ear, us.topics.config("snow-17"))
        broker.kill()
        wait_until(us.has_lost_the_broker, 20.0, what="loss is noticed")
        broker.start()
        with listening(broker.port, "ear-2") as again:
            us.turn_until(again, us.topics.config("snow-17"))


def test_what_left_the_site_is_removed(tmp_path: Path, broker: Broker) -> None:
    site = site_with(broker.port)
    with town(tmp_path / "a", site) as world, listening(broker.port) as ear, side(world, broker) as us:
        speak(world)
        world.alerts.put(an_alert(opened_ns=world.now_ns()))
        us.turn_until(ear, us.topics.of("trap-1", "contact_open"))
        us.turn_until(ear, us.topics.config(""))
        (key,) = us.config(ear, "")["cmps"]
        us.turn_until(ear, us.topics.of("", key), b"ON")
    fewer = site.model_copy(update={"device": tuple(d for d in site.device if d.id != "trap-1")})
    with town(tmp_path / "b", fewer) as world, side(world, broker) as us, listening(broker.port, "ear-2") as ear:
        us.turn_until(ear, us.topics.config("trap-1"), b"")
        us.turn_until(ear, us.topics.of("trap-1", "availability"), b"")
        us.turn_until(ear, us.topics.of("", key), b"")

        assert us.config(ear, "")["cmps"] == {key: {"p": "binary_sensor"}}
        assert us.config(ear, "snow-17")["dev"]["name"] == "積雪計 三俣"


def test_other_configurations_are_left_alone(tmp_path: Path, broker: Broker) -> None:
    theirs = {
        "homeassistant/device/kitchen/config": b'{"cmps": {}}',
        "homeassistant/device/satomori_sato_x/config": b'{"cmps": {}, "o": {"name": "somebody else"}}',
        "homeassistant/device/satomori_sato_y/config": b"\xff not JSON",
    }
    with running(Publisher(options(broker.port, "kitchen"))) as kitchen:
        for topic, payload in theirs.items():
            wait_until(lambda t=topic, p=payload: kitchen.publish(t, p, qos=1, retain=True), what="room")  # type: ignore[misc]
    with (
        town(tmp_path / "a", site_with(broker.port)) as world,
        listening(broker.port) as ear,
        side(world, broker) as us,
    ):
        speak(world)
        us.turn_until(ear, us.topics.of("trap-1", "contact_open"))
        us.turn_until(ear, us.topics.of("gw-01", "problem", "attributes"))

    assert {topic: ear.found[topic] for topic in theirs} == theirs


def test_the_broker_says_for_us_that_we_are_gone(tmp_path: Path, broker: Broker) -> None:
    """Ended in order we say it ourselves; the will is what the broker holds for the other case."""
    with town(tmp_path / "a", site_with(broker.port)) as world, listening(broker.port) as ear:
        with shared_with_home_assistant(open_sources(world.settings)):
            wait_until(lambda: ear.has("satomori/sato/status", b"online"), 20.0, what="online")
        wait_until(lambda: ear.has("satomori/sato/status", b"offline"), 20.0, what="offline")

    given = link_options(site_with(broker.port))
    assert (given.will_topic, given.will_payload) == ("satomori/sato/status", b"offline")


def test_nothing_is_shared_unless_it_is_switched_on(tmp_path: Path, broker: Broker) -> None:
    site = small_site().model_copy(update={"home_assistant": Settings(port=broker.port)})
    with town(tmp_path / "a", site) as world, listening(broker.port) as ear:
        with shared_with_home_assistant(open_sources(world.settings)):
            ear.listen()
        ear.listen()

    assert ear.found == {}


def test_a_password_that_cannot_be_read_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="password_file"):
        link_options(site_with(1883, username="u", password_file=str(tmp_path / "none")))
    (tmp_path / "word").write_text("secret\n", encoding="utf-8")
    given = link_options(site_with(1883, username="u", password_file=str(tmp_path / "word")))
    assert (given.username, given.password) == ("u", "secret")
    assert "secret" not in repr(given)
