"""The spool's twin: the methods that `gateway.uplink` calls, on dicts, each of them durable when it returns.

What the real one does in SQL is modelled here, row for row: numbers without a gap, marks of what the hub has, the drop
order when it is full. `test_real_files` lets the same schedules run on the real `gateway.spool.Spool`.
"""

from __future__ import annotations

from collections.abc import Sequence

from devices.model import TransientError
from gateway.spool_types import Ranges, StoredRow, Want
from tests.simulation.parts import Body, Process, SpoolKey, Truth, Violation

KEEP_DONE_NS = 24 * 3_600 * 1_000_000_000


class SpoolTwin:
    """A spool file on one card. `fault`: see `faults`."""

    def __init__(self, process: Process, truth: Truth, key: SpoolKey, *, most_rows: int) -> None:
        self.key = key
        self.epoch = key[1]
        self.last = 0
        self.unsent: dict[int, StoredRow] = {}
        self.done: dict[int, tuple[StoredRow, int]] = {}
        self.dropped = 0
        self.refuses = 0
        self.fault = ""
        self.process = process
        self._truth, self._most_rows = truth, most_rows
        truth.committed.setdefault(key, set())
        truth.gone.setdefault(key, {})

    def append(self, bodies: Sequence[Body], *, now_ns: int) -> None:
        """Take rows in one transaction, making room in another one before it."""
        if len(self.unsent) + len(self.done) + len(bodies) > self._most_rows:
            self._make_room(len(bodies))
        self._write()
        rows = {
            number: StoredRow(number=number, received_ns=now_ns, records=1, body=body)  # type: ignore[arg-type]
            for number, body in enumerate(bodies, self.last + 1)
        }
        self.unsent.update(rows)
        self.last += len(bodies)
        for number, body in zip(rows, bodies, strict=True):
            self._truth.carriers.setdefault(body.name, []).append((self.key, number))
        self.process.point()

    def waiting(self, want: Want) -> list[StoredRow]:
        rows: list[StoredRow] = []
        for number, row in self.unsent.items():
            if want.first <= number <= want.last:
                rows.append(row)
                if len(rows) == want.most_records:
                    break
        return rows

    def confirm(self, ranges: Ranges, *, now_ns: int) -> int:
        news = [n for n in self.unsent if any(a <= n <= b for a, b in ranges)]
        if not news:
            return 0
        self._write()
        committed = self._truth.committed[self.key]
        for number in news:
            if number not in committed:
                raise Violation(f"row {number} of {self.key} counts as stored by the hub and never was")
            self.done[number] = (self.unsent.pop(number), now_ns)
        self.process.point()
        return len(news)

    def done_within(self, ranges: Ranges) -> int:
        return sum(any(a <= n <= b for a, b in ranges) for n in self.done)

    def unconfirm(self, ranges: Ranges) -> int:
        self._write()
        again = [n for n in self.done if any(a <= n <= b for a, b in ranges)]
        for number in again:
            self.unsent[number] = self.done.pop(number)[0]
        self.unsent = dict(sorted(self.unsent.items()))
        self.process.point()
        return len(again)

    def release(self, *, up_to: int) -> int:
        self._write()
        count = self._remove([n for n in self.done if n <= up_to], why="released")
        self.process.point()
        return count

    def floor(self) -> int:
        return min(*self.unsent, *self.done, self.last + 1, self.last + 1)

    def newest(self) -> int:
        return self.last

    def holds(self, number: int) -> bool:
        return number in self.unsent or number in self.done

    def first_waiting_since(self, received_ns: int) -> int | None:
        return next((n for n, row in self.unsent.items() if row.received_ns >= received_ns), None)

    def count(self, name: str, number: int = 1) -> None:
        """Counters have no part in the protocol."""

    def tend(self, *, now_ns: int) -> None:
        old = [n for n, (_, done_ns) in self.done.items() if done_ns < now_ns - KEEP_DONE_NS]
        if old:
            self._write()
            self._remove(old, why="released")
            self.process.point()

    def start_over(self, *, now_ns: int) -> None:
        raise Violation(f"spool {self.key} gives up its file though the hub knows nothing that it does not hold")

    def _write(self) -> None:
        if self.refuses > 0:
            self.refuses -= 1
            raise TransientError("spool cannot be used: the disk is full")
        self.process.point()

    def _make_room(self, need: int) -> None:
        self._write()
        wanted = max(1, self._most_rows - need)
        steps = (
            ("released", list(self.done)),
            ("dropped", [n for n, row in self.unsent.items() if not row.body.is_event]),  # type: ignore[attr-defined]
            ("dropped", list(self.unsent)),
        )
        for why, order in steps:
            surplus = len(self.unsent) + len(self.done) - wanted
            if surplus > 0:
                self._remove([n for n in order if n in self.unsent or n in self.done][:surplus], why=why)
        self.process.point()

    def _remove(self, numbers: list[int], *, why: str) -> int:
        gone = self._truth.gone[self.key]
        committed = self._truth.committed[self.key]
        for number in numbers:
            if why == "dropped":
                self.dropped += 1
                del self.unsent[number]
            else:
                del self.done[number]
                if number not in committed:
                    raise Violation(f"row {number} of {self.key} is deleted and the hub never had it")
            gone[number] = why
        return len(numbers)
