"""The hub (pipeline and journal) beside the plain model: both take in the same, and must say the same."""

from __future__ import annotations

import math
import shutil
import sqlite3
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devices.model import Reading
from devices.quantities import QUANTITIES
from ingest.events import effective_events
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_faults import StorageError
from ingest.journal_read import JournalReader
from ingest.journal_upkeep import Keep
from ingest.pipeline import Pipeline
from tests.ingest.core_town import SECOND_NS, T0_NS, device, rule, town
from tests.ingest.journal_cases import connection_of
from tests.ingest.plain_hub import Contents, Name, PlainHub, Threshold, Told, Town

LATENESS_S = 900
FRESH_S = 900
DAY_S = 86_400
PAUSE_S = 3_600
AIR, METER, DOOR, TRAP = (
    ("air", "air_temperature"),
    ("meter", "probe_temperature"),
    ("door", "contact_open"),
    ("trap", "contact_open"),
)
VALUES: dict[tuple[str, str], tuple[float, ...]] = {
    AIR: (12.0, 12.0, 10.0, 9.0, 8.0, 5.0, 5.0, math.nan, 60.0, 60.1, -80.1),
    METER: (4.0, 5.0, 6.0, 7.0, 9.0, 9.0),
    DOOR: (0.0, 0.0, 1.0, 1.0, math.nan),
    TRAP: (0.0, 1.0),
}
COUNTED = (METER, TRAP)

HOT = Threshold(
    name="hot", quantity="air_temperature", raise_at=10.0, clear_at=8.0,
    hold_ns=120 * SECOND_NS, clear_hold_ns=60 * SECOND_NS,
)  # fmt: skip
COLD = Threshold(name="cold", quantity="probe_temperature", raise_at=5.0, clear_at=7.0, sign=-1)

SITE = town(
    device("air", more="expected_interval_s = 300"),
    device("meter", more="expected_interval_s = 300"),
    device("door", model="aqara_mccgq11lm", station="woods", more="expected_interval_s = 300"),
    device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 300"),
    rule(
        "hot", "threshold", params="raise_at = 10.0, clear_at = 8.0, hold_s = 120, clear_hold_s = 60",
        more='quantity = "air_temperature"',
    ),
    rule(
        "cold", "threshold", params='raise_at = 5.0, clear_at = 7.0, direction = "below"',
        more='quantity = "probe_temperature"',
    ),
    rule("sprung", "contact_event", params="rearm_s = 60, lost_after_s = 86400"),
    rule("silent", "silent", params="intervals = 2.0, grace_s = 60"),
    lateness_s=LATENESS_S,
)  # fmt: skip
DEVICES = ("air", "meter", "door", "trap")
PLAIN = Town(
    limits={name: (QUANTITIES[name].lo, QUANTITIES[name].hi) for _, name in VALUES},
    silent_after_ns=dict.fromkeys(DEVICES, 660 * SECOND_NS),
    fresh_ns=dict.fromkeys(DEVICES, FRESH_S * SECOND_NS),
    thresholds=(HOT, COLD),
    lateness_ns=LATENESS_S * SECOND_NS,
    rearm_ns=60 * SECOND_NS,
    lost_ns=DAY_S * SECOND_NS,
    ahead_ns=300 * SECOND_NS,
)

# nothing is thinned: the model forgets nothing
KEEP = Keep(raw_days=100_000, points_days=100_000)

Sent = tuple[tuple[object, ...], Reading]
"""What it is a copy of, and the copy."""


@dataclass(kw_only=True)
class BothHubs:
    """A town's two hubs. `reached` collects what happened; `outbox` is what the broker holds for the hub."""

    folder: Path
    reached: Counter[str]
    now_s: int = 0
    outbox: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.files = self.batches = self.saved_due_ns = 0
        self.path = self._new_path()
        self.writer = JournalWriter.open(self.path, now_ns=self.now_ns, keep=KEEP)
        self.reader = JournalReader(self.path)
        self.pipeline = Pipeline(SITE)
        self.model = PlainHub(town=PLAIN, born_ns=self.now_ns)
        self.process(0)

    def close(self) -> None:
        self.writer.abandon()
        self.reader.close()

    @property
    def now_ns(self) -> int:
        return T0_NS + self.now_s * SECOND_NS

    def _new_path(self) -> Path:
        self.files += 1
        folder = self.folder / str(self.files)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return folder / "journal.db"

    def tend(self) -> None:
        """Fold all that waits, and whatever else commits have put off."""
        while self.writer.tend(now_ns=self.now_ns, is_forced=True):
            self.reached["fold"] += 1
        self.is_checked = False

    def kill(self, away_s: int) -> None:
        """End without a farewell; what is on the disk at that moment is what the next one finds."""
        old, self.path = self.path, self._new_path()
        for name in ("journal.db", "journal.db-wal"):
            with suppress(FileNotFoundError):
                shutil.copy(old.with_name(name), self.path.with_name(name))
        self.writer.abandon()
        self.reader.close()
        shutil.rmtree(old.parent)
        self.now_s += away_s
        self.writer = JournalWriter.open(self.path, now_ns=self.now_ns, keep=KEEP)
        self.reader = JournalReader(self.path)
        self.pipeline = Pipeline(SITE, snapshot=self.writer.read_snapshot())
        self.pipeline.resume(self.now_ns)
        self.model.due_ns = self.saved_due_ns
        if self.now_ns - self.saved_due_ns > 60 * SECOND_NS:
            self.model.away.append((self.saved_due_ns, self.now_ns))
            self.reached["away"] += 1
        self.process(0)

    def process(self, count: int, *, fault: str = "none") -> None:
        """Take the first `count` of the outbox in, as one batch; 0 is a tick."""
        chosen = self.outbox[:count]
        outcome = self.pipeline.process([one for _, one in chosen], now_ns=self.now_ns)
        self.batches += 1
        batch = JournalBatch(outcome=outcome, now_ns=self.now_ns, batch_id=f"batch-{self.batches}")
        if fault == "kill":
            self.reached["kill before commit"] += 1
            self.kill(0)
            return
        if fault == "disk":
            self._fail_once(batch)
        self.writer.commit(batch)
        if fault == "answer lost":
            self.writer.commit(batch)
        self.model.take(chosen, now_ns=self.now_ns)
        if outcome.changed_state:
            self.saved_due_ns = self.model.due_ns
        self.reached["removed"] += len(outcome.removed)
        self.is_checked = False
        if fault == "kill after":
            # committed and not acknowledged: it comes again
            self.kill(0)
            return
        del self.outbox[:count]

    def _fail_once(self, batch: JournalBatch) -> None:
        """Let the disk fail somewhere in the transaction; nothing of it is there."""
        connection_of(self.writer).set_progress_handler(lambda: 1, 40)
        try:
            self.writer.commit(batch)
        except StorageError:
            self.reached["failed commit"] += 1
        with suppress(sqlite3.ProgrammingError):
            connection_of(self.writer).set_progress_handler(None, 0)

    def check(self) -> None:
        """Compare all that both say, if anything may have changed since the last time."""
        if self.is_checked:
            return
        self.is_checked = True
        rows = self.model.rows()
        assert self._stored() == rows
        assert self._latest() == self._newest_of(rows)
        assert self._events() == self.model.events()
        assert self._counters() == {name: n for name, n in self.model.counters.items() if n}
        assert self._quarantined() == self.model.counters["quarantined"]
        self._note_reached()

    def _stored(self) -> dict[Name, Contents]:
        found: dict[Name, Contents] = {}
        for series in self.reader.series():
            for row in self.reader.observations(series.device_id, series.quantity, from_ns=0, to_ns=2**62, limit=10**6):
                seq = -1 if row.seq is None else row.seq
                name = (series.device_id, series.quantity, row.observed_ns, seq)
                found[name] = (row.received_ns, repr(row.value), row.flag)
        return found

    def _latest(self) -> dict[tuple[str, str], tuple[Any, ...]]:
        return {
            (row.device_id, row.quantity): (row.observed_ns, row.received_ns, repr(row.value), row.flag, row.heard_ns)
            for row in self.reader.latest()
        }

    def _newest_of(self, rows: dict[Name, Contents]) -> dict[tuple[str, str], tuple[Any, ...]]:
        newest = {
            name[:2]: (name[2], *contents, self.model.heard_ns[name[:2]]) for name, contents in sorted(rows.items())
        }
        return dict(newest)

    def _events(self) -> set[Told]:
        told = [row.event for row in self.reader.events_after(0, limit=10**6)]
        return {
            Told(event.event_id, event.state.value, event.observed_ns, repr(event.value), repr(event.limit))
            for event in effective_events(told)
        }

    def _counters(self) -> dict[str, int]:
        counters = self.reader.counters()
        wanted = [name for name in counters if name.startswith("quarantined") or name in ("duplicates", "conflicts")]
        return {name: counters[name] for name in wanted if counters[name]}

    def _quarantined(self) -> int:
        return sum(row.count for row in self.reader.quarantine(limit=10**6))

    def _note_reached(self) -> None:
        self.reached.update(name for name, n in self.model.counters.items() if n)
        self.reached.update(
            f"{event.rule_id} {event.state.value}"
            for event in (row.event for row in self.reader.events_after(0, limit=10**6))
        )
