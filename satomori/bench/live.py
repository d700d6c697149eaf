"""How soon everybody who looks at the page sees a reading: 1,000 live streams at once."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator

from satomori.bench.model import Bench, Goal, Measure, SkippedError
from satomori.bench.town import BenchTown, cpu_s, free_port, listens, wait_until

_DEVICES = 1_000


def sse_1000_p99_ms(bench: Bench) -> Iterator[Measure]:
    """MQTT publish to what a client of the live stream reads, 10 readings a second, all services real."""
    clients, readings = bench.size(full=1_000, quick=5), bench.size(full=100, quick=3)
    town = BenchTown(bench, devices=bench.size(full=_DEVICES, quick=10))
    page = free_port()
    server = town.start("api", "--port", str(page))
    town.start_ingest()
    wait_until(lambda: listens(page), what="the page")
    sizes = (page, town.port, clients, readings)
    argv = [sys.executable, "-m", "satomori.bench.sse_clients", *map(str, sizes)]
    used_s, began_s = cpu_s(server.pid), time.perf_counter()
    crowd = bench.start(argv, name="crowd")
    wait_until(lambda: crowd.poll() is not None, what="the end of the live streams", timeout_s=120.0)
    said = (bench.folder / "crowd.log").read_text(encoding="utf-8").strip().splitlines()
    if crowd.returncode or not said:
        raise SkippedError(f"the clients failed: {said[-1] if said else crowd.returncode}")
    found = json.loads(said[-1])
    share = (cpu_s(server.pid) - used_s) / (time.perf_counter() - began_s)
    if found["missed"]:
        raise SkippedError(f"{found['missed']} of {clients * readings} readings did not come")
    p50_ms = found["p50_s"] * 1e3
    yield Measure(
        name="sse_1000_p99_ms",
        value=found["p99_s"] * 1e3,
        unit=f"ms from publish to {clients} clients, 10 readings/s, p50 {p50_ms:.0f}, page {share:.0%}",
        goal=Goal(limit=100),
    )
