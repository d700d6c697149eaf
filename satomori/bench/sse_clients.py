"""Many clients of the live stream in one process, as bare as can be: sockets and a selector, nothing per client.

`python -m satomori.bench.sse_clients PAGE_PORT BROKER_PORT CLIENTS READINGS` connects, publishes a reading every
100 ms, and prints one line of JSON: how long each took from its publish to each client.
"""

from __future__ import annotations

import json
import re
import resource
import selectors
import socket
import sys
import time
from dataclasses import dataclass, field
from threading import Event, Thread

from devices.clock import Clock
from satomori.bench.model import percentile
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import READINGS, one_reading

_EVERY_S = 0.1
_PATIENCE_S = 20.0
_READ_BYTES = 262_144
_KEPT_BYTES = 64
_REQUEST = b"GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n"
_READING = re.compile(rb'data: \{"device_id":"(d\d+)"')


@dataclass(slots=True, eq=False)
class _Listener:
    """One client: its socket, whether it has been told the present, what it has heard of, the end of what it read."""

    connection: socket.socket
    is_greeted: bool = False
    heard: set[bytes] = field(default_factory=set)
    rest: bytes = b""


@dataclass(slots=True)
class Crowd:
    """All clients. `sent_s` says when each device spoke; `took_s` how long each client waited for each of them."""

    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    sent_s: dict[bytes, float] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    greeted: int = 0

    def join(self, port: int) -> None:
        """Connect one more client."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE_S)
        connection.sendall(_REQUEST)
        connection.setblocking(False)
        self.selector.register(connection, selectors.EVENT_READ, _Listener(connection))

    def listen(self, *, until_s: float) -> None:
        """Read what there is, at most until then. Raises ConnectionError when a client is sent away."""
        for key, _ in self.selector.select(max(0.0, until_s - time.perf_counter())):
            self._read(key.data)

    def _read(self, listener: _Listener) -> None:
        data = listener.connection.recv(_READ_BYTES)
        now_s = time.perf_counter()
        if not data:
            raise ConnectionError("the page closed a live stream")
        data = listener.rest + data
        if not listener.is_greeted and b"event: health" in data:
            listener.is_greeted = True
            self.greeted += 1
        for found in _READING.findall(data):
            if found not in listener.heard and found in self.sent_s:
                listener.heard.add(found)
                self.took_s.append(now_s - self.sent_s[found])
        listener.rest = data[-_KEPT_BYTES:]


def _speak(port: int, readings: int, crowd: Crowd) -> None:
    client, never, began_s = RawClient(port, "bench-live"), Event(), time.perf_counter()
    for number in range(readings):
        never.wait(max(0.0, began_s + number * _EVERY_S - time.perf_counter()))
        device = f"d{number:06d}"
        payload = one_reading(device, number / 100, observed_ns=Clock().now_ns())
        crowd.sent_s[device.encode()] = time.perf_counter()
        client.publish([(f"{READINGS}/{device}", payload)])
    client.close()


def main(page_port: int, broker_port: int, clients: int, readings: int) -> None:
    """Be the crowd; see the module."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    crowd = Crowd()
    for _ in range(clients):
        crowd.join(page_port)
        crowd.listen(until_s=0.0)
    deadline_s = time.perf_counter() + _PATIENCE_S
    while crowd.greeted < clients and time.perf_counter() < deadline_s:
        crowd.listen(until_s=deadline_s)
    speaker = Thread(target=_speak, args=(broker_port, readings, crowd), daemon=True)
    speaker.start()
    deadline_s = time.perf_counter() + readings * _EVERY_S + _PATIENCE_S
    while len(crowd.took_s) < clients * readings and time.perf_counter() < deadline_s:
        crowd.listen(until_s=deadline_s)
    speaker.join()
    took = crowd.took_s or [0.0]
    missed = clients * readings - len(crowd.took_s)
    print(json.dumps({"p50_s": percentile(took, 50), "p99_s": percentile(took, 99), "missed": missed}), flush=True)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
