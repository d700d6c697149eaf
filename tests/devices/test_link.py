"""The link on real brokers: nothing is lost by acknowledging, nothing is acknowledged by mistake."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event

import pytest

from devices import link as link_module
from devices.link import LinkOptions, Message, Publisher, Subscriber
from devices.link_bulk import READ_BYTES, StockClient
from tests.devices.brokers import (
    Broker,
    amqtt,
    collect,
    mosquitto,
    needs_mosquitto,
    options,
    payloads,
    publisher,
    running,
    send,
    settle,
    subscriber,
)
from tests.support import wait_until

pytestmark = [needs_mosquitto, pytest.mark.services]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with mosquitto(tmp_path) as running_broker:
        yield running_broker


@pytest.fixture(params=["5", "3.1.1", "5, another paho", "3.1.1, another paho"])
def protocol(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both protocols on a broker that speaks both, read in bulk and in paho's own way."""
    spoken, _, is_stock = request.param.partition(",")
    monkeypatch.setattr(link_module, "probe", lambda *_args, **_more: spoken)
    if is_stock:
        monkeypatch.setattr(link_module, "client_class", lambda: StockClient)
    return str(spoken)


@pytest.mark.lesson(14)
def test_what_is_acknowledged_does_not_come_again_and_the_rest_does(broker: Broker, protocol: str) -> None:
    with publisher(broker.port) as device:
        with subscriber(broker.port) as hub:
            send(device, *"abcdef")
            first = collect(hub, 6)
            assert payloads(first) == list("abcdef")
            hub.acknowledge([message.ack_token for message in first[:4]])
            settle(hub)
        send(device, "g")
        with subscriber(broker.port) as hub:
            again = collect(hub, 3)
            assert payloads(again) == list("efg")
            hub.acknowledge([message.ack_token for message in again])
            settle(hub)
        with subscriber(broker.port) as hub:
            send(device, "h")
            assert payloads(collect(hub, 1)) == ["h"]


def test_amqtt_is_spoken_to_in_its_own_language(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "devices.link")
    with amqtt() as broker, subscriber(broker.port) as hub, publisher(broker.port) as device:
        send(device, "a", "b")
        messages = collect(hub, 2)
        assert payloads(messages) == ["a", "b"]
        hub.acknowledge([message.ack_token for message in messages])
    spoken = {vars(record)["mqtt"] for record in caplog.records if record.message == "link_connected"}
    assert spoken == {"3.1.1"}


def test_a_late_acknowledgement_does_not_hit_a_message_of_the_new_connection(broker: Broker, protocol: str) -> None:
    with publisher(broker.port) as device:
        with subscriber(broker.port) as hub:
            send(device, *"abc")
            old = collect(hub, 3)
            broker.kill()
            wait_until(lambda: not hub.is_connected and not device.is_connected, what="the loss is noticed")
            broker.start()
            wait_until(lambda: hub.is_connected and device.is_connected, what="connected again")
            send(device, *"def")
            new = collect(hub, 3)
            assert {m.ack_token.mid for m in new} & {m.ack_token.mid for m in old}, "packet ids begin again"
            hub.acknowledge([message.ack_token for message in old])
            assert hub.health.stale_acks == 3
            assert hub.health.sessions_lost == 1
            settle(hub)
        with subscriber(broker.port) as hub:
            assert payloads(collect(hub, 3)) == list("def")


@pytest.mark.lesson(16)
def test_no_more_is_in_flight_than_was_allowed(broker: Broker) -> None:
    with publisher(broker.port) as device, subscriber(broker.port, max_inflight=5) as hub:
        send(device, *(str(number) for number in range(50)))
        first = collect(hub, 5)
        assert hub.take(timeout_s=0.3, most=100) == []
        hub.acknowledge([message.ack_token for message in first])
        assert payloads(collect(hub, 5)) == [str(number) for number in range(5, 10)]


def test_an_exception_in_a_callback_costs_a_connection_and_no_message(
    broker: Broker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with publisher(broker.port) as device, subscriber(broker.port) as hub:
        put = hub._inbox.put
        bombs = iter([True])

        def put_or_burst(items: Sequence[Message]) -> None:
            if next(bombs, False):
                raise RuntimeError("bomb")
            put(items)

        monkeypatch.setattr(hub._inbox, "put", put_or_burst)
        send(device, *"abcd")
        assert sorted(payloads(collect(hub, 4))) == list("abcd")
        assert hub.health.faults == 1
    assert "link_failed" in [record.message for record in caplog.records]


def test_without_a_broker_nothing_is_taken_for_sending(free_port: Callable[[], int]) -> None:
    link = Publisher(options(free_port()))
    with running(link, is_up=False):
        assert not link.publish("in/x", b"a")
        assert link.health.refused == 1


@pytest.mark.lesson(16)
def test_what_a_silent_broker_does_not_answer_is_bounded(broker: Broker) -> None:
    with publisher(broker.port, max_queued=10) as device, subscriber(broker.port) as hub:
        broker.send(signal.SIGSTOP)
        taken = [device.publish("in/x", str(number).encode()) for number in range(30)]
        assert taken == [True] * 10 + [False] * 20
        broker.send(signal.SIGCONT)
        assert payloads(collect(hub, 10)) == [str(number) for number in range(10)]
        wait_until(lambda: device.publish("in/x", b"more"), what="room again")


def test_messages_without_answers_are_bounded_too(broker: Broker) -> None:
    with publisher(broker.port, max_queued=10) as device:
        broker.send(signal.SIGSTOP)
        taken = [device.publish("in/x", bytes(60_000), qos=0) for _ in range(2_000)]
        assert not all(taken)


def test_a_lost_broker_takes_nothing_even_later(broker: Broker) -> None:
    with publisher(broker.port) as device:
        broker.kill()
        wait_until(lambda: not device.is_connected, what="the loss is noticed")
        assert not device.publish("in/x", b"too early")
        broker.start()
        with subscriber(broker.port) as hub:
            wait_until(lambda: device.is_connected, what="connected again")
            send(device, "in time")
            assert payloads(collect(hub, 1)) == ["in time"]


def test_what_was_taken_for_sending_outlives_the_broker(broker: Broker) -> None:
    with publisher(broker.port) as device, subscriber(broker.port) as hub:
        broker.send(signal.SIGSTOP)
        assert all(device.publish("in/x", payload.encode()) for payload in "abc")
        broker.kill()
        broker.start()
        received: list[str] = []

        def all_answered() -> bool:
            received.extend(payloads(hub.take(timeout_s=0.05, most=100)))
            # whether the hub or the device is back first is chance; a broker without subscribers says so
            return len(set(received)) + device.health.unstored >= 3

        wait_until(all_answered, 20.0, what="answers of the new broker")


@pytest.mark.lesson(8)
def test_a_half_open_connection_is_noticed_and_made_anew(broker: Broker) -> None:
    with subscriber(broker.port, keepalive_s=1) as hub:
        generation = hub.generation
        broker.send(signal.SIGSTOP)
        wait_until(lambda: not hub.is_connected, what="silence is noticed")
        broker.send(signal.SIGCONT)
        wait_until(lambda: hub.is_connected, 20.0, what="connected again")
        assert hub.generation > generation
        assert hub.health.connects == 2


def test_two_with_one_id_do_not_throw_each_other_out_all_the_time(broker: Broker) -> None:
    with subscriber(broker.port) as one, running(Subscriber(options(broker.port), ["in/#"]), is_up=False) as other:
        wait_until(lambda: one.health.short_lived + other.health.short_lived >= 6, 30.0, what="a fight")
        began_s = time.monotonic()
        connects = one.health.connects + other.health.connects
        Event().wait(4.0)
        # paho's own reconnect makes it more than one a second, for ever
        assert one.health.connects + other.health.connects - connects <= time.monotonic() - began_s


def test_a_message_nobody_stored_is_not_counted_as_success(broker: Broker) -> None:
    with publisher(broker.port) as device:
        send(device, "a", topic="nobody/listens")
        wait_until(lambda: device.health.unstored == 1, what="no matching subscribers")


def test_a_wrong_password_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mosquitto(tmp_path, more="allow_anonymous false\n") as broker:
        link = Subscriber(options(broker.port, username="u", password="wrong"), ["in/#"])
        with running(link, is_up=False):
            wait_until(lambda: link._attempts >= 2, what="it tries again")
            assert not link.is_connected
            assert not link.publish("in/x", b"")
    lost = [vars(record)["reason"] for record in caplog.records if record.message == "link_lost"]
    assert len(lost) == 1
    assert lost[0].startswith("refused: Not authorized")


@pytest.mark.lesson(16)
def test_a_full_inbox_leaves_the_rest_to_the_broker(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with publisher(broker.port) as device, subscriber(broker.port, keepalive_s=1) as hub:
        monkeypatch.setattr(hub._inbox, "_most_items", 3)
        sent = [str(number).rjust(60_000) for number in range(100)]
        send(device, *sent)
        wait_until(lambda: hub.health.stalls > 0, what="a stall")
        most = 3 + READ_BYTES // 60_000 + 1  # what fits, and one read that was under way
        assert len(hub.take(timeout_s=0.0, most=100)) <= most
        found: set[str] = set()

        def all_came() -> bool:
            messages = hub.take(timeout_s=0.05, most=100)
            hub.acknowledge([message.ack_token for message in messages])
            found.update(payloads(messages))
            return set(sent[most:]) <= found

        wait_until(all_came, 30.0, what="everything at last")


def test_retained_messages_are_marked_and_come_once(broker: Broker) -> None:
    import paho.mqtt.publish

    paho.mqtt.publish.single("in/x", "old", qos=1, retain=True, port=broker.port)
    with subscriber(broker.port) as hub, publisher(broker.port) as device:
        (old,) = collect(hub, 1)
        assert old.is_retained
        hub.acknowledge([old.ack_token])
        send(device, "new")
        (new,) = collect(hub, 1)
        assert not new.is_retained
        hub.acknowledge([new.ack_token])
        settle(hub)
    with subscriber(broker.port) as hub:
        assert hub.take(timeout_s=0.5, most=10) == []


def test_subscriptions_of_earlier_settings_end(broker: Broker, protocol: str) -> None:
    with running(Subscriber(options(broker.port), ["in/+", "old/#"])):
        pass
    with publisher(broker.port) as device:
        send(device, "meanwhile", topic="old/x")
        link = Subscriber(options(broker.port), ["in/#"], former_topics=["in/+", "in/#", "old/#"])
        with running(link):
            (waited,) = collect(link, 1)
            link.acknowledge([waited.ack_token])
            assert waited.payload == b"meanwhile"
            settle(link)
            send(device, "unasked", topic="old/x")
            send(device, "once")
            assert payloads(collect(link, 1)) == ["once"]
            assert link.take(timeout_s=0.3, most=10) == []


def test_a_network_loop_that_stands_still_is_not_connected(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    with publisher(broker.port) as device, subscriber(broker.port) as hub:
        go_on = Event()
        put = hub._inbox.put
        monkeypatch.setattr(link_module, "_LOOP_STALE_S", 0.5)
        monkeypatch.setattr(hub._inbox, "put", lambda items: (go_on.wait(20.0), put(items)))
        send(device, "a")
        wait_until(lambda: not hub.is_connected, what="the stamp is old")
        go_on.set()
        wait_until(lambda: hub.is_connected, what="the loop goes round again")


def test_receipts_need_no_acknowledgement(broker: Broker) -> None:
    gateway = Publisher(options(broker.port, "gw", max_inflight=3), ["in/#"])
    with running(gateway), publisher(broker.port) as hub:
        send(hub, *(str(number) for number in range(10)))
        assert payloads(collect(gateway, 10)) == [str(number) for number in range(10)]


def test_a_link_can_be_stopped_twice_and_started_again(broker: Broker) -> None:
    link = Subscriber(options(broker.port), ["in/#"])
    for _ in range(2):
        with running(link):
            pass
        link.stop()
        assert not link.is_connected
        assert not link.publish("in/x", b"a")


def test_what_was_handed_over_is_written_before_the_link_stops(broker: Broker) -> None:
    with subscriber(broker.port) as hub:
        with publisher(broker.port) as device:
            assert all(device.publish("in/x", str(number).encode()) for number in range(200))
        assert len(collect(hub, 200)) == 200


def test_a_password_stays_out_of_reprs() -> None:
    shown = repr(LinkOptions(host="h", port=1, client_id="c", username="u", password="s3cret"))
    assert "s3cret" not in shown
