"""What the broker keeps for us: retained messages, and a last word when we are gone without one."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.link import Publisher
from tests.devices.brokers import Broker, mosquitto, needs_mosquitto, options, running
from tests.support import wait_until

pytestmark = needs_mosquitto

_CHILD = """
import sys, threading
from devices.link import LinkOptions, Publisher
given = LinkOptions(host="127.0.0.1", port=int(sys.argv[1]), client_id="child", will_topic="out/status",
                    will_payload=b"offline", clean_start=True)
link = Publisher(given)
link.start()
while not link.publish("out/status", b"online", retain=True):
    threading.Event().wait(0.05)
threading.Event().wait()
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with mosquitto(tmp_path) as broker:
        yield broker


def says(port: int, payload: bytes, *, name: str) -> None:
    """Wait until a new subscriber is told this as what is retained."""
    with running(Publisher(options(port, name, clean_start=True), ["out/#"])) as ear:
        found: list[bytes] = []

        def is_said() -> bool:
            found.extend(message.payload for message in ear.take(timeout_s=0.05, most=10))
            return payload in found

        wait_until(is_said, 20.0, what=f"{payload!r}")


def test_a_process_that_is_killed_has_a_last_word(broker: Broker) -> None:
    child = subprocess.Popen([sys.executable, "-c", _CHILD, str(broker.port)])
    try:
        says(broker.port, b"online", name="ear-1")
    finally:
        child.kill()
        child.wait(10)
    says(broker.port, b"offline", name="ear-2")


def test_a_link_without_a_will_leaves_nothing(broker: Broker) -> None:
    with running(Publisher(options(broker.port, "plain"))) as link:
        wait_until(lambda: link.publish("out/kept", b"1", qos=1, retain=True), what="room")
        wait_until(lambda: link.publish("out/passing", b"2", qos=1), what="room")
    says(broker.port, b"1", name="ear-1")
    with running(Publisher(options(broker.port, "ear-2", clean_start=True), ["out/#"])) as ear:
        kept = {message.topic for message in ear.take(timeout_s=1.0, most=10)}
    assert kept == {"out/kept"}
