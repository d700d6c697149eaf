"""A small town with its files as ingest and alerts write them, for tests of the page and the API."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alerts.model import Acknowledgement, Alert, AlertState
from alerts.store import open_store
from api.sources import ApiSettings
from devices.clock import Clock
from devices.model import SECOND_NS, Event, EventState, QuarantineRow, Reading, Severity
from devices.site import Site
from devices.site_file import load_site
from ingest.batch import SeriesIndex, batch_from_readings, empty_batch
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_schema import connect_writer
from ingest.pipeline import Outcome

HOUR_NS = 3600 * SECOND_NS


def small_site() -> Site:
    """Give a site with one station of each domain, a gateway and a home."""
    return load_site(Path(__file__).with_name("town.toml"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One reading as ingest would store it."""

    device_id: str
    quantity: str
    value: float
    observed_ns: int
    flag: int = 1
    seq: int = -1
    resent: bool = False

    def reading(self) -> Reading:
        return Reading(
            device_id=self.device_id,
            quantity=self.quantity,
            value=self.value,
            observed_ns=self.observed_ns,
            received_ns=self.observed_ns,
            seq=self.seq if self.seq >= 0 else None,
            resent=self.resent,
        )


class JournalFile:
    """`journal.db` by the writer of ingest, one commit a call."""

    def __init__(self, path: Path, *, now_ns: int) -> None:
        self._writer = JournalWriter.open(path, now_ns=now_ns)
        self._connection = connect_writer(path)

    def readings(self, rows: Iterable[Row]) -> None:
        index = SeriesIndex()
        flags: dict[tuple[int, int], int] = {}
        readings: list[Reading] = []
        for row in rows:
            flags[index.id_of(row.device_id, row.quantity), row.observed_ns] = row.flag
            readings.append(row.reading())
        batch = batch_from_readings(readings, index)
        keys = zip(batch.series.tolist(), batch.observed_ns.tolist(), strict=True)
        flagged = replace(batch, flag=np.array([flags[key] for key in keys], dtype=np.uint8))
        self._commit(replace(_nothing(index), observations=flagged))

    def reading(self, device_id: str, quantity: str, value: float, *, observed_ns: int, flag: int = 1) -> None:
        self.readings([Row(device_id=device_id, quantity=quantity, value=value, observed_ns=observed_ns, flag=flag)])

    def event(self, subject: str, *, observed_ns: int) -> None:
        event = Event(
            event_id=f"{observed_ns:032x}",
            rule_id="deep-snow",
            subject=subject,
            device_id=subject,
            quantity="snow_depth",
            state=EventState.RAISED,
            severity=Severity.CRITICAL,
            observed_ns=observed_ns,
            detected_ns=observed_ns,
            value=1.2,
            limit=math.nan,
        )
        self._commit(replace(_nothing(SeriesIndex()), events=(event,)))

    def quarantine(self, reason: str, *, raw: bytes, received_ns: int, detail: str = "bytes do not decode") -> None:
        row = QuarantineRow(
            publisher="gw-01", device_id="snow-17", reason=reason, detail=detail, raw=raw, received_ns=received_ns
        )
        self._commit(replace(_nothing(SeriesIndex()), quarantine=(row,)))

    def duplicates(self, count: int) -> None:
        self._commit(replace(_nothing(SeriesIndex()), duplicates=count))

    def beat(self, now_ns: int) -> None:
        self._connection.execute("UPDATE pulse SET heartbeat_ns = ?", (now_ns,))

    def close(self) -> None:
        self._connection.close()
        self._writer.close()

    def _commit(self, outcome: Outcome) -> None:
        # The heartbeat of the file is what `beat` set last, not the time of this commit.
        heartbeat_ns = self._connection.execute("SELECT heartbeat_ns FROM pulse").fetchone()[0]
        self._writer.commit(JournalBatch(outcome=outcome, now_ns=heartbeat_ns))


def _nothing(index: SeriesIndex) -> Outcome:
    return Outcome(
        observations=empty_batch(),
        duplicates=0,
        conflicts=(),
        quarantine=(),
        events=(),
        changed_state={},
        series=index,
    )


class AlertsFile:
    """`alerts.db` by the store of the alert service."""

    def __init__(self, path: Path, *, now_ns: int) -> None:
        self.store = open_store(path, now_ns=now_ns)

    def put(self, alert: Alert) -> None:
        with self.store.transaction():
            self.store.save(alert, None, ())

    def acknowledge(self, order: Acknowledgement) -> None:
        with self.store.transaction():
            self.store.acknowledge(order)

    def beat(self, now_ns: int) -> None:
        self.store.beat(now_ns)

    def close(self) -> None:
        self.store.close()


def an_alert(
    alert_id: str = "a" * 32,
    *,
    opened_ns: int,
    subject: str = "snow-17",
    severity: Severity = Severity.CRITICAL,
) -> Alert:
    """Give a firing alert of deep snow at the road."""
    return Alert(
        alert_id=alert_id, case_no=f"2026-{alert_id[:4]}", rule_id="deep-snow", subject=subject, device_id="snow-17",
        station_id="road-17", domain="snow", quantity="snow_depth", state=AlertState.FIRING, severity=severity,
        opened_ns=opened_ns, observed_ns=opened_ns, value=1.23, limit=1.2, event_id=alert_id,
        text_ja="【除雪の目安】国道17号 三俣 積雪123cm（基準120cm）",
        text_ja_easy="雪（ゆき）が たくさん ふりました。国道17号 三俣 123cmです。",
        text_en="Snow depth at Route 17 Mitsumata is 123 cm (threshold 120 cm)",
    )  # fmt: skip


class World:
    """A data folder with both files, and the settings of an application over it; real time unless `clock` is given."""

    def __init__(self, folder: Path, *, site: Site | None = None, clock: Clock | None = None) -> None:
        self.folder = folder
        self.site = site or small_site()
        self.clock = clock or Clock()
        self.journal = JournalFile(folder / "journal.db", now_ns=self.now_ns())
        self.alerts = AlertsFile(folder / "alerts.db", now_ns=self.now_ns())

    @property
    def settings(self) -> ApiSettings:
        return ApiSettings(site=self.site, data_dir=self.folder, clock=self.clock)

    def now_ns(self) -> int:
        return self.clock.now_ns()

    def beat(self) -> None:
        self.journal.beat(self.now_ns())
        self.alerts.beat(self.now_ns())

    def history(self, device_id: str, quantity: str, *, values: Iterable[float], step_s: int = 600) -> None:
        """Store `values` as a record that ends now, one every `step_s`."""
        all_values = list(values)
        start_ns = self.now_ns() - (len(all_values) - 1) * step_s * SECOND_NS
        times_ns = [start_ns + i * step_s * SECOND_NS for i in range(len(all_values))]
        self.journal.readings(
            Row(device_id=device_id, quantity=quantity, value=value, observed_ns=observed_ns)
            for value, observed_ns in zip(all_values, times_ns, strict=True)
            if not math.isnan(value)
        )

    def close(self) -> None:
        self.journal.close()
        self.alerts.close()
