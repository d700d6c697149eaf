"""Figures of whole ways: broker to journal, against subscribers that do nothing with what they get."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Iterator

from satomori.bench.model import Bench, Goal, Measure
from satomori.bench.mqtt_raw import RawClient
from satomori.bench.town import NOT_READINGS, READINGS, BenchTown, said_by, wait_until

_DEVICES = 1_000


def e2e_qos1_ratio(bench: Bench) -> Iterator[Measure]:
    """Single-reading messages, QoS 1, until all are durable and acknowledged; nothing lost, none twice."""
    count, rounds = bench.size(full=10_000, quick=200), bench.size(full=3, quick=1)
    town = BenchTown(bench, devices=bench.size(full=_DEVICES, quick=20))
    town.start_ingest()
    bare_s, paho_s, ingest_s = [], [], []
    for turn in range(rounds):
        bare_s.append(_drained_by(town, "satomori.bench.mqtt_raw", count, name=f"bare-{turn}"))
        paho_s.append(_drained_by(town, "firmware_sim.counting", count, name=f"paho-{turn}"))
        ingest_s.append(_taken_in(town, count))
    rate = count / statistics.median(ingest_s)
    bare, paho = (count / statistics.median(found) for found in (bare_s, paho_s))
    yield Measure(
        name="e2e_qos1_ratio",
        value=statistics.median(b / s for b, s in zip(bare_s, ingest_s, strict=True)),
        unit=f"x, {rate:,.0f} messages/s",
        reference=f"bare subscriber {bare:,.0f} messages/s",
        goal=Goal(limit=0.8, is_most=False),
    )
    yield Measure(
        name="e2e_vs_paho_ratio",
        value=statistics.median(p / s for p, s in zip(paho_s, ingest_s, strict=True)),
        unit="x",
        reference=f"stock paho that only counts {paho:,.0f} messages/s",
        goal=Goal(limit=2, is_most=False),
    )


def _drained_by(town: BenchTown, module: str, count: int, *, name: str) -> float:
    """Return the seconds from the first publish until the subscriber has acknowledged `count` messages."""
    argv = [sys.executable, "-m", module, str(town.port), str(count)]
    process, log = town.bench.start(argv, name=name), town.bench.folder / f"{name}.log"
    said_by(log, "ready")
    spent_s = _publish_until(town, count, NOT_READINGS, lambda: "done" in log.read_text(encoding="utf-8"))
    process.wait(timeout=20)
    return spent_s


def _taken_in(town: BenchTown, count: int) -> float:
    """Return the seconds from the first publish until ingest has made `count` readings durable."""
    town.settle()
    before = town.readings()
    spent_s = _publish_until(town, count, READINGS, lambda: town.readings() >= before + count)
    town.settle()
    if town.readings() != before + count or town.stored() != before + count:
        raise AssertionError(f"{before + count} sent, {town.readings()} durable, {town.stored()} stored")
    return spent_s


def _publish_until(town: BenchTown, count: int, root: str, is_done: Callable[[], bool]) -> float:
    client, messages = RawClient(town.port, "bench-publisher"), list(town.messages(count, root=root))
    began_s = time.perf_counter()
    client.publish(messages)
    wait_until(is_done, what=f"{count} messages", timeout_s=120.0)
    spent_s = time.perf_counter() - began_s
    client.close()
    return spent_s
