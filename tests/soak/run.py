"""Runs a soak: the town, its load, a look at every process once a second, and the count at the end."""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from devices.clock import Clock
from ingest.journal_fold import BEHIND_ROWS
from ingest.journal_schema import connect_reader
from satomori.mailbox import read_mails
from tests.soak.judge import Course, Sample, after_warm_up, course_of, keeps_up
from tests.soak.load import INTERVAL_S, NETWORK_SHARE, TOWN_MESSAGES_S, TRAPS, Background, Load
from tests.soak.town import START_NS, SoakTown

LOOK_S = 1.0
DRAIN_S = 120.0
_BACKLOG = "SELECT coalesce(sum(rows), 0) FROM batches WHERE commit_no > (SELECT folded_no FROM pulse)"
_JUDGED_NOT = ("broker", "mailbox")
"""Processes that are not ours, or not of a town; their figures are shown only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long, how much town time in it, how many times the load of a town; `warm_up` is a share of the time."""

    minutes: float
    town_hours: float = 24.0
    load: float = 10.0
    warm_up: float = 0.25

    @property
    def speed(self) -> float:
        return self.town_hours * 60 / self.minutes

    @property
    def rate_s(self) -> float:
        """Messages a real second."""
        return TOWN_MESSAGES_S * self.load * self.speed

    @property
    def gauges(self) -> int:
        return int(TOWN_MESSAGES_S * self.load * INTERVAL_S * (1 - NETWORK_SHARE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What came out. `missing`: messages sent whose reading is not in the journal; `drain_s` until the last was."""

    courses: list[Course]
    backlog_most: int
    is_keeping_up: bool
    sent: int
    missing: int
    drain_s: float
    rate_s: float
    counters: dict[str, int]
    mails: int
    restarts: list[str]
    journal_bytes: int

    @property
    def wrong(self) -> list[str]:
        """What was not as it must be."""
        judged = [course for course in self.courses if course.name not in _JUDGED_NOT]
        found = [f"{c.name}: memory grew by {c.growth:.1%}" for c in judged if not c.is_memory_flat]
        found += [f"{c.name}: open files went from {c.files_first:g} to {c.files_last:g}" for c in judged
                  if not c.is_files_flat]  # fmt: skip
        found += [] if self.is_keeping_up else ["folding did not keep up"]
        found += [f"{self.missing} of {self.sent} messages are not in the journal"] if self.missing else []
        return found + self.restarts


@dataclass(slots=True, kw_only=True)
class _Looks:
    town: SoakTown
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    backlogs: list[int] = field(default_factory=list)

    def look(self) -> None:
        self.town.supervisor.look()
        for name, pid in self.town.supervisor.pids().items():
            with suppress(OSError):
                self.samples.setdefault(name, []).append(sample_of(pid))
        with suppress(sqlite3.Error), closing(connect_reader(self.town.folder / "journal.db")) as connection:
            self.backlogs.append(int(connection.execute(_BACKLOG).fetchone()[0]))


def sample_of(pid: int) -> Sample:
    """Look at a process. Raises OSError when it is gone."""
    folder = Path(f"/proc/{pid}")
    line = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("VmRSS:"))
    return Sample(rss_bytes=int(line.split()[1]) * 1024, files=sum(1 for _ in (folder / "fd").iterdir()))


def run(plan: Plan, show: Callable[[float], None], *, folder: Path | None = None) -> Report:
    """Run a soak; `show` is told the share that is done, about once a second."""
    with tempfile.TemporaryDirectory(prefix="satomori-soak-", dir=folder) as name:
        clock = Clock(town_start_ns=START_NS, speed=plan.speed, gate=f"{name}/clock-runs")
        town = SoakTown(folder=Path(name), gauges=plan.gauges, clock=clock)
        try:
            town.start()
            return _run(plan, town, show)
        finally:
            town.stop()


def _run(plan: Plan, town: SoakTown, show: Callable[[float], None]) -> Report:
    load = Load(port=town.broker_port, gauges=plan.gauges, rate_s=plan.rate_s, clock=town.clock)
    sending, reading = Background(work=load.run), Background(work=town.read_page)
    looks, pause = _Looks(town=town), Event()
    sending.start()
    reading.start()
    began_s = time.monotonic()
    while (passed_s := time.monotonic() - began_s) < plan.minutes * 60:
        sending.check()
        looks.look()
        show(passed_s / (plan.minutes * 60))
        pause.wait(LOOK_S)
    sending.end()
    sent_s = time.monotonic() - began_s
    drain_s, missing = _drain(town, load)
    reading.end()
    first = after_warm_up(len(looks.backlogs), share=plan.warm_up)
    return Report(
        courses=[course_of(name, samples[first:]) for name, samples in looks.samples.items()],
        backlog_most=max(looks.backlogs),
        is_keeping_up=keeps_up(looks.backlogs, bound=BEHIND_ROWS),
        sent=load.sent,
        missing=missing,
        drain_s=drain_s,
        rate_s=load.sent / sent_s,
        counters=town.reader.counters(),
        mails=len(read_mails(town.folder / "mailbox")),
        restarts=list(town.restarts),
        journal_bytes=(town.folder / "journal.db").stat().st_size,
    )


def _drain(town: SoakTown, load: Load) -> tuple[float, int]:
    """Wait until all that was sent is stored, for a limited time; return how long that took and what is missing."""
    began_s, pause = time.monotonic(), Event()
    while (missing := load.sent - _stored(town)) and time.monotonic() - began_s < DRAIN_S:
        town.supervisor.look()
        pause.wait(LOOK_S)
    return time.monotonic() - began_s, missing


def _stored(town: SoakTown) -> int:
    """How many messages are in the journal, counted by their readings: of a trap one quantity stands for a message."""
    counts = town.reader.observation_counts()
    gauges = sum(count for (_, quantity), count in counts.items() if quantity == "air_temperature")
    traps = sum(counts.get((f"trap-{number}", "battery"), 0) for number in range(TRAPS))
    return gauges + traps
