"""Brokers for tests of the link: real ones on loopback, and a scripted one that answers byte by byte."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from devices.link import LinkOptions, Message, Publisher, Subscriber
from tests.support import free_port, listens, wait_until

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")

_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 0
log_type error
"""


class Broker:
    """A broker process on a port of its own. Killed, it has forgotten everything; stopped, it only says nothing."""

    def __init__(self, argv: list[str], port: int) -> None:
        self.port = port
        self._argv = argv
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 20.0, what="broker answers")

    def send(self, how: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(how)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        return listens(self.port)


@contextmanager
def mosquitto(folder: Path, *, more: str = "") -> Iterator[Broker]:
    port = free_port()
    conf = folder / f"mosquitto-{port}.conf"
    conf.write_text(_CONF.format(port=port) + more)
    yield from _running(Broker([str(MOSQUITTO), "-c", str(conf)], port))


@contextmanager
def amqtt() -> Iterator[Broker]:
    port = free_port()
    yield from _running(Broker([sys.executable, "-m", "satomori.amqtt_broker", str(port)], port))


def _running(broker: Broker) -> Iterator[Broker]:
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


@contextmanager
def scripted(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """Run `script` on every connection; give the port."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5.0)
                    script(connection)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def options(port: int, client_id: str = "hub", **more: Any) -> LinkOptions:
    return LinkOptions(host="127.0.0.1", port=port, client_id=client_id, **more)


@contextmanager
def running(link: Subscriber, *, is_up: bool = True) -> Iterator[Subscriber]:
    """Start the link, wait until it is connected, stop it at the end."""
    link.start()
    try:
        if is_up:
            wait_until(lambda: link.is_connected, 20.0, what="link is connected")
        yield link
    finally:
        link.stop()


@contextmanager
def subscriber(port: int, **more: Any) -> Iterator[Subscriber]:
    with running(Subscriber(options(port, **more), ["in/#"])) as link:
        yield link


@contextmanager
def publisher(port: int, **more: Any) -> Iterator[Publisher]:
    link = Publisher(options(port, "device", **more))
    with running(link):
        yield link


def send(link: Publisher, *payloads: str, topic: str = "in/x") -> None:
    """Publish, waiting for room."""
    for payload in payloads:
        wait_until(lambda payload=payload: link.publish(topic, payload.encode()), what="room to publish")  # type: ignore[misc]


def collect(link: Subscriber, count: int, *, timeout_s: float = 20.0) -> list[Message]:
    """Take until `count` messages came."""
    found: list[Message] = []

    def enough() -> bool:
        found.extend(link.take(timeout_s=0.05, most=count - len(found)))
        return len(found) >= count

    wait_until(enough, timeout_s, what=f"{count} messages")
    return found


def payloads(messages: list[Message]) -> list[str]:
    return [message.payload.decode() for message in messages]


def settle(link: Subscriber) -> None:
    """Return once the broker has read what the link sent so far: a client that comes back at once cuts that off."""
    assert link.publish("in/settle", b"settled", qos=0)
    (message,) = collect(link, 1)
    assert message.payload == b"settled"
