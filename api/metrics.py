"""Figures for Prometheus. Read at the moment of the scrape; names as the reliability notes give them, where they apply.

Ages of services are real seconds, ages of readings town seconds. What cannot be read is left out: a missing figure is
an alarm for the monitor, a wrong one is not.
"""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.counted import FORWARD, all_counted
from api.sources import Sources
from api.stream import Hub
from devices.model import SECOND_NS, TransientError
from ingest.forward_book import FORWARD_FILE, STORE_STATES, ForwardReader

_PAGE_BYTES = resource.getpagesize()
_STATES = ("ok", "late", "unknown", "fault")


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One gauge: its values by label value; the label is empty when there is only one value."""

    name: str
    text: str
    label: str
    values: dict[str, float]


class TownCollector(Collector):
    """Collects all figures from the stores and the hub."""

    def __init__(self, sources: Sources, hub: Hub) -> None:
        self._sources = sources
        self._hub = hub

    def describe(self) -> Iterable[Metric]:
        """Return nothing: registering must not read the stores."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; those of a store that cannot be read just now are left out."""
        for source in (
            self._machine, self._stream, self._journal, self._alerts, self._forward, self._counted,
        ):  # fmt: skip
            try:
                yield from list(source())
            except (TransientError, OSError):
                continue

    def _machine(self) -> Iterator[Metric]:
        folder = self._sources.settings.data_dir
        wal = {path.name: float(path.stat().st_size) for path in sorted(folder.glob("*.db-wal"))}
        site = self._sources.settings.site.model_dump_json().encode()
        yield _gauge("satomori_disk_free_bytes", "Free space of the data folder.", shutil.disk_usage(folder).free)
        yield _gauges(Gauge(name="satomori_wal_bytes", text="Size of write-ahead logs.", label="file", values=wal))
        yield _gauge("satomori_rss_bytes", "Memory of this process.", _rss_bytes())
        sha = {hashlib.sha256(site).hexdigest()[:12]: 1.0}
        yield _gauges(Gauge(name="satomori_config_info", text="Which site is loaded.", label="sha", values=sha))

    def _stream(self) -> Iterator[Metric]:
        yield _gauge("satomori_stream_clients", "Clients of the live stream.", self._hub.client_count)
        yield _counter("satomori_stream_chunks", "Chunks handed on to the live stream.", self._hub.chunks_total)
        yield _counter("satomori_stream_dropped", "Clients dropped as too slow.", self._hub.dropped_total)

    def _journal(self) -> Iterator[Metric]:
        journal = self._sources.journal
        counts = journal.counters()
        yield _counter("satomori_readings_stored", "Observations written.", counts.get("observations", 0))
        yield _counter("satomori_readings_duplicate", "Readings that were already there.", counts.get("duplicates", 0))
        yield _counter("satomori_events", "Events concluded.", counts.get("events", 0))
        yield _quarantine(counts)
        gaps: Counter[str] = Counter()
        for gap in journal.gaps():
            gaps[gap.publisher] += gap.last_row - gap.first_row + 1
        yield _gauges(
            Gauge(name="satomori_gap_rows", text="Spool rows lost for good.", label="gateway", values=_floats(gaps))
        )
        yield from self._ages()

    def _ages(self) -> Iterator[Metric]:
        rows = self._sources.journal.latest()
        now_ns = self._sources.now().now_ns
        heard: dict[str, int] = {}
        for row in rows:
            heard[row.device_id] = max(heard.get(row.device_id, 0), row.heard_ns)
        ages = {key: (now_ns - ns) / SECOND_NS for key, ns in heard.items() if ns}
        text = "Town seconds since a device last spoke."
        yield _gauges(Gauge(name="satomori_last_reading_age_seconds", text=text, label="sensor", values=ages))
        health = self._sources.health(rows)
        parts = {part.part: float(_STATES.index(part.state)) for part in (*health.parts, *health.gateways)}
        text = "State of a part: 0 ok, 1 late, 2 unknown, 3 fault."
        yield _gauges(Gauge(name="satomori_part_state", text=text, label="part", values=parts))

    def _alerts(self) -> Iterator[Metric]:
        open_by_class = Counter(str(alert.severity) for alert in self._sources.open_alerts())
        text = "Alerts that are not resolved."
        yield _gauges(Gauge(name="satomori_alerts_open", text=text, label="class", values=_floats(open_by_class)))
        at = self._sources.now()
        beats = {"ingest": self._sources.journal.heartbeat_ns(), "alerts": self._sources.notices.heartbeat_ns()}
        ages = {service: at.real_age_s(beat_ns) for service, beat_ns in beats.items() if beat_ns}
        text = "Real seconds since a service said that it works."
        yield _gauges(Gauge(name="satomori_heartbeat_age_seconds", text=text, label="service", values=ages))

    def _forward(self) -> Iterator[Metric]:
        reader = ForwardReader(self._sources.settings.data_dir / FORWARD_FILE)
        text = "Points on their way to a store: " + "; ".join(f"{name}: {en}" for name, (_, en) in FORWARD.items())
        family = CounterMetricFamily("satomori_forward", text, labels=["store", "what"])
        for (store, what), count in reader.counters().items():
            family.add_metric([store, what], count)
        yield family
        states = {status.store: float(STORE_STATES.index(status.state)) for status in reader.statuses()}
        text = "State of a store: 0 ok, 1 copying the history, 2 away, 3 refusing everything."
        yield _gauges(Gauge(name="satomori_forward_state", text=text, label="store", values=states))

    def _counted(self) -> Iterator[Metric]:
        """Yield each counter of the intake and of the gateways under its own name, with what it means."""
        families: dict[str, CounterMetricFamily] = {}
        for one in all_counted(self._sources):
            kind, _, owner = one.source.partition(":")
            if kind == "store":
                continue
            name = f"satomori_{kind}_{one.name}"
            labels = [kind] if owner else []
            family = families.setdefault(name, CounterMetricFamily(name, one.texts[1], labels=labels))
            family.add_metric([owner] if owner else [], one.value)
        yield from families.values()


def open_registry(sources: Sources, hub: Hub) -> CollectorRegistry:
    """Return a registry of this application alone."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(TownCollector(sources, hub))
    return registry


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _gauges(gauge: Gauge) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.text, labels=[gauge.label])
    for key, value in sorted(gauge.values.items()):
        family.add_metric([key], value)
    return family


def _counter(name: str, text: str, value: float) -> Metric:
    return CounterMetricFamily(name, text, value=value)


def _quarantine(counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily("satomori_quarantine", "Input that became no reading.", labels=["reason"])
    for reason, count in quarantine_counts(counts).items():
        family.add_metric([reason], count)
    return family


def quarantine_counts(counts: dict[str, int]) -> dict[str, int]:
    """Return the journal's counters of quarantined input by reason."""
    prefix = "quarantined."
    return {name.removeprefix(prefix): count for name, count in sorted(counts.items()) if name.startswith(prefix)}


def _floats(counts: Counter[str]) -> dict[str, float]:
    return {key: float(value) for key, value in counts.items()}


def _rss_bytes() -> float:
    fields = Path(f"/proc/{os.getpid()}/statm").read_text(encoding="ascii").split()
    return float(fields[1]) * _PAGE_BYTES
