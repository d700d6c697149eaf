"""Real brokers and a hub that listens to them: mosquitto without persistence, amqtt; killed and started again."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Literal

import pytest

from devices.link import LinkOptions, Publisher, Subscriber
from tests.gateway.hubs import FakeHub
from tests.gateway.ptys import Line
from tests.gateway.sites import GATEWAY
from tests.support import free_port, listens, wait_until

Kind = Literal["mosquitto", "amqtt"]

_CONF = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 200
log_type error
"""


def mosquitto_path() -> str | None:
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


class Broker:
    """One broker process on a port of its own; `kill` loses all it held."""

    def __init__(self, folder: Path, kind: Kind) -> None:
        self.port = free_port()
        self._conf = folder / "mosquitto.conf"
        self._conf.write_text(_CONF.format(port=self.port))
        own = [sys.executable, "-m", "satomori.amqtt_broker", str(self.port)]
        self._argv = [str(mosquitto_path()), "-c", str(self._conf)] if kind == "mosquitto" else own
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(self._answers, 20.0, what="broker answers")

    def _answers(self) -> bool:
        return listens(self.port)

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10)
            self._process = None


needs_mosquitto = pytest.mark.skipif(mosquitto_path() is None, reason="mosquitto is not installed")


class LiveHub:
    """A FakeHub on a real broker: acknowledges after it has taken a message, sends receipts as the real one does."""

    def __init__(self, port: int) -> None:
        self.hub = FakeHub()
        self.messages: list[bytes] = []
        self._lock = Lock()
        self._stop = Event()
        self._link = Subscriber(LinkOptions(host="127.0.0.1", port=port, client_id="hub"), ["readings/v1/#"])
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._link.start()
        self._thread.start()
        wait_until(lambda: self._link.is_connected, 20.0, what="hub is connected")

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._link.stop()

    def content(self, epoch: str) -> dict[int, str]:
        with self._lock:
            books = self.hub.epochs.get(epoch)
            return dict(books.content) if books else {}

    def all_content(self) -> str:
        with self._lock:
            return "\n".join(c for books in self.hub.epochs.values() for c in books.content.values())

    def _run(self) -> None:
        told_s = 0.0
        while not self._stop.is_set():
            messages = self._link.take(timeout_s=0.05, most=100)
            with self._lock:
                for message in messages:
                    self.hub.take(message.payload)
            self._link.acknowledge([message.ack_token for message in messages])
            if messages or time.monotonic() - told_s > 1.0:
                told_s = time.monotonic()
                for receipt in self.hub.receipts():
                    self._link.publish(f"receipts/v1/{GATEWAY}", receipt, qos=0)


@contextmanager
def town(folder: Path, kind: Kind) -> Iterator[tuple[Broker, LiveHub, Line, Publisher]]:
    """A broker, a hub, a serial line and a network server; all gone afterwards, whatever happened."""
    broker = Broker(folder, kind)
    hub, line = LiveHub(broker.port), Line(folder)
    network = Publisher(LinkOptions(host="127.0.0.1", port=broker.port, client_id="network"))
    with ExitStack() as after:
        after.callback(broker.kill)
        after.callback(line.close)
        broker.start()
        after.callback(hub.stop)
        hub.start()
        after.callback(network.stop)
        network.start()
        wait_until(lambda: network.is_connected, 20.0)
        yield broker, hub, line, network
