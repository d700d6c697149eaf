"""How long it takes from an MQTT publish to the webhook that tells of it, while other devices speak."""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from devices.clock import Clock
from devices.model import SECOND_NS
from satomori.bench.model import Bench, Goal, Measure, end, percentile
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import READINGS, BenchTown, wait_until

_ALERTS = """\
[channel.webhook]
[[contact]]
id = "duty"
name = "duty"
webhook_url = "{url}"
[[route]]
id = "gales"
contacts = ["duty"]
channels = ["webhook"]
rule = ["gale"]
severity_min = "info"
"""


@dataclass
class Hooks:
    """When each message came, by the device it speaks of."""

    bodies: list[tuple[float, bytes]] = field(default_factory=list)

    def came_s(self, device: str) -> float | None:
        """Return when a message spoke of this device, None when none did."""
        return next((at_s for at_s, body in self.bodies if device.encode() in body), None)


def alert_latency_ms(bench: Bench) -> Iterator[Measure]:
    """MQTT publish to webhook received, commit and ledger included, at 10, 1,000 and 10,000 messages/s of others."""
    trials, rates = bench.size(full=40, quick=1), (10,) if bench.is_quick else (10, 1_000, 10_000)
    with _hook_server() as (url, hooks):
        town = BenchTown(
            bench, devices=bench.size(full=1_000, quick=40), more=_ALERTS.format(url=url), spared=trials * len(rates)
        )
        town.start("alerts")
        town.start_ingest()
        spared = iter(town.spared)
        for rate in rates:
            with _background(town, rate):
                found = [_one(town, next(spared), hooks) for _ in range(trials)]
            yield from _measures(rate, found)


def _measures(rate: int, found: list[float]) -> Iterator[Measure]:
    name = f"alert_latency_ms_{rate}"
    unit = f"ms at {rate} messages/s"
    middle, slow = statistics.median(found) * 1e3, percentile(found, 99) * 1e3
    yield Measure(name=f"{name}_p50", value=middle, unit=unit, goal=Goal(limit=10))
    yield Measure(name=f"{name}_p99", value=slow, unit=f"{unit}, slowest of {len(found)}", goal=Goal(limit=60))


def _one(town: BenchTown, device: str, hooks: Hooks) -> float:
    client = RawClient(town.port, "bench-alert")
    seconds, rest_ns = divmod(Clock().now_ns(), SECOND_NS)
    record = f'[{{"n":"{device}/wind_speed","u":"m/s","v":20,"t":{seconds}.{rest_ns:09d}}}]'
    began_s = time.perf_counter()
    client.publish([(f"{READINGS}/{device}", record.encode())])
    wait_until(lambda: hooks.came_s(device), what="the webhook", timeout_s=20.0, poll_s=0.002)
    client.close()
    return (hooks.came_s(device) or began_s) - began_s


@contextmanager
def _background(town: BenchTown, rate: int) -> Iterator[None]:
    """Let other devices speak at this rate, in a process of their own, and give what is behind time to catch up."""
    argv = [sys.executable, "-m", "satomori.bench.speaker", str(town.port), str(rate), str(town.devices)]
    speaker = town.bench.start(argv, name="speaker")
    before = town.readings()
    wait_until(lambda: town.readings() > before or speaker.poll() is not None, what="the other devices")
    try:
        yield
    finally:
        end(speaker)
        town.settle()


@contextmanager
def _hook_server() -> Iterator[tuple[str, Hooks]]:
    hooks = Hooks()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65_536  # head and body in one packet, else delayed acknowledgements cost 40 ms

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hooks.bodies.append((time.perf_counter(), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", hooks
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
