"""Journal to InfluxDB, held against posting the same lines ready-made: what reading, naming and noting cost."""

from __future__ import annotations

import gzip
import shutil
import socket
import threading
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import httpx

from devices.model import Reading
from devices.site import Site, Town
from ingest.batch import SeriesIndex, batch_from_readings, empty_batch
from ingest.forward import ForwardOptions, open_parts
from ingest.forward_book import Place, Progress
from ingest.forwarder import Forwarder, ForwardParts
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_read import JournalReader
from ingest.pipeline import Outcome
from ingest.run import JOURNAL_FILE
from ingest.store_check import forwarded_stores
from ingest.stores.influx import InfluxParams, InfluxStore
from satomori.bench.model import Bench, Goal, Measure, SkippedError, in_ms, median_ratio

_T0_NS = 1_767_225_600_000_000_000
_BATCH = 5_000
_ROUNDS = 5
_START_S = 30.0


def influx_ratio(bench: Bench) -> Iterable[Measure]:
    """Forward a journal of 100 series, acknowledged; against posting ready-made lines, same batches, same gzip."""
    url = _start_server(bench)
    rows = bench.size(full=50_000, quick=200)
    start = Place(_fill(bench.folder, rows))
    store = {"url": url, "bucket": "b", "batch_points": _BATCH, "timeout_s": 60}
    site = Site(version=1, town=Town(id="bench", name="bench"), store={"influx": store})
    options = ForwardOptions(site=site, data_dir=bench.folder)
    ours_s, ready_s = [], []
    with open_parts("influx", forwarded_stores(site)["influx"], options) as parts:
        bodies = _ready_made(parts, InfluxParams.model_validate(store), start)
        with httpx.Client(timeout=60.0, trust_env=False) as client:
            for _ in range(bench.size(full=_ROUNDS, quick=1)):
                ready_s.append(_post(client, url, bodies))
                ours_s.append(_forward(parts, start))
    yield Measure(
        name="influx_ratio",
        value=median_ratio(ready_s, ours_s),
        reference=f"ready-made lines {in_ms(ready_s)} for {rows} points, ours {in_ms(ours_s)}",
        goal=Goal(limit=0.8, is_most=False),
    )


def _start_server(bench: Bench) -> str:
    binary = shutil.which("victoria-metrics")
    if binary is None:
        raise SkippedError("victoria-metrics is not installed (apt install victoria-metrics)")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder = bench.folder / "victoria"
    bench.start(
        [binary, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}", "-retentionPeriod=100y",
         "-memory.allowedBytes=128MB", "-loggerLevel=ERROR"],
        name="victoria",
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    end_s = time.monotonic() + _START_S
    while time.monotonic() < end_s:
        try:
            if httpx.get(f"{url}/health", timeout=1.0, trust_env=False).status_code == httpx.codes.OK:
                return url
        except httpx.HTTPError:
            threading.Event().wait(0.05)
    raise SkippedError("victoria-metrics does not start here")


def _fill(folder: Path, rows: int) -> int:
    """Write so many rows; return the number of the commit before them."""
    path = folder / JOURNAL_FILE
    writer = JournalWriter.open(path, now_ns=_T0_NS)
    with closing(JournalReader(path)) as reader:
        before_no = reader.commit_no()
    for first in range(0, rows, _BATCH):
        index = SeriesIndex()
        readings = [
            Reading(
                device_id=f"gauge-{i % 100:03}",
                quantity="snow_depth",
                value=(i % 977) / 256,
                observed_ns=_T0_NS + i // 100 * 600 * 10**9 + i % 100,
                received_ns=_T0_NS + i * 10**6,
            )
            for i in range(first, min(rows, first + _BATCH))
        ]
        outcome = Outcome(
            observations=batch_from_readings(readings, index), duplicates=0, conflicts=(), quarantine=(), events=(),
            changed_state={}, series=index, removed=empty_batch(),
        )  # fmt: skip
        writer.commit(JournalBatch(outcome=outcome, now_ns=_T0_NS))
    writer.close()
    return before_no


def _ready_made(parts: ForwardParts, params: InfluxParams, place: Place) -> list[bytes]:
    """Return the very bodies that the forwarder will send."""
    store, bodies = InfluxStore(params), []
    while len(portion := parts.feed.after(place, limit=_BATCH).points):
        bodies.append(store.body_of(portion))
        place = parts.feed.after(place, limit=_BATCH).place
    return bodies


def _post(client: httpx.Client, url: str, bodies: list[bytes]) -> float:
    start_s = time.perf_counter()
    for body in bodies:
        packed = gzip.compress(body)  # the level of influxdb-client
        answer = client.post(
            f"{url}/api/v2/write",
            params={"org": "", "bucket": "b", "precision": "ns"},
            content=packed,
            headers={"Content-Encoding": "gzip"},
        )
        answer.raise_for_status()
    return time.perf_counter() - start_s


def _forward(parts: ForwardParts, start: Place) -> float:
    parts.book.advance(parts.name, Progress(reached=start, settled=start), counts={})
    forwarder = Forwarder(parts, threading.Event())
    start_s = time.perf_counter()
    while forwarder.step():
        pass
    return time.perf_counter() - start_s
