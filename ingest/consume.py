"""Seam 2 into the journal, step by step: take, process, commit, acknowledge, send receipts.

No threads and no clock in here: `run.py` calls the steps, a test may stop between any two of them. What was processed
but could not be committed stays, and is committed before anything else is taken: the pipeline has moved on already.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from devices.model import QuarantineRow, Reading
from ingest.journal import CommitResult, JournalBatch
from ingest.packs import GROUP_MESSAGES, CarefulReader, PackReader, Taken, pop_group, unread_row
from ingest.receipts import Ledger, encode_receipt
from ingest.rows import in_columns

if TYPE_CHECKING:
    from devices.link import AckToken, Message
    from ingest.journal_tables import SpoolKey
    from ingest.pipeline import Outcome

log = logging.getLogger(__name__)

RECEIPTS_TOPIC = "receipts/v1"
MOST_MESSAGES = 8_192
MOST_READINGS = 65_536
HEARTBEAT_S = 0.8
RECEIPT_EVERY_S = 1.0
RECEIPT_FOR_S = 3_600.0
_STRIKES = 2


class Link(Protocol):
    """What of `devices.link.Subscriber` is used."""

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Wait for a message, return what is there."""

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        """Tell the broker that these messages are safe."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> bool:
        """Send a message if there is a connection."""


class Processor(Protocol):
    """What of `ingest.pipeline.Pipeline` is used."""

    def process(self, readings: Sequence[Reading], *, now_ns: int, due_ns: int | None = None) -> Outcome:
        """Take the readings in and say what follows; deadlines count up to `due_ns`."""

    def next_deadline_ns(self) -> int | None:
        """Say when to be called next even without readings."""


class Journal(Protocol):
    """What of `ingest.journal.JournalWriter` is used."""

    @property
    def ledgers(self) -> Mapping[SpoolKey, Ledger]:
        """What is committed of every spool."""

    def commit(self, batch: JournalBatch) -> CommitResult:
        """Make the batch durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a Consumer works with. `boot_id` differs for every start, so that batch names never repeat.

    A deadline is judged `settle_ns` after it passed: what was on its way through gateway and broker is no silence.
    `tell` is called with every batch that was committed: a hint to who reads the journal.
    """

    link: Link
    processor: Processor
    journal: Journal
    boot_id: str
    settle_ns: int = 0
    reader: PackReader = field(default_factory=CarefulReader)
    tell: Callable[[JournalBatch], None] = lambda _batch: None


class Consumer:
    """Takes messages of seam 2 and acknowledges each one after its readings are in the journal."""

    def __init__(self, parts: Parts, *, now_s: float) -> None:
        """Start with nothing in hand. `now_s` is the machine's monotonic time, as everywhere in here."""
        self._parts = parts
        self._waiting: deque[Message] = deque()
        self._working: list[Message] = []
        self._pending: JournalBatch | None = None
        self._done: list[Message] = []
        self._moved: dict[SpoolKey, Ledger] = {}
        # every gateway hears at once after a restart where it stands
        self._heard_s = dict.fromkeys(parts.journal.ledgers, now_s)
        self._counts: Counter[str] = Counter()
        self._batches = 0
        self._committed_s = self._receipts_s = float("-inf")
        self._singly = self._strikes = 0
        self._is_probing = False

    @property
    def is_pending(self) -> bool:
        """Tell whether a processed batch waits for its commit."""
        return self._pending is not None

    def step(self, *, timeout_s: float, now_ns: Callable[[], int], now_s: Callable[[], float]) -> None:
        """Do all steps once, in the only order that loses nothing; a pending batch is committed first.

        Raises what `commit` raises; call it again later.
        """
        if not self.is_pending:
            self.take(timeout_s=timeout_s)
            self.process(now_ns=now_ns())
        self.commit(now_s=now_s())
        self.acknowledge()
        self.send_receipts(now_s=now_s())

    def take(self, *, timeout_s: float) -> int:
        """Wait at most `timeout_s` for messages; return how many are in hand. Bounded by what is in flight."""
        room = MOST_MESSAGES - len(self._waiting)
        if room > 0:
            is_busy = bool(self._waiting) or self._is_probing
            self._waiting += self._parts.link.take(timeout_s=0.0 if is_busy else timeout_s, most=room)
        return len(self._waiting)

    def process(self, *, now_ns: int) -> None:
        """Decode what was taken and run the pipeline on it; without messages this is a tick."""
        taken = self._read(now_ns=now_ns)
        readings = taken.readings
        due_ns = now_ns - self._parts.settle_ns
        outcome = self._parts.processor.process(readings, now_ns=now_ns, due_ns=due_ns)
        self._batches += 1
        counts, self._counts = self._counts, Counter()
        counts.update(messages=len(self._working), readings=len(readings))
        self._pending = JournalBatch(
            outcome=outcome, receipts=tuple(taken.receipts), quarantine=tuple(taken.quarantine), now_ns=now_ns,
            counts=counts, batch_id=f"{self._parts.boot_id}-{self._batches}",
        )  # fmt: skip

    def _read(self, *, now_ns: int) -> Taken:
        """Return what the next messages say, group after group, up to what one batch may hold."""
        taken, parts = Taken(), list[Sequence[Reading]]()
        while self._waiting and not self._is_full(sum(map(len, parts))):
            group = pop_group(self._waiting, most=1 if self._singly else GROUP_MESSAGES)
            self._working += group
            found = self._parts.reader.read(group, arrived_ns=now_ns)
            taken.receipts += found.receipts
            taken.quarantine += found.quarantine
            if self._strikes >= _STRIKES:
                taken.quarantine += [_poison_row(message, now_ns=now_ns) for message in group]
            else:
                parts.append(found.readings)
        taken.readings = in_columns(parts) if parts else ()
        return taken

    def commit(self, *, now_s: float) -> None:
        """Make the processed batch durable. An idle tick is written as a heartbeat at least once a second.

        Raises StorageError: the batch stays and must be committed before anything else is processed; or
        JournalDamagedError: call `begin_again` with a journal opened anew.
        """
        batch = self._pending
        if batch is None:
            return
        if self._working or _says_something(batch) or now_s - self._committed_s >= HEARTBEAT_S:
            result = self._parts.journal.commit(batch)
            self._parts.tell(batch)
            self._committed_s = now_s
            self._moved.update(result.receipts)
            self._heard_s.update(dict.fromkeys(result.receipts, now_s))
        else:
            self._counts.update(batch.counts)
        self._pending = None
        self._after_commit()

    def _after_commit(self) -> None:
        if self._is_probing:
            self._is_probing = False
        elif self._working:
            self._singly = max(0, self._singly - len(self._working))
            self._strikes = 0
        self._done += self._working
        self._working = []

    def acknowledge(self) -> None:
        """Tell the broker which messages are committed; a kill before this means delivery again, which is harmless."""
        done, self._done = self._done, []
        if done:
            self._parts.link.acknowledge([message.ack_token for message in done])

    def send_receipts(self, *, now_s: float) -> None:
        """Send the receipts that moved, and once a second those of every spool heard in the last hour."""
        moved, self._moved = self._moved, {}
        if now_s - self._receipts_s >= RECEIPT_EVERY_S:
            self._receipts_s = now_s
            ledgers = self._parts.journal.ledgers
            self._heard_s = {k: s for k, s in self._heard_s.items() if now_s - s < RECEIPT_FOR_S and k in ledgers}
            moved = {key: ledgers[key] for key in self._heard_s}
        for (publisher, epoch), ledger in moved.items():
            self._parts.link.publish(f"{RECEIPTS_TOPIC}/{publisher}", encode_receipt(epoch, ledger), qos=0)

    def count(self, name: str) -> None:
        """Add one to a counter with the next batch."""
        self._counts[name] += 1

    def begin_again(self, *, processor: Processor, journal: Journal, is_strike: bool) -> None:
        """Go on with rule state read anew: what was not committed is processed again, message by message.

        `is_strike`: the pipeline failed. A message that fails alone twice, while a tick without it succeeds, goes to
        quarantine: one message must not stop the town.
        """
        if is_strike and len(self._working) == 1:
            self._strikes += 1
        self._singly = max(self._singly, len(self._working))
        self._waiting.extendleft(reversed(self._working))
        self._working, self._pending = [], None
        self._is_probing = is_strike
        self._parts = replace(self._parts, processor=processor, journal=journal)

    def _is_full(self, readings: int) -> bool:
        if self._is_probing:
            return True
        return bool(self._working) if self._singly else readings >= MOST_READINGS


def _says_something(batch: JournalBatch) -> bool:
    outcome = batch.outcome
    return bool(len(outcome.observations.series) or outcome.events or outcome.changed_state or batch.all_quarantine())


def _poison_row(message: Message, *, now_ns: int) -> QuarantineRow:
    log.error("message_not_processed", extra={"payload_bytes": len(message.payload)})
    detail = f"processing this message failed {_STRIKES} times; see the log of ingest"
    return unread_row(message, reason="not_processed", detail=detail, now_ns=now_ns)
