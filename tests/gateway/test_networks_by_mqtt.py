"""What a real broker does to messages of networks: retained ghosts, last wills, redelivery, any size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from devices.link import LinkOptions, Publisher, Subscriber
from devices.model import QuarantineRow, Reading
from devices.senml import decode_pack, encode_rows
from gateway.decode import Discarded
from gateway.sources.mqtt_topics import MqttOptions, MqttSource
from gateway.spool import Spool
from tests.gateway.brokers import Broker, needs_mosquitto
from tests.gateway.sites import GATEWAY, NOW_NS, make_decoder, make_intake
from tests.gateway.spools import all_waiting, open_spool
from tests.gateway.test_decode import chirp, message, zigbee
from tests.support import wait_until

STATE, AVAILABILITY = "zigbee2mqtt/living room", "zigbee2mqtt/living room/availability"


def readings(spool: Spool) -> list[Reading]:
    found: list[Reading] = []
    for row in all_waiting(spool):
        body = encode_rows([(row.number, row.body)], epoch=spool.epoch, floor=1, resent=False)
        found += decode_pack(body, publisher=GATEWAY, arrived_ns=NOW_NS).readings
    return found


def said(spool: Spool) -> list[tuple[str, float, bool]]:
    return [(r.quantity, r.value, r.resent) for r in readings(spool)]


def link(port: int, name: str) -> LinkOptions:
    return LinkOptions(host="127.0.0.1", port=port, client_id=name)


@contextmanager
def network(folder: Path) -> Iterator[tuple[Broker, Publisher]]:
    """A broker and somebody who publishes to it."""
    with ExitStack() as after:
        broker = Broker(folder, "mosquitto")
        after.callback(broker.kill)
        broker.start()
        publisher = Publisher(link(broker.port, "bridge"))
        after.callback(publisher.stop)
        publisher.start()
        wait_until(lambda: publisher.is_connected, 20.0)
        yield broker, publisher


@contextmanager
def listening(
    broker: Broker, spool: Spool, *, topic: str = "zigbee2mqtt/#", uplink: str = "zigbee2mqtt"
) -> Iterator[None]:
    """A gateway that puts the network's messages into the spool."""
    feed = Subscriber(link(broker.port, "gw-mqtt-0"), [topic])
    options = MqttOptions(name="mqtt-0", gateway_id=GATEWAY, uplink=uplink, topics=[topic])
    stop = Event()
    source = MqttSource(options, feed, make_intake(spool), now_ns=lambda: NOW_NS)
    thread = Thread(target=source.run, args=(stop,), daemon=True)
    thread.start()
    try:
        wait_until(lambda: feed.is_connected, 20.0)
        yield
    finally:
        stop.set()
        thread.join(10)


def publish(publisher: Publisher, topic: str, body: Any, *, retain: bool = False) -> None:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert publisher.publish(topic, payload, retain=retain)


def wait_until_kept(broker: Broker, count: int) -> None:
    """Wait until the broker has `count` messages for whoever asks."""
    probe, seen = Subscriber(link(broker.port, "probe"), ["zigbee2mqtt/#"]), set[str]()

    def are_seen() -> bool:
        seen.update(message.topic for message in probe.take(timeout_s=0.1, most=10))
        return len(seen) == count

    probe.start()
    try:
        wait_until(are_seen, 20.0)
    finally:
        probe.stop()


@needs_mosquitto
@pytest.mark.bad_input(72, 85)
@pytest.mark.lesson(49)
def test_retained_ghosts_are_history_and_a_battery_report_is_no_movement(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with network(tmp_path) as (broker, bridge):
        publish(bridge, STATE, {"occupancy": True, "battery": 80}, retain=True)
        publish(bridge, AVAILABILITY, b"online", retain=True)
        wait_until_kept(broker, 2)
        with listening(broker, spool):
            wait_until(lambda: len(said(spool)) == 3, what=lambda: str(said(spool)))
            assert sorted(said(spool)) == [
                ("battery_level", 80.0, True),
                ("occupancy", 1.0, True),
                ("online", 1.0, True),
            ]
            publish(bridge, STATE, {"occupancy": True, "battery": "79.00"})
            publish(bridge, STATE, {"occupancy": False, "battery": 79})
            publish(bridge, STATE, {"occupancy": True, "battery": 79})
            publish(bridge, STATE, b"")
            wait_until(lambda: len(said(spool)) == 8, what=lambda: str(said(spool)))
    fresh = [row for row in said(spool)[3:] if row[0] == "occupancy"]
    assert fresh == [("occupancy", 0.0, False), ("occupancy", 1.0, False)]


@needs_mosquitto
@pytest.mark.bad_input(73)
def test_a_last_will_says_that_the_device_is_away_and_nothing_else(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with network(tmp_path) as (broker, bridge), listening(broker, spool):
        publish(bridge, "zigbee2mqtt/bridge/state", {"state": "offline"}, retain=True)
        publish(bridge, AVAILABILITY, {"state": "offline"}, retain=True)
        wait_until(lambda: said(spool) == [("online", 0.0, False)], what=lambda: str(said(spool)))


@needs_mosquitto
@pytest.mark.bad_input(85)
@pytest.mark.lesson(47)
def test_what_the_broker_brings_again_after_a_break_has_the_same_identity(tmp_path: Path) -> None:
    """The first gateway took it and died before it acknowledged; the broker gives it another packet id."""
    spool = open_spool(tmp_path)
    arrival = chirp(fCnt=4711)
    with network(tmp_path) as (broker, server):
        topic = "application/#"
        first = Subscriber(link(broker.port, "gw-mqtt-0"), [topic])
        first.start()
        wait_until(lambda: first.is_connected, 20.0)
        publish(server, arrival.message.topic, arrival.message.payload)
        (taken,) = wait_until(lambda: first.take(timeout_s=0.1, most=10), 10.0)
        first.stop()
        intake = make_intake(spool)
        intake.commit(intake.prepare("mqtt-0", [arrival], now_s=0.0))
        with listening(broker, spool, topic=topic, uplink="chirpstack_v4"):
            wait_until(lambda: len(all_waiting(spool)) == 2, what="it came again")
    assert taken.topic == arrival.message.topic
    once, again = [r for r in readings(spool) if r.quantity == "contact_open"]
    assert (once.device_id, once.quantity, once.seq) == (again.device_id, again.quantity, again.seq)
    assert once.seq == 4711


@pytest.mark.bad_input(85)
@pytest.mark.parametrize(
    ("uplink", "topic"),
    [
        ("chirpstack_v4", "application/1/device/1/event/up"),
        ("the_things_stack_v3", "v3/a@b/devices/c/up"),
        ("plain_json", "farm/1"),
        ("tasmota", "tele/plug/SENSOR"),
        ("zigbee2mqtt", "zigbee2mqtt/living room"),
    ],
)
def test_ten_megabytes_are_quarantined_by_their_size(uplink: str, topic: str) -> None:
    (row,) = make_decoder().decode(message(topic, b'{"x": "' + b"x" * 10_000_000 + b'"}', uplink=uplink))
    assert isinstance(row, QuarantineRow)
    assert (row.reason, len(row.raw)) == ("oversize", 4_096)


@pytest.mark.bad_input(85)
@pytest.mark.parametrize("name", ["#", "+", "a/#", "door/#/x", "", "/", "\x00", "x" * 60_000])
def test_a_topic_of_wild_cards_is_a_device_that_nobody_knows(name: str) -> None:
    (outcome,) = make_decoder().decode(zigbee({"occupancy": True}, name=name))
    if not isinstance(outcome, Discarded):
        assert isinstance(outcome, QuarantineRow)
        assert outcome.reason == "unknown_device"


@pytest.mark.bad_input(85)
@pytest.mark.parametrize("topic", ["readings/v1/gw-01", "receipts/v1/gw-01"])
@pytest.mark.parametrize("uplink", ["plain_json", "senml_mqtt"])
def test_our_own_messages_do_not_go_round(topic: str, uplink: str) -> None:
    body = b'[{"bn": "snow-01/", "n": "distance", "v": 1.5}]'
    assert make_decoder().decode(message(topic, body, uplink=uplink)) == [Discarded(reason="own")]
