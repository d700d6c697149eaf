"""Settings are changed while messages wait in the broker: they come to the source they are for, and once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devices.link import Publisher, Subscriber
from gateway.run import GatewayOptions
from gateway.sources.mqtt_topics import covers
from gateway.spool import Spool
from tests.gateway.brokers import LiveHub, needs_mosquitto, town
from tests.gateway.sites import GATEWAY, MQTT_SOURCE, make_site
from tests.gateway.spools import open_spool
from tests.gateway.test_networks_by_mqtt import AVAILABILITY, STATE, link, listening, network, publish, said
from tests.gateway.test_run import publish as publish_uplink
from tests.gateway.test_run import running
from tests.support import wait_until


def values(spool: Spool) -> list[float]:
    return [value for _, value, _ in said(spool)]


def comes(lorawan: Publisher, hub: LiveHub) -> bool:
    """Send the first frame, again and again until the gateway listens."""
    publish_uplink(lorawan, 1)
    return '"seq": 1' in hub.all_content()


@pytest.mark.lesson(14, 17)
@pytest.mark.services
@needs_mosquitto
def test_what_waits_for_a_source_comes_to_it_though_another_one_was_put_before_it(tmp_path: Path) -> None:
    with town(tmp_path, "mosquitto") as (broker, hub, _line, lorawan):
        chirpstack = MQTT_SOURCE.format(port=broker.port, uplink="chirpstack_v4")
        zigbee = MQTT_SOURCE.format(port=broker.port, uplink="zigbee2mqtt")
        before = make_site(sources=chirpstack, broker_port=broker.port)
        with running(GatewayOptions(site=before, gateway_id=GATEWAY, data_dir=tmp_path)):
            wait_until(lambda: comes(lorawan, hub), 30.0, what="first reading")
        publish_uplink(lorawan, 2)
        after = make_site(sources=zigbee + chirpstack, broker_port=broker.port)
        with running(GatewayOptions(site=after, gateway_id=GATEWAY, data_dir=tmp_path)):
            wait_until(lambda: '"seq": 2' in hub.all_content(), 30.0, what="what waited")


@pytest.mark.lesson(17)
@pytest.mark.services
@needs_mosquitto
def test_a_topic_that_is_no_longer_asked_for_is_not_heard_though_the_session_brings_it(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with network(tmp_path) as (broker, bridge):
        first = Subscriber(link(broker.port, "gw-mqtt-0"), [STATE, AVAILABILITY])
        first.start()
        wait_until(lambda: first.is_connected, 20.0)
        first.stop()
        publish(bridge, AVAILABILITY, b"online")
        publish(bridge, STATE, {"battery": 2})
        with listening(broker, spool, topic=STATE):
            publish(bridge, AVAILABILITY, b"online")
            publish(bridge, STATE, {"battery": 4})
            wait_until(lambda: values(spool) == [2.0, 4.0], what=lambda: str(said(spool)))
            assert spool.state().counters["messages_not_asked_for"] == 2


def times_heard(hub: LiveHub, value: int) -> int:
    records = [record for line in hub.all_content().splitlines() for record in json.loads(line)]
    return sum(record["n"] == "mo-01/battery_level" and record["v"] == value for record in records)


@pytest.mark.lesson(17)
@pytest.mark.services
@needs_mosquitto
def test_a_topic_that_was_made_wider_brings_a_message_once(tmp_path: Path) -> None:
    """The broker sends a copy for each subscription that fits, and the session still has the one of before."""
    with town(tmp_path, "mosquitto") as (broker, hub, _line, bridge):
        values = iter(range(1, 90))

        def listens(value: int) -> bool:
            publish(bridge, STATE, {"battery": value})
            return times_heard(hub, value) > 0

        def said() -> int:
            value = next(values)
            publish(bridge, STATE, {"battery": value})
            return value

        def is_heard_once() -> bool:
            first, second = said(), said()
            wait_until(lambda: times_heard(hub, second) > 0, 20.0, what=f"{second} is heard")
            return times_heard(hub, first) == 1

        for start, topics in enumerate(([STATE], ["zigbee2mqtt/+"], ["zigbee2mqtt/#"])):
            source = MQTT_SOURCE.format(port=broker.port, uplink="zigbee2mqtt") + f"topics = {json.dumps(topics)}\n"
            site = make_site(sources=source, broker_port=broker.port)
            with running(GatewayOptions(site=site, gateway_id=GATEWAY, data_dir=tmp_path)):
                wait_until(lambda start=start: listens(90 + start), 30.0, what="it listens")  # type: ignore[misc]
                # for a moment a message may come by both: the old one ends when the new one is confirmed
                wait_until(is_heard_once, 20.0, what=f"only {topics}")


@pytest.mark.parametrize(
    ("wanted", "topic", "is_covered"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/bc", False),
        ("a/b", "a/b/c", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+/c", "a/b/c", True),
        ("+", "a/b", False),
        ("#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab/c", False),
        ("a/+/#", "a", False),
        ("$share/group/a/+", "a/b", True),
        ("$share/group/a/+", "b/a", False),
    ],
)
def test_a_subscription_covers(wanted: str, topic: str, is_covered: bool) -> None:
    assert covers(wanted, topic) is is_covered
