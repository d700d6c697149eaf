"""More than anyone takes: what the link holds is bounded, the rest stays with the broker, and all of it comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.link import Subscriber
from devices.link_bulk import READ_BYTES
from devices.link_inbox import MOST_ITEMS
from satomori.bench.mqtt_raw import RawClient
from tests.devices.brokers import Broker, mosquitto, needs_mosquitto, subscriber
from tests.support import wait_until

pytestmark = [needs_mosquitto, pytest.mark.services]

PAYLOAD_BYTES = 100
FLOOD = 2 * MOST_ITEMS


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with mosquitto(tmp_path) as running_broker:
        yield running_broker


def flood(broker: Broker) -> None:
    """Return when the broker has all of it."""
    device = RawClient(broker.port, "loud")
    device.publish([("in/x", b"%0*d" % (PAYLOAD_BYTES, number)) for number in range(FLOOD)])
    device.close()


def held(link: Subscriber) -> int:
    return len(link._inbox._items)


def drain(link: Subscriber) -> list[int]:
    """Take and acknowledge until all was seen."""
    found: list[int] = []

    def is_all() -> bool:
        messages = link.take(timeout_s=0.05, most=8_192)
        link.acknowledge([message.ack_token for message in messages])
        found.extend(int(message.payload) for message in messages)
        return len(found) >= FLOOD

    wait_until(is_all, 60.0, what="all of it")
    return found


def test_what_is_not_acknowledged_is_bounded_by_number(broker: Broker) -> None:
    with subscriber(broker.port, max_inflight=1_000) as link:
        flood(broker)
        wait_until(lambda: held(link) == 1_000, what="as many as may be in flight")
        assert drain(link) == list(range(FLOOD))


def test_a_full_inbox_is_emptied_in_order_and_nothing_is_lost(broker: Broker) -> None:
    with subscriber(broker.port, max_inflight=65_535) as link:
        flood(broker)
        wait_until(lambda: link.health.stalls > 0, 30.0, what="a stall")
        assert MOST_ITEMS <= held(link) < MOST_ITEMS + READ_BYTES // PAYLOAD_BYTES
        assert drain(link) == list(range(FLOOD))
        assert link.health.connects == 1
