"""The same schedules with the real files beside their twins: after every step both must say the same.

Real here: `gateway.spool.Spool`, `ingest.journal.JournalWriter` and `JournalReader`, on SQLite files that are closed
without a word at each crash and opened again. Not covered: the spool's drop order (its bound is in bytes), and readings
in the journal (a batch holds its receipts and events; `tests/crash` has whole readings).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from devices.senml import encode_readings
from gateway.spool import Spool
from gateway.spool_types import Lane, NewRow, Ranges, SpoolOptions, StoredRow, Want
from ingest.batch import SeriesIndex, empty_batch
from ingest.journal import CommitResult, JournalBatch, JournalWriter
from ingest.journal_faults import StorageError
from ingest.journal_read import JournalReader
from ingest.pipeline import Outcome
from tests.simulation.journal import EventLine, JournalTwin
from tests.simulation.parts import START_NS, Body, Process, SpoolKey, Truth, Violation
from tests.simulation.spool import KEEP_DONE_NS, SpoolTwin
from tests.simulation.world import World

_SPOOL_BYTES = 8 << 20
_ALL = Want(first=1, last=1 << 62, most_records=100_000, most_bytes=1 << 40)


def _same(what: str, twin: object, real: object) -> None:
    if twin != real:
        raise Violation(f"{what}: the twin says {twin}, the real file {real}")


class PairedSpool(SpoolTwin):
    """A twin and its real file; `process.point` stands before and after both, so that a crash parts them never."""

    def __init__(self, process: Process, truth: Truth, key: SpoolKey, *, most_rows: int, path: Path) -> None:
        super().__init__(Process(), truth, key, most_rows=most_rows)
        self._mortal = process
        self._options = SpoolOptions(path=path, max_bytes=_SPOOL_BYTES, keep_done_ns=KEEP_DONE_NS)
        self.real = Spool.open(self._options, now_ns=START_NS)

    def reopen(self, *, now_ns: int) -> None:
        """The process died: its file is opened by the next one."""
        self.let_go()
        epoch = self.real.epoch
        self.real = Spool.open(self._options, now_ns=now_ns)
        _same("epoch", epoch, self.real.epoch)
        _same("rows", list(self.unsent), [row.number for row in self.real.waiting(_ALL)])

    def let_go(self) -> None:
        self.real._db.close()
        os.close(self.real._lock_file)

    def append(self, bodies: Sequence[Body], *, now_ns: int) -> None:
        self._mortal.point()
        super().append(bodies, now_ns=now_ns)
        self.real.append([_new_row(body, now_ns=now_ns) for body in bodies])
        _same("newest", self.last, self.real.newest())
        self._mortal.point()

    def waiting(self, want: Want) -> list[StoredRow]:
        rows = super().waiting(want)
        _same("waiting", [row.number for row in rows], [row.number for row in self.real.waiting(want)])
        return rows

    def confirm(self, ranges: Ranges, *, now_ns: int) -> int:
        self._mortal.point()
        count = super().confirm(ranges, now_ns=now_ns)
        _same("confirmed", count, self.real.confirm(ranges, now_ns=now_ns))
        self._mortal.point()
        return count

    def unconfirm(self, ranges: Ranges) -> int:
        self._mortal.point()
        count = super().unconfirm(ranges)
        _same("unconfirmed", count, self.real.unconfirm(ranges))
        self._mortal.point()
        return count

    def release(self, *, up_to: int) -> int:
        self._mortal.point()
        count = super().release(up_to=up_to)
        _same("released", count, self.real.release(up_to=up_to))
        self._mortal.point()
        return count

    def done_within(self, ranges: Ranges) -> int:
        count = super().done_within(ranges)
        _same("done", count, self.real.done_within(ranges))
        return count

    def floor(self) -> int:
        floor = super().floor()
        _same("floor", floor, self.real.floor())
        return floor

    def holds(self, number: int) -> bool:
        _same("holds", super().holds(number), self.real.holds(number))
        return super().holds(number)

    def first_waiting_since(self, received_ns: int) -> int | None:
        first = super().first_waiting_since(received_ns)
        _same("first waiting", first, self.real.first_waiting_since(received_ns))
        return first

    def tend(self, *, now_ns: int) -> None:
        self._mortal.point()
        super().tend(now_ns=now_ns)
        self.real.tend(now_ns=now_ns)
        _same("floor", super().floor(), self.real.floor())
        self._mortal.point()


class PairedJournal(JournalTwin):
    """A twin and its real file: receipts, batch names, event numbers, backup and restore."""

    def __init__(self, process: Process, truth: Truth, fault: str, *, path: Path) -> None:
        super().__init__(process, truth, fault)
        self._path = path
        self._writer: JournalWriter | None = None

    def open(self, *, now_ns: int) -> None:
        super().open(now_ns=now_ns)
        self.let_go()
        self._writer = JournalWriter.open(self._path, now_ns=now_ns)
        _same("ledgers", self.tables.ledgers, dict(self._writer.ledgers))

    def let_go(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
            self._writer = None

    def back_up(self) -> None:
        if self._writer is not None:
            super().back_up()
            with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(self._copy)) as target:
                source.backup(target)

    def restore(self) -> None:
        super().restore()
        self.let_go()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        shutil.copyfile(self._copy, self._path)

    def begin_anew(self, *, now_ns: int) -> None:
        self.let_go()
        self._path.rename(self._path.with_name(f"{self._path.name}.damaged-{now_ns}"))
        for suffix in ("-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        super().begin_anew(now_ns=now_ns)

    def commit(self, batch: JournalBatch) -> CommitResult:
        before, mortal, self.process = self.tables, self.process, Process()
        mortal.point()
        try:
            result = super().commit(batch)
        except StorageError:
            if self.tables is not before:
                self._commit_real(batch)
            raise
        finally:
            self.process = mortal
        _same("receipts", dict(result.receipts), dict(self._commit_real(batch).receipts))
        mortal.point()
        return result

    def events_after(self, event_no: int, *, limit: int = 500) -> list[EventLine]:
        lines = super().events_after(event_no, limit=limit)
        if self._writer is not None:
            with closing(JournalReader(self._path)) as reader:
                real = [(row.event_no, row.event) for row in reader.events_after(event_no, limit=limit)]
            _same("events", [(line.event_no, line.event) for line in lines], real)
        return lines

    @property
    def _copy(self) -> Path:
        return self._path.with_name("backup.db")

    def _commit_real(self, batch: JournalBatch) -> CommitResult:
        assert self._writer is not None
        outcome = Outcome(
            observations=empty_batch(), duplicates=0, conflicts=(), quarantine=(), events=batch.outcome.events,
            changed_state={}, series=SeriesIndex(),
        )  # fmt: skip
        result = self._writer.commit(
            JournalBatch(outcome=outcome, receipts=batch.receipts, now_ns=batch.now_ns, batch_id=batch.batch_id)
        )
        _same("ledgers", self.tables.ledgers, dict(self._writer.ledgers))
        _same("event number", self.tables.event_no, result.event_no)
        return result


class PairedWorld(World):
    """A town whose spools and journal have real files in `folder`."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._folder = folder
        self._pairs: list[PairedSpool] = []
        super().__init__(seed)

    def run(self) -> None:
        try:
            super().run()
        finally:
            self.let_go()

    def let_go(self) -> None:
        """Close every file."""
        assert isinstance(self.hub.journal, PairedJournal)
        self.hub.journal.let_go()
        for pair in self._pairs:
            pair.let_go()

    def make_journal(self, process: Process) -> JournalTwin:
        return PairedJournal(process, self.truth, "", path=self._folder / "journal.db")

    def make_spool(self, process: Process, truth: Truth, key: SpoolKey, *, most_rows: int) -> SpoolTwin:
        path = self._folder / f"{key[0]}-{key[1]}.db"
        pair = PairedSpool(process, truth, key, most_rows=1_000, path=path)
        self._pairs.append(pair)
        return pair

    def crash_gateway(self) -> None:
        super().crash_gateway()
        for gateway in self.gateways:
            if not gateway.is_alive and isinstance(gateway.spool, PairedSpool):
                gateway.spool.reopen(now_ns=self.now_ns)


def _new_row(body: Body, *, now_ns: int) -> NewRow:
    fields: dict[str, Any] = {"device_id": body.reading.device_id, "received_ns": now_ns, "records": 1}
    lane = Lane.EVENT if body.is_event else Lane.SAMPLE
    return NewRow(lane=lane, body=encode_readings([body.reading]), **fields)
