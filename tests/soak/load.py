"""The load of a soak: a town's devices, some speaking to the hub themselves, some through a gateway's network."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, Thread

from devices.clock import Clock
from devices.model import SECOND_NS
from satomori.bench.mqtt_raw import RawClient

TOWN_MESSAGES_S = 5.0
"""What a town's devices send in a second (performance notes)."""
INTERVAL_S = 60
TRAPS = 40
NETWORK_SHARE = 0.1
"""Part of the messages that comes as LoRaWAN uplinks through a gateway."""
_TURN_S = 0.2
_DAY_S = 86_400
_COLD_EVERY = 50
_APART = 1_000_000


def gauge(number: int) -> str:
    return f"d{number:05d}"


def trap_address(number: int) -> str:
    return f"24e124136b{number:06x}"


@dataclass
class Load:
    """Sends `rate_s` messages a real second, as the devices of a town would whose clock runs by `clock`."""

    port: int
    gauges: int
    rate_s: float
    clock: Clock
    sent: int = 0
    counters: list[int] = field(default_factory=lambda: [0] * TRAPS)

    def run(self, stop: Event) -> None:
        """Send until `stop` is set; a broker that is slow makes it slower, nothing is left out."""
        client = RawClient(self.port, "soak-load")
        began_s = time.monotonic()
        while not stop.wait(_TURN_S):
            due = int((time.monotonic() - began_s) * self.rate_s) - self.sent
            messages = list(self._messages(due))
            client.publish(messages)
            self.sent += len(messages)
        client.close()

    def _messages(self, count: int) -> Iterator[tuple[str, bytes]]:
        now_ns = self.clock.now_ns()
        for number in range(self.sent, self.sent + count):
            if number % round(1 / NETWORK_SHARE) == 0:
                yield self._uplink(number // round(1 / NETWORK_SHARE) % TRAPS)
            else:
                # one after the other: in a long turn a gauge speaks often, and a time said twice would be a copy
                yield self._reading(number % self.gauges, now_ns=now_ns + number % _APART * 1_000)

    def _reading(self, number: int, *, now_ns: int) -> tuple[str, bytes]:
        """A temperature that goes down and up once a day; of each fiftieth gauge it passes a limit."""
        seconds, rest_ns = divmod(now_ns, SECOND_NS)
        swing = abs(seconds % _DAY_S / _DAY_S * 2 - 1)
        lowest = -10.0 if number % _COLD_EVERY == 0 else -5.0
        name = gauge(number)
        text = f'[{{"n":"{name}/air_temperature","u":"Cel","v":{lowest + swing * 12:.2f},"t":{seconds}.{rest_ns:09d}}}]'
        return f"readings/v1/{name}", text.encode()

    def _uplink(self, trap: int) -> tuple[str, bytes]:
        self.counters[trap] += 1
        address = trap_address(trap)
        said = {
            "deviceInfo": {"devEui": address},
            "fCnt": self.counters[trap],
            "fPort": 85,
            "data": "AXVcA2c0AQRoZQYAAQ==",
            "rxInfo": [{"rssi": -97, "snr": 7.5}],
        }
        return f"application/1/device/{address}/event/up", json.dumps(said).encode()


@dataclass
class Background:
    """Runs `work` in a thread and brings its failure to `check`."""

    work: Callable[[Event], None]
    stop: Event = field(default_factory=Event)
    failure: BaseException | None = None
    _thread: Thread | None = None

    def start(self) -> None:
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the work."""
        if self.failure is not None:
            raise self.failure

    def end(self) -> None:
        self.stop.set()
        if self._thread is not None:
            self._thread.join(30)

    def _run(self) -> None:
        try:
            self.work(self.stop)
        except BaseException as error:  # noqa: BLE001 - told by `check`
            self.failure = error
