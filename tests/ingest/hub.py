"""An ingest process in a box for tests: a broker that redelivers, a see-through pipeline, a real journal."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from devices.link import AckToken, Message
from devices.model import Event, QuarantineRow, Reading
from devices.senml import encode_readings
from ingest.batch import SeriesIndex, batch_from_readings
from ingest.consume import Consumer, Parts
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_read import JournalReader
from ingest.packs import FastReader
from ingest.pipeline import Outcome
from tests.ingest.journal_cases import SECOND_NS, T0_NS, event, reading

NOW_NS = T0_NS + 3_600 * SECOND_NS


class FakeLink:
    """A broker and its session: keeps what is not acknowledged and gives it again after a reconnect."""

    def __init__(self) -> None:
        self.queue: deque[Message] = deque()
        self.in_flight: dict[AckToken, Message] = {}
        self.published: list[tuple[str, dict[str, object]]] = []
        self._mid = 0

    def send(self, topic: str, payload: bytes, *, is_retained: bool = False) -> None:
        self._mid += 1
        token = AckToken(mid=self._mid, qos=1, generation=1)
        self.queue.append(Message(topic=topic, payload=payload, is_retained=is_retained, ack_token=token))

    def reconnect(self) -> None:
        self.queue.extendleft(reversed(self.in_flight.values()))
        self.in_flight.clear()

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        taken = [self.queue.popleft() for _ in range(min(most, len(self.queue)))]
        self.in_flight.update((message.ack_token, message) for message in taken)
        return taken

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        for token in tokens:
            del self.in_flight[token]

    def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> bool:
        self.published.append((topic, json.loads(payload)))
        return True


class CountingPipeline:
    """A pipeline small enough to see through: drops what it has seen, raises an event at every tenth reading.

    Its state is what it has seen, so any lost or doubled step shows in the journal.
    """

    def __init__(self, snapshot: dict[str, bytes], *, poison: str = "", deadline_ns: int | None = None) -> None:
        self.seen = {key for key in snapshot if key != "count"}
        self.count = int(snapshot.get("count", b"0"))
        self.poison = poison
        self.deadline_ns = deadline_ns
        self.due_ns: int | None = None

    def next_deadline_ns(self) -> int | None:
        return self.deadline_ns

    def process(self, readings: Sequence[Reading], *, now_ns: int, due_ns: int | None = None) -> Outcome:
        self.due_ns = due_ns
        fresh, events, state, duplicates = [], list[Event](), dict[str, bytes](), 0
        for one in readings:
            if self.poison and one.device_id == self.poison:
                raise ZeroDivisionError("planted")
            key = f"{one.device_id}/{one.observed_ns}"
            if key in self.seen:
                duplicates += 1
                continue
            self.seen.add(key)
            self.count += 1
            state |= {key: b"1", "count": str(self.count).encode()}
            fresh.append(one)
            if self.count % 10 == 0:
                events.append(event(f"e{self.count}"))
        index = SeriesIndex()
        return Outcome(
            observations=batch_from_readings(fresh, index),
            duplicates=duplicates,
            conflicts=(),
            quarantine=tuple[QuarantineRow, ...](),
            events=tuple(events),
            changed_state=state,
            series=index,
        )


class Hub:
    """An ingest process in a box: its consumer and its journal, which may be killed and started again."""

    def __init__(self, path: Path, link: FakeLink) -> None:
        self.path, self.link = path, link
        self.now_s = 0.0
        self.poison = ""
        self.told: list[tuple[JournalBatch, int]] = []
        self.reader = FastReader(devices=10)
        self.start()

    def start(self) -> None:
        self.journal = JournalWriter.open(self.path, now_ns=NOW_NS)
        self.consumer = Consumer(
            Parts(
                link=self.link,
                processor=self.pipeline(),
                journal=self.journal,
                boot_id=str(self.now_s),
                tell=self.tell,
                reader=self.reader,
            ),
            now_s=self.now_s,
        )

    def pipeline(self) -> CountingPipeline:
        return CountingPipeline(self.journal.read_snapshot(), poison=self.poison)

    def tell(self, batch: JournalBatch) -> None:
        """Note what was told, and how many observations a reader finds at that moment."""
        self.told.append((batch, sum(self.stored().values())))

    def kill(self) -> None:
        """End without any farewell; the broker notices and will deliver again."""
        self.journal.abandon()
        self.link.reconnect()

    def step(self) -> None:
        self.now_s += 0.25
        self.consumer.step(timeout_s=0.0, now_ns=lambda: NOW_NS + int(self.now_s * SECOND_NS), now_s=lambda: self.now_s)

    def recover(self) -> None:
        """What run.py does after the pipeline failed."""
        self.consumer.begin_again(processor=self.pipeline(), journal=self.journal, is_strike=True)

    def stored(self) -> dict[str, int]:
        """How many observations each device has, read as alerts and api do."""
        return {device: count for (device, _), count in JournalReader(self.path).observation_counts().items()}


def pack(*readings: Reading, row: int | None = None, epoch: str = "", floor: int = 0) -> bytes:
    records = json.loads(encode_readings(readings))
    for record in records:
        record |= {} if row is None else {"row": row}
    if epoch:
        records[0] |= {"epoch": epoch, "floor": floor}
    return json.dumps(records).encode()


def send_from_gateway(link: FakeLink, rows: Sequence[int], *, floor: int = 1) -> None:
    for row in rows:
        link.send("readings/v1/gw-01", pack(reading(at_s=row, seq=row), row=row, epoch="ab", floor=floor))


STEPS = ("take", "process", "commit", "acknowledge", "send_receipts")


def do_steps(hub: Hub, steps: Sequence[str]) -> None:
    """Do these steps of one round by hand."""
    hub.now_s += 0.25
    consumer = hub.consumer
    actions: dict[str, Callable[[], object]] = {
        "take": lambda: consumer.take(timeout_s=0.0),
        "process": lambda: consumer.process(now_ns=NOW_NS),
        "commit": lambda: consumer.commit(now_s=hub.now_s),
        "acknowledge": consumer.acknowledge,
        "send_receipts": lambda: consumer.send_receipts(now_s=hub.now_s),
    }
    for step in steps:
        actions[step]()
