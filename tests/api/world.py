"""A small town with its files as ingest and alerts write them, for tests of the page and the API."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from alerts.model import Alert, AlertState
from alerts.rows import ALERT_COLUMNS, alert_row
from alerts.schema import ALERTS_SCHEMA, open_writer
from api.sources import ApiSettings
from devices.clock import Clock
from devices.model import SECOND_NS, EventState, Severity
from devices.site import Site
from devices.site_file import load_site
from ingest.journal_schema import SCHEMA, connect_writer

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


class JournalFile:
    """Writes `journal.db` with the tables of ingest, one commit a call."""

    def __init__(self, path: Path) -> None:
        self._connection = connect_writer(path)
        if not self._connection.execute("PRAGMA user_version").fetchone()[0]:
            for statement in SCHEMA:
                self._connection.execute(statement)

    def readings(self, rows: Iterable[Row]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        commit_no = self._next("commit_no")
        for row in rows:
            self._reading(row, commit_no)
        self._connection.execute("COMMIT")

    def reading(self, device_id: str, quantity: str, value: float, *, observed_ns: int, flag: int = 1) -> None:
        self.readings([Row(device_id=device_id, quantity=quantity, value=value, observed_ns=observed_ns, flag=flag)])

    def event(self, subject: str, *, observed_ns: int, rule_id: str = "deep-snow", value: float = 1.2) -> int:
        self._connection.execute("BEGIN IMMEDIATE")
        commit_no, event_no = self._next("commit_no"), self._next("event_no")
        self._connection.execute(
            "INSERT INTO event_log VALUES (?, ?, ?, ?, ?, ?, 'snow_depth', ?, ?, ?, ?, ?, ?)",
            (event_no, commit_no, f"{event_no:032x}", rule_id, subject, subject, EventState.RAISED.value,
             int(Severity.CRITICAL), observed_ns, observed_ns, value, math.nan),
        )  # fmt: skip
        self._connection.execute("COMMIT")
        return event_no

    def quarantine(self, reason: str, *, raw: bytes, received_ns: int, detail: str = "bytes do not decode") -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._next("commit_no")
        self._connection.execute(
            "INSERT INTO quarantine (publisher, device_id, reason, detail, raw, received_ns, last_received_ns, count)"
            " VALUES ('gw-01', 'snow-17', ?, ?, ?, ?, ?, 1)",
            (reason, detail, raw, received_ns, received_ns),
        )
        for name in ("quarantined", f"quarantined.{reason}"):
            self._connection.execute(
                "INSERT INTO counters VALUES (?, 1) ON CONFLICT DO UPDATE SET value = value + 1", (name,)
            )
        self._connection.execute("COMMIT")

    def beat(self, now_ns: int) -> None:
        self._connection.execute("UPDATE pulse SET heartbeat_ns = ?", (now_ns,))

    def close(self) -> None:
        self._connection.close()

    def _next(self, column: str) -> int:
        self._connection.execute(f"UPDATE pulse SET {column} = {column} + 1")
        number: int = self._connection.execute(f"SELECT {column} FROM pulse").fetchone()[0]
        return number

    def _reading(self, row: Row, commit_no: int) -> None:
        execute = self._connection.execute
        execute("INSERT OR IGNORE INTO series (device_id, quantity) VALUES (?, ?)", (row.device_id, row.quantity))
        series_id = execute(
            "SELECT series_id FROM series WHERE device_id = ? AND quantity = ?", (row.device_id, row.quantity)
        ).fetchone()[0]
        value = None if math.isnan(row.value) else row.value
        execute(
            "INSERT OR REPLACE INTO observations VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (series_id, row.observed_ns, row.seq, row.observed_ns, value, row.flag, row.resent),
        )
        heard_ns = 0 if row.resent else row.observed_ns
        execute(
            "INSERT OR REPLACE INTO latest VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (series_id, value, row.flag, row.observed_ns, row.seq, row.observed_ns, heard_ns, commit_no),
        )


class AlertsFile:
    """Writes `alerts.db` with the tables of the alert service."""

    def __init__(self, path: Path) -> None:
        self._connection: sqlite3.Connection = open_writer(path, ALERTS_SCHEMA)

    def put(self, alert: Alert) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.execute("UPDATE pulse SET change_no = change_no + 1")
        change_no = self._connection.execute("SELECT change_no FROM pulse").fetchone()[0]
        row = alert_row(replace(alert, change_no=change_no))
        values = [None if isinstance(value, float) and math.isnan(value) else value for value in row]
        marks = ", ".join("?" * len(values))
        self._connection.execute(f"INSERT OR REPLACE INTO alerts ({ALERT_COLUMNS}) VALUES ({marks})", values)
        self._connection.execute("COMMIT")

    def beat(self, now_ns: int) -> None:
        self._connection.execute("UPDATE pulse SET heartbeat_ns = ?", (now_ns,))

    def close(self) -> None:
        self._connection.close()


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
        self.journal = JournalFile(folder / "journal.db")
        self.alerts = AlertsFile(folder / "alerts.db")

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
