"""What a gateway that comes back after a day does to the readings of now: it drains its spool, they must not wait."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event

from devices.clock import Clock
from devices.model import SECOND_NS, Reading
from devices.senml import encode_readings
from gateway.spool import Spool
from gateway.spool_types import Lane, NewRow, SpoolOptions
from satomori.bench.model import Bench, Goal, Measure, SkippedError, percentile
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import BenchTown, wait_until

_GATEWAY = """\
[[gateway]]
id = "gw-01"
name = "gateway"
station = "s000000"
spool_max_mib = 512
[[gateway.source]]
kind = "mqtt"
port_number = {port}
uplink = "senml_mqtt"
topics = ["field/#"]
"""
_LIVE = '[[device]]\nid = "{0}"\nname = "{0}"\nmodel = "senml_fields"\nstation = "s000000"\naddress = "{0}"\n'
_DAY_NS = 86_400 * SECOND_NS
_EVERY_S = 0.05
_POLL_S = 0.003
_PATIENCE_S = 150.0
_SPOOL_BYTES = 512 << 20


def drain_live_delay_ms(bench: Bench) -> Iterator[Measure]:
    """A gateway with a day of 1,000 devices in its spool: how late its live readings are until the spool is empty.

    Live devices publish to the gateway's own source; each raises an event, and the delay ends when that is committed.
    """
    devices, steps = bench.size(full=1_000, quick=20), bench.size(full=144, quick=3)
    lives = [f"live-{number:04d}" for number in range(bench.size(full=1_500, quick=4))]
    town = BenchTown(bench, devices=devices, more=_GATEWAY + "".join(_LIVE.format(name) for name in lives))
    _fill_spool(town, steps)
    town.start_ingest()
    drain = _Drain(town, backlog=devices * steps)
    town.start("gateway", "--id", "gw-01")
    found_s, took_s = drain.watch(lives)
    yield Measure(
        name="drain_live_delay_ms",
        value=percentile(found_s, 99) * 1e3,
        unit=f"ms, p99 of {len(found_s)} while {devices * steps:,} readings drained in {took_s:.1f} s",
        goal=Goal(limit=1_000),
    )


class _Drain:
    """Speaks as the live devices do, one after the other, and looks what of it and of the backlog is in the journal."""

    def __init__(self, town: BenchTown, *, backlog: int) -> None:
        self._town = town
        self._wanted = self._observations() + backlog
        self._client = RawClient(town.port, "bench-live")
        self._event_no = 0
        self._sent_s: dict[str, float] = {}
        self._found_s: list[float] = []

    def watch(self, lives: list[str]) -> tuple[list[float], float]:
        """Return the delays, and how long the backlog took from the first live reading on. Uses up `lives`."""
        first, *others = lives
        wait_until(lambda: self._ask(first), what="the gateway", poll_s=_EVERY_S)
        self._found_s.clear()  # the first one waited for the gateway to start
        never, began_s, took_s = Event(), time.perf_counter(), 0.0
        while not took_s or self._sent_s:
            now_s = time.perf_counter()
            if now_s - began_s > _PATIENCE_S:
                raise SkippedError(f"the backlog did not drain within {_PATIENCE_S:g} s")
            if not took_s and self._observations() >= self._wanted and self._found_s:
                took_s = now_s - began_s
            if others and not took_s and now_s - began_s >= (len(lives) - len(others)) * _EVERY_S:
                self._speak(others.pop(0))
            self._listen()
            never.wait(_POLL_S)
        self._client.close()
        return self._found_s, took_s

    def _ask(self, name: str) -> bool:
        self._speak(name)
        self._listen()
        return not self._sent_s

    def _speak(self, name: str) -> None:
        seconds, rest_ns = divmod(Clock().now_ns(), SECOND_NS)
        payload = f'[{{"n":"{name}/wind_speed","u":"m/s","v":20,"t":{seconds}.{rest_ns:09d}}}]'
        self._sent_s[name] = time.perf_counter()
        self._client.publish([(f"field/{name}", payload.encode())])

    def _listen(self) -> None:
        rows = self._town.reader.events_after(self._event_no)
        now_s = time.perf_counter()
        for row in rows:
            self._event_no = row.event_no
            sent_s = self._sent_s.pop(row.event.device_id, None)
            if sent_s is not None:
                self._found_s.append(now_s - sent_s)

    def _observations(self) -> int:
        return self._town.reader.counters().get("observations", 0)


def _fill_spool(town: BenchTown, steps: int) -> None:
    """Put into the spool what the devices said in the last day, as the gateway does: a row a frame."""
    now_ns = Clock().now_ns()
    spool = Spool.open(SpoolOptions(path=town.data / "spool-gw-01.db", max_bytes=_SPOOL_BYTES), now_ns=now_ns)
    try:
        for step in range(steps):
            at_ns = now_ns - _DAY_NS + step * (_DAY_NS // (steps + 1))
            spool.append([_row(f"d{number:06d}", step, at_ns=at_ns + number) for number in range(town.devices)])
    finally:
        spool.close()


def _row(device_id: str, step: int, *, at_ns: int) -> NewRow:
    reading = Reading(
        device_id=device_id, quantity="air_temperature", value=(step % 97) / 10, observed_ns=at_ns, received_ns=at_ns,
        gateway_id="gw-01",
    )  # fmt: skip
    body = encode_readings((reading,))
    return NewRow(lane=Lane.SAMPLE, device_id=device_id, received_ns=at_ns, records=1, body=body)
