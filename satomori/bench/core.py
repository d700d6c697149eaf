"""Figures of the core, without broker and disk: pipeline, one reading at a time, decoding, growth."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

import msgspec

from devices.model import SECOND_NS, Reading
from devices.senml import encode_readings
from ingest import bench_core
from satomori.bench.model import Bench, Goal, Measure, in_ms, median_ratio

_PACK_RECORDS = 200


def core_ratio(bench: Bench) -> Iterator[Measure]:
    """The whole pipeline on batches of 4,096 readings, against one lexsort of the same batch."""
    batch = bench.size(full=4_096, quick=64)
    for series in (1_000,) if bench.is_quick else (1_000, 100_000):
        found = bench_core.core_against_sort(
            series=series, batch=batch, rounds=bench.size(full=40 if series == 1_000 else 12, quick=2)
        )
        per_s = batch / statistics.median(found.subject_s)
        yield Measure(
            name="core_ratio" if series == 1_000 else f"core_ratio_{series}",
            value=median_ratio(found.subject_s, found.reference_s),
            unit=f"x at {series} series, {per_s:,.0f} readings/s",
            reference=f"one lexsort {in_ms(found.reference_s)}",
            goal=Goal(limit=8),
        )


def core_vs_loop_ratio(bench: Bench) -> Iterator[Measure]:
    """How many times faster than a scalar loop that says the same; that it does is checked in every round."""
    found = bench_core.core_against_loop(
        series=1_000, batch=bench.size(full=4_096, quick=1_500), rounds=bench.size(full=30, quick=2)
    )
    yield Measure(
        name="core_vs_loop_ratio",
        value=median_ratio(found.reference_s, found.subject_s),
        unit="x",
        reference=f"scalar loop {in_ms(found.reference_s)}",
        goal=Goal(limit=4, is_most=False),
    )


def core_single_us(bench: Bench) -> Iterator[Measure]:
    """One reading alone, from Reading to Outcome."""
    found = bench_core.core_one_by_one(series=1_000, rounds=bench.size(full=300, quick=3))
    yield Measure(
        name="core_single_us", value=statistics.median(found) * 1e6, unit="us at 1000 series", goal=Goal(limit=400)
    )


class _Record(msgspec.Struct):
    n: str
    t: float
    u: str = ""
    v: float = float("nan")
    received: float = 0.0
    clock: str = ""
    seq: int = -1
    bad: bool = False


def decode_ratio(bench: Bench) -> Iterator[Measure]:
    """SenML JSON packs to columns, against msgspec decoding the same bytes to typed structs."""
    packs = [_pack(number) for number in range(bench.size(full=20, quick=1))]
    decoder, subject = msgspec.json.Decoder(list[_Record]), bench_core.PackColumns(_PACK_RECORDS)
    reference_s, subject_s = [], []
    for _ in range(bench.size(full=15, quick=2)):
        began_s = time.process_time()
        records = sum(len(decoder.decode(pack)) for pack in packs)
        reference_s.append(time.process_time() - began_s)
        began_s = time.process_time()
        rows = len(subject.read(packs, arrived_ns=bench_core.START_NS + 10**15))
        subject_s.append(time.process_time() - began_s)
        if rows != records:
            raise AssertionError(f"{rows} readings of {records} records")
    yield Measure(
        name="decode_ratio",
        value=median_ratio(subject_s, reference_s),
        unit=f"x, {records / statistics.median(subject_s):,.0f} readings/s",
        reference=f"msgspec to structs {in_ms(reference_s)} for {records} records",
        goal=Goal(limit=2),
    )


def _pack(number: int) -> bytes:
    """Return a pack as a gateway sends it."""
    readings = [
        Reading(
            device_id=f"d{place % 50:06d}",
            quantity=bench_core.MEASURED[place % 4],
            value=2.0 + (place * 7 + number) % 97 / 1000,
            observed_ns=bench_core.START_NS + (number * _PACK_RECORDS + place) * SECOND_NS,
            received_ns=bench_core.START_NS + (number * _PACK_RECORDS + place) * SECOND_NS + 1_500,
            clock="device",
            seq=number,
        )
        for place in range(_PACK_RECORDS)
    ]
    head = b'[{"epoch":"bench","floor":1,'
    return head + encode_readings(readings)[2:]


def scaling_exponent(bench: Bench) -> Iterator[Measure]:
    """How cost grows with the number of series, and with the batch: 1 is in proportion."""
    sizes = [400, 800] if bench.is_quick else [1_000, 10_000, 200_000]
    costs_s = [bench_core.sweep_cost(series, sweeps=1 if series >= 10_000 else 4) * series for series in sizes]
    yield Measure(
        name="scaling_exponent",
        value=bench_core.exponent(sizes, costs_s),
        unit=f"for {sizes[0]} to {sizes[-1]} series",
        goal=Goal(limit=1.1),
    )
    batches = [64, 128] if bench.is_quick else [4_096, 16_384, 65_536]
    costs_s = [bench_core.batch_cost(batch, series=1_000, rounds=bench.size(full=3, quick=1)) for batch in batches]
    yield Measure(
        name="scaling_exponent_batch",
        value=bench_core.exponent(batches, costs_s),
        unit=f"for batches of {batches[0]} to {batches[-1]}",
        goal=Goal(limit=1.1),
    )


_MEMORY = """
import resource, sys
from ingest.bench_core import Core
def kib():
    return int(next(line for line in open('/proc/self/status') if line.startswith('VmRSS')).split()[1])
small = Core(400); small.take(small.load.batch(400))
core = Core(int(sys.argv[1]))
rows = core.load.batch(int(sys.argv[1]))
before = kib()
core.pipeline.series.__len__(); core.take(rows)
print((kib() - before) * 1024 / int(sys.argv[1]))
"""


def state_bytes_per_series(bench: Bench) -> Iterator[Measure]:
    """Memory that a series takes once it was heard, its row of the last day among it; in a process of its own."""
    series = bench.size(full=20_000, quick=4_000)
    argv = [sys.executable, "-c", _MEMORY, str(series)]
    found = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=200)
    yield Measure(
        name="state_bytes_per_series", value=float(found.stdout), unit=f"bytes at {series} series", goal=Goal(limit=400)
    )
