"""Acknowledged means on disk: a broker's message is kept by the broker until the spool has it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread

import pytest

from devices.link import AckToken, Message
from gateway.sources.mqtt_topics import MqttOptions, MqttSource
from gateway.spool import Spool
from tests.gateway.sites import GATEWAY, NOW_NS, make_intake
from tests.gateway.spools import all_waiting, numbers, open_spool
from tests.gateway.test_decode import chirp
from tests.support import wait_until


class FakeFeed:
    """Hands out messages once; remembers what was acknowledged and what the spool held at that moment."""

    def __init__(self, spool: Spool, messages: list[Message]) -> None:
        self._spool = spool
        self._messages = messages
        self.acknowledged: list[int] = []
        self.rows_at_acknowledge: list[int] = []
        self.calls: list[str] = []

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        taken, self._messages = self._messages[:most], self._messages[most:]
        return taken

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        self.acknowledged += [token.mid for token in tokens]
        self.rows_at_acknowledge = numbers(self._spool)


def message(mid: int, payload: bytes, *, is_retained: bool = False) -> Message:
    topic = chirp().message.topic
    token = AckToken(mid=mid, qos=1, generation=1)
    return Message(topic=topic, payload=payload, is_retained=is_retained, ack_token=token)


def source(feed: FakeFeed, spool: Spool) -> MqttSource:
    options = MqttOptions(name="mqtt-0", gateway_id=GATEWAY, uplink="chirpstack_v4", topics=["#"])
    return MqttSource(options, feed, make_intake(spool), now_ns=lambda: NOW_NS)


@pytest.mark.lesson(1)
def test_a_batch_is_on_disk_before_it_is_acknowledged(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [message(i, chirp(fCnt=i).message.payload) for i in range(1, 6)])
    assert source(feed, spool).step(Event()) == 5
    assert feed.acknowledged == [1, 2, 3, 4, 5]
    assert feed.rows_at_acknowledge == [1, 2, 3, 4, 5]


def test_poison_is_quarantined_and_acknowledged(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [message(i, b"\x00poison") for i in range(30)] + [message(30, chirp().message.payload)])
    assert source(feed, spool).step(Event()) == 31
    assert feed.acknowledged == list(range(31))
    assert len(numbers(spool)) == 11
    assert b"trap-01" in all_waiting(spool)[-1].body


def test_nothing_is_acknowledged_while_the_disk_refuses(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [message(1, chirp().message.payload)])
    made, stop = source(feed, spool), Event()
    spool._db.execute("PRAGMA query_only = ON")
    thread = Thread(target=made.step, args=(stop,))
    thread.start()
    wait_until(lambda: bool(spool._fault))
    assert feed.acknowledged == []
    spool._db.execute("PRAGMA query_only = OFF")
    thread.join(5)
    assert feed.acknowledged == [1]
    assert numbers(spool) == [1]


def test_a_stop_while_the_disk_refuses_acknowledges_nothing(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [message(1, chirp().message.payload)])
    spool._db.execute("PRAGMA query_only = ON")
    stop = Event()
    stop.set()
    assert source(feed, spool).step(stop) == 0
    assert feed.acknowledged == []


def test_messages_of_one_moment_are_told_apart(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [message(i, chirp().message.payload) for i in range(3)])
    source(feed, spool).step(Event())
    assert [stored.received_ns for stored in all_waiting(spool)] == [NOW_NS, NOW_NS + 1, NOW_NS + 2]


def test_the_feed_is_closed_whatever_happens(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    feed = FakeFeed(spool, [])
    stop = Event()
    thread = Thread(target=source(feed, spool).run, args=(stop,))
    thread.start()
    stop.set()
    thread.join(5)
    assert feed.calls == ["start", "stop"]
