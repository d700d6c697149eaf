"""The journal's twin: one transaction a batch on dicts, with the real arithmetic of receipts and the real batch rules.

Real: `merge`, `record`, `Ledger`, the rule that a batch's name is written once, event numbers above the clock.
Modelled: the tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from devices.model import Event
from ingest import receipts as arithmetic
from ingest.journal import CommitResult, JournalBatch
from ingest.journal_faults import JournalDamagedError, StorageError
from ingest.receipts import Ledger, count_rows, subtract
from tests.simulation.parts import Process, SpoolKey, Truth, Violation

RowName = tuple[str, int, int]
"""Device, observed time, counter (-1 = none)."""


class EventLine(NamedTuple):
    event_no: int
    commit_no: int
    event: Event


@dataclass(slots=True)
class Tables:
    """What is durable; replaced as a whole by a commit, so that a copy costs nothing but the dicts."""

    observations: dict[RowName, float] = field(default_factory=dict)
    events: tuple[EventLine, ...] = ()
    state: dict[str, object] = field(default_factory=dict)
    ledgers: dict[SpoolKey, Ledger] = field(default_factory=dict)
    batch_id: str = ""
    commit_no: int = 0
    event_no: int = 0
    gap_rows: int = 0
    journal_id: str = "1"

    def copy(self) -> Tables:
        return Tables(
            dict(self.observations), self.events, dict(self.state), dict(self.ledgers), self.batch_id, self.commit_no,
            self.event_no, self.gap_rows, self.journal_id,
        )  # fmt: skip


class JournalTwin:
    """`ingest.consume.Journal` and `alerts.consume.Journal` in one."""

    def __init__(self, process: Process, truth: Truth, fault: str) -> None:
        self.tables = Tables()
        self.backup: Tables | None = None
        self.refuses = 0
        self.is_damaged = False
        self.process, self.fault = process, fault
        self._truth = truth
        self._files = 1

    def open(self, *, now_ns: int) -> None:
        """As `JournalWriter` at its start: numbers go on above the clock."""
        if self.fault != "event_numbers_reused":
            floor = now_ns // 1_000
            self.tables.commit_no = max(self.tables.commit_no, floor)
            self.tables.event_no = max(self.tables.event_no, floor)

    def back_up(self) -> None:
        self.backup = self.tables.copy()

    def restore(self) -> None:
        """Put back the last backup, if there is one."""
        if self.backup is not None:
            self.tables = self.backup.copy()

    def begin_anew(self, *, now_ns: int) -> None:
        """The damaged file is set aside, a new one begun."""
        self.is_damaged = False
        self._files += 1
        self.tables = Tables(journal_id=str(self._files))
        self.open(now_ns=now_ns)

    @property
    def ledgers(self) -> Mapping[SpoolKey, Ledger]:
        return self.tables.ledgers

    def commit(self, batch: JournalBatch) -> CommitResult:
        if self.is_damaged:
            raise JournalDamagedError("journal: the file is damaged")
        spools = arithmetic.merge(batch.receipts)
        is_repeated = bool(batch.batch_id) and batch.batch_id == self.tables.batch_id
        if not is_repeated or self.fault == "batch_name_ignored":
            if self.refuses > 0:
                self.refuses -= 1
                raise StorageError("journal: the disk is full")
            self.process.point()
            self._write(batch, spools)
            self.process.point()
            if self.refuses < 0:
                self.refuses = 0
                raise StorageError("journal: the disk failed after the write was durable")
        tables = self.tables
        return CommitResult(
            commit_no=tables.commit_no,
            event_no=tables.event_no,
            receipts={key: tables.ledgers[key] for key in spools},
        )

    def journal_id(self) -> str:
        return self.tables.journal_id

    def events_after(self, event_no: int, *, limit: int = 500) -> list[EventLine]:
        events = self.tables.events
        if not events or events[-1].event_no <= event_no:
            return []
        return [line for line in events if line.event_no > event_no][:limit]

    def heartbeat_ns(self) -> int:
        return 0

    def _write(self, batch: JournalBatch, spools: Mapping[SpoolKey, arithmetic.Heard]) -> None:
        tables = self.tables.copy()
        outcome = batch.outcome
        tables.batch_id = batch.batch_id
        for name in outcome.removed:  # type: ignore[attr-defined]
            tables.observations.pop(name, None)
        tables.observations.update(outcome.observations.series)
        if len(outcome.observations.series) or outcome.events:
            tables.commit_no += 1
        lines = [EventLine(no, tables.commit_no, event) for no, event in enumerate(outcome.events, tables.event_no + 1)]
        tables.event_no += len(lines)
        for key, (rows, floor) in spools.items():
            before = tables.ledgers.get(key, Ledger())
            after = arithmetic.record(before, rows=rows, floor=floor)
            tables.gap_rows += count_rows(subtract(after.gaps, before.gaps))
            tables.ledgers[key] = after
        if self.fault == "outbox_in_second_transaction":
            self._put(tables, outcome.changed_state, batch)
            self.process.point()
            self.tables.events += tuple(lines)
        elif self.fault == "state_in_second_transaction":
            tables.events += tuple(lines)
            self._put(tables, {}, batch)
            self.process.point()
            self.tables.state.update(outcome.changed_state)
        else:
            tables.events += tuple(lines)
            self._put(tables, outcome.changed_state, batch)

    def _put(self, tables: Tables, state: Mapping[str, object], batch: JournalBatch) -> None:
        tables.state.update(state)
        self.tables = tables
        for rows in batch.receipts:
            self._truth.committed.setdefault((rows.publisher, rows.epoch), set()).update(rows.rows)
        for row in batch.quarantine:
            _, _, _, bodies, _ = row.raw  # a packet: messages are objects here
            self._truth.excused.update(body.name for body in bodies)  # type: ignore[attr-defined]

    def check_receipt(self, key: SpoolKey, ledger: Ledger, unsent: Mapping[int, object] | None) -> None:
        """Raise Violation when a receipt says more than is durable. `unsent`: what that spool still has to send."""
        beyond = subtract(_said(ledger), _said(self.tables.ledgers.get(key, Ledger())))
        if beyond:
            raise Violation(f"receipt of {key} speaks of {beyond}, which are not durable")
        if unsent:
            committed = self._truth.committed[key]
            for number in unsent:
                if number > ledger.watermark:
                    return
                if number not in committed:
                    raise Violation(f"watermark {ledger.watermark} of {key} is beyond row {number}, never committed")


def _said(ledger: Ledger) -> arithmetic.Ranges:
    return ((1, ledger.watermark), *ledger.ahead) if ledger.watermark else ledger.ahead
