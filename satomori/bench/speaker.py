"""The other devices of a town: `python -m satomori.bench.speaker PORT RATE DEVICES` publishes until it is ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from threading import Event

from devices.clock import Clock
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import READINGS, one_reading

_TURN_S = 0.01
_MOST_AT_ONCE = 2_000


def readings(devices: int) -> Iterator[tuple[str, bytes]]:
    """Give single readings of all devices in turn, without end, each later than the one before; none is an event."""
    clock, number, last_ns = Clock(), 0, 0
    while True:
        last_ns = max(last_ns + 1, clock.now_ns())
        device = f"d{number % devices:06d}"
        yield f"{READINGS}/{device}", one_reading(device, number % 97 / 10, observed_ns=last_ns)
        number += 1


def main(port: int, rate: int, devices: int) -> None:
    """Publish `rate` messages a second, QoS 1; when the broker is slower, what was not sent in time is left out."""
    client, spoken, never = RawClient(port, "bench-background"), readings(devices), Event()
    began_s, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began_s) * rate) - sent
        sent += due
        if due:
            client.publish([next(spoken) for _ in range(min(due, _MOST_AT_ONCE))])
        never.wait(_TURN_S)


if __name__ == "__main__":
    main(*(int(text) for text in sys.argv[1:]))
