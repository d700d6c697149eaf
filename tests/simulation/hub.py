"""The hub: the real `ingest.consume.Consumer` between the broker, the rules and the journal's twin."""

from __future__ import annotations

from collections.abc import Sequence

from devices.link import AckToken, Message
from devices.model import Reading
from gateway.receipts import parse_receipt
from ingest.consume import RECEIPT_EVERY_S, RECEIPTS_TOPIC, Consumer, Parts
from ingest.journal_faults import JournalDamagedError, StorageError
from ingest.receipts import Ledger
from tests.simulation.broker import Broker, Parcel
from tests.simulation.journal import JournalTwin, Tables
from tests.simulation.parts import Crash, SpoolKey, Truth, Violation
from tests.simulation.rules import Rules
from tests.simulation.spool import SpoolTwin

_INBOX_MOST = 20


class StumbleError(Exception):
    """The pipeline broke in the middle of a step."""


class Hub:
    """Durable: `journal`. `spools`: the true spools, for checks alone."""

    def __init__(self, broker: Broker, truth: Truth, journal: JournalTwin) -> None:
        self.process = journal.process
        self.journal = journal
        self.spools: dict[SpoolKey, SpoolTwin] = {}
        self._broker, self._truth, self.fault = broker, truth, journal.fault
        self._consumer: Consumer | None = None
        self._told_s = 0.0
        self._broken, self._has_failed = "", False
        self._rules = self._new_rules()
        self.stumbles = 0
        self._lives = 0
        self._generation = -1
        self._now_s = 0.0
        self._inbox: list[Message] = []
        self._checked: dict[str, tuple[bytes, Tables]] = {}

    @property
    def is_quiet(self) -> bool:
        return self._consumer is not None and not self._consumer.is_pending

    def has_all_of(self, spool: SpoolTwin) -> bool:
        """Return whether all that a spool counts as stored is so (again)."""
        ledger = self.journal.ledgers.get((spool.key[0], spool.epoch), Ledger())
        return all(row <= ledger.watermark or any(a <= row <= b for a, b in ledger.ahead) for row in spool.done)

    def turn(self, *, now_s: float, now_ns: int) -> None:
        """Start if need be and do one round of the consumer."""
        self._now_s = now_s
        try:
            if self._consumer is None:
                self._start(now_s=now_s, now_ns=now_ns)
            if self._generation != self._broker.generation:
                self._broker.connect_hub()
                self._generation = self._broker.generation
            self._broker.arrive(now_s=now_s)
            if self._broker.queue and len(self._inbox) < _INBOX_MOST:
                self._inbox += self._broker.deliver(_INBOX_MOST)
            assert self._consumer is not None
            self._repair(now_ns=now_ns)
            if (
                not (self._inbox or self._has_failed or self._consumer.is_pending)
                and now_s - self._told_s < RECEIPT_EVERY_S
            ):
                return  # a step would do nothing; most are such
            self._told_s = now_s
            self._consumer.step(timeout_s=0.0, now_ns=lambda: now_ns, now_s=lambda: now_s)
        except Crash:
            self.die()
        except StorageError:
            return
        except JournalDamagedError:
            self._broken = "journal"
        except StumbleError:
            self._broken = self._broken or "state"

    def _repair(self, *, now_ns: int) -> None:
        """As `ingest.run` does after a failure: rule state read anew, after damage from a new file."""
        if not self._broken:
            return
        assert self._consumer is not None
        is_strike = self._broken == "state"
        if not is_strike:
            self.journal.begin_anew(now_ns=now_ns)
            self._truth.lose_hub()
        if self.fault != "state_kept_after_failure":
            self._rules = self._new_rules()
        self._consumer.begin_again(processor=self._rules, journal=self.journal, is_strike=is_strike)  # type: ignore[arg-type]
        self._broken, self._has_failed = "", True

    def _new_rules(self) -> Rules:
        return Rules(self.journal.tables.state, self.fault, self._stumble)

    def _stumble(self, readings: Sequence[Reading]) -> None:
        """Fail now and then, and always on a poisonous reading."""
        if self.stumbles > 0:
            self.stumbles -= 1
            raise StumbleError
        if any(reading.value < 0 for reading in readings):
            raise StumbleError

    def die(self) -> None:
        self._consumer = None
        self._broken, self._has_failed = "", False
        self._inbox = []
        self._generation = -1
        self.process.fuse = -1

    def restore(self) -> None:
        """Somebody puts back the backup: the hub's disk died."""
        self.die()
        self.journal.restore()
        self._truth.lose_hub()

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Hand out what waits in the session, as `devices.link.Subscriber` does."""
        self.process.point()
        given, self._inbox = self._inbox, []
        return given

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        self.process.point()
        self._broker.acknowledge(tokens, check=self._check_acknowledged)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> bool:
        self.process.point()
        publisher = topic.removeprefix(f"{RECEIPTS_TOPIC}/")
        self._check_receipt(publisher, payload)
        self._broker.tell(publisher, payload, now_s=self._now_s)
        return True

    def _start(self, *, now_s: float, now_ns: int) -> None:
        self._lives += 1
        self.journal.open(now_ns=now_ns)
        self._rules = self._new_rules()
        parts = Parts(
            link=self, processor=self._rules, journal=self.journal,  # type: ignore[arg-type]
            boot_id=str(self._lives),
        )  # fmt: skip
        self._consumer = Consumer(parts, now_s=now_s)

    def _check_acknowledged(self, parcel: Parcel) -> None:
        """Accepted in the hub means committed in the journal."""
        packet = parcel.packet
        publisher = parcel.topic.removeprefix("readings/v1/")
        if packet.epoch:
            missing = set(packet.rows) - self._truth.committed.get((publisher, packet.epoch), set())
            if missing:
                raise Violation(f"the hub acknowledged rows {missing} of {publisher} and did not commit them")
            return
        for body in packet.bodies:
            name = (body.reading.device_id, body.reading.observed_ns, -1)
            if name not in self.journal.tables.observations and body.name not in self._truth.excused:
                raise Violation(f"the hub acknowledged {name} of a direct device and did not commit it")
            self._truth.acknowledged[body.name] = "direct"

    def _check_receipt(self, publisher: str, payload: bytes) -> None:
        checked = self._checked.get(publisher)
        if checked is not None and checked[0] == payload and checked[1] is self.journal.tables:
            return
        self._checked[publisher] = (payload, self.journal.tables)
        receipt = parse_receipt(payload)
        if receipt is None:
            raise Violation(f"no gateway can read the receipt {payload!r}")
        key = (publisher, receipt.epoch)
        ledger = Ledger(watermark=receipt.watermark, ahead=tuple(receipt.ahead))
        spool = self.spools.get(key)
        self.journal.check_receipt(key, ledger, None if spool is None else spool.unsent)
