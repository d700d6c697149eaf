"""Figures of a town that is idle: memory of its services, and how soon a cold hub takes the first reading."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from satomori.bench.model import Bench, Goal, Measure, end
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import READINGS, BenchTown, free_port, listens, rss_mb, wait_until

_GATEWAY = '[[gateway]]\nid = "gw-01"\nname = "gateway"\nstation = "s000000"\n'
_SWEEPS = 4
_HUB = ("ingest", "alerts", "api")


def rss_gateway_mb(bench: Bench) -> Iterator[Measure]:
    """Resident memory of each service of a town with 1,000 series, idle after four rounds of readings."""
    devices = bench.size(full=1_000, quick=20)
    town = BenchTown(bench, devices=devices, more=_GATEWAY)
    processes = {"ingest": town.start("ingest"), "alerts": town.start("alerts")}
    page = free_port()
    processes["api"] = town.start("api", "--port", str(page))
    processes["gateway"] = town.start("gateway", "--id", "gw-01")
    town.wait_for_ingest()
    client = RawClient(town.port, "bench-publisher")
    for _ in range(_SWEEPS):
        client.publish(list(town.messages(devices)))
    client.close()
    wait_until(lambda: listens(page), what="the page")
    town.settle()
    found = {name: rss_mb(process.pid) for name, process in processes.items()}
    yield Measure(name="rss_gateway_mb", value=found["gateway"], unit="MB", goal=Goal(limit=60))
    parts = ", ".join(f"{name} {found[name]:.0f}" for name in _HUB)
    hub_mb = sum(found[name] for name in _HUB)
    yield Measure(name="rss_hub_mb", value=hub_mb, unit=f"MB ({parts}) at {devices} series", goal=Goal(limit=300))


def start_s(bench: Bench) -> Iterator[Measure]:
    """From a cold start of ingest to the first reading that is durable; 1,000 devices, journal from before."""
    town = BenchTown(bench, devices=bench.size(full=1_000, quick=20))
    end(town.start_ingest())
    found = []
    for _ in range(bench.size(full=3, quick=1)):
        before = town.readings()
        client = RawClient(town.port, "bench-publisher")
        client.publish(list(town.messages(1, root=READINGS)))  # the session of ingest keeps it
        began_s = time.perf_counter()
        process = town.start("ingest")
        wait_until(lambda before=before: town.readings() > before, what="the first reading")  # type: ignore[misc]
        found.append(time.perf_counter() - began_s)
        client.close()
        end(process)
    yield Measure(name="start_s", value=statistics.median(found), unit="s, ingest", goal=Goal(limit=3))
