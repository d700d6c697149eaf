"""A store that is slow, or dead for a week: only the forwarding waits, nothing grows, nothing is missing after it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ingest.feed import JournalFeed, Portion
from ingest.forward_book import FORWARD_FILE, Doubles, ForwardBook, ForwardReader, Place
from ingest.forwarder import Forwarder, ForwardParts, Pace, StoppedError
from ingest.journal import JournalWriter
from ingest.journal_read import JournalReader
from ingest.stores.influx import InfluxParams, InfluxStore
from tests.ingest.journal_cases import SECOND_NS, T0_NS, batch, reading
from tests.ingest.stores.fault_server import ACCEPT, Answer, FaultServer, fault_server
from tests.support import wait_until

SERIES = 40
STEP_S = 600
DAY = 86_400 // STEP_S
WEEK = 7 * DAY
BATCH_POINTS = 500
MOST_LOG_BYTES = 16 * 2**20
PACE = Pace(backoff_first_s=0.01, backoff_most_s=0.05, settle_s=0.2)


class WatchedFeed(JournalFeed):
    """A feed that remembers the largest portion it gave: that is what a forwarder holds in memory."""

    largest = 0

    def after(self, place: Place, *, limit: int) -> Portion:
        portion = super().after(place, limit=limit)
        self.largest = max(self.largest, len(portion.points))
        return portion


@dataclass
class Town:
    """A journal that is written as time goes on, and a forwarder beside it as its own process would be."""

    folder: Path
    writer: JournalWriter
    server: FaultServer
    steps: int = 0

    def live(self, steps: int) -> None:
        """Let the town go on: a commit of every series each ten minutes, folding and thinning in between."""
        for _ in range(steps):
            at_s = self.steps * STEP_S
            self.writer.commit(batch([reading(f"d{n}", at_s=at_s, value=self.steps + n / 100) for n in range(SERIES)]))
            self.writer.tend(now_ns=T0_NS + at_s * SECOND_NS)
            self.steps += 1

    @contextmanager
    def forwarder(self) -> Iterator[threading.Thread]:
        """Run the forwarder in a thread until the end."""
        stop = threading.Event()
        thread = threading.Thread(target=self._forward, args=(stop,))
        thread.start()
        yield thread
        stop.set()
        thread.join(20)
        assert not thread.is_alive()

    def catch_up(self) -> int:
        """Forward until there is nothing left; return how many points were held at once at most."""
        return self._forward(threading.Event(), is_once=True)

    def _forward(self, stop: threading.Event, *, is_once: bool = False) -> int:
        store = InfluxStore(InfluxParams(url=self.server.url, bucket="b", timeout_s=5.0))
        with (
            closing(store),
            closing(ForwardBook(self.folder / FORWARD_FILE)) as book,
            closing(JournalReader(self.folder / "journal.db")) as reader,
        ):
            feed = WatchedFeed(reader, book.stations({}, now_ns=0), Doubles(self.folder / FORWARD_FILE))
            parts = ForwardParts(
                name="influx", store_name="influx", store=store, feed=feed, book=book, now_ns=lambda: T0_NS,
                batch_points=BATCH_POINTS, pace=PACE,
            )  # fmt: skip
            forwarder = Forwarder(parts, stop)
            with suppress(StoppedError):
                while not stop.is_set() and (forwarder.step() or not is_once):
                    stop.wait(0.0 if is_once else 0.01)
            return feed.largest

    def log_bytes(self) -> int:
        return (self.folder / "journal.db-wal").stat().st_size

    def state(self) -> str:
        statuses = ForwardReader(self.folder / FORWARD_FILE).statuses()
        return statuses[0].state if statuses else ""

    def wanted(self) -> set[tuple[str, str]]:
        """Names of all points that must be in the store."""
        return {
            (f"observation,device=d{n},quantity=snow_depth", str(T0_NS + step * STEP_S * SECOND_NS))
            for n in range(SERIES)
            for step in range(self.steps)
        }


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    writer = JournalWriter.open(tmp_path / "journal.db", now_ns=T0_NS)
    with fault_server() as server:
        yield Town(folder=tmp_path, writer=writer, server=server)
    writer.close()


@pytest.mark.lesson(56)
def test_a_slow_store_delays_nothing_but_the_forwarding(town: Town) -> None:
    """The store says nothing at all to its first write until everything else is done."""
    may_answer = threading.Event()
    asked = threading.Event()

    def wait(_lines: list[str]) -> Answer:
        asked.set()
        may_answer.wait(20)
        return ACCEPT

    town.live(1)
    town.server.plan = wait
    with town.forwarder():
        assert asked.wait(20)
        town.live(DAY)
        assert JournalReader(town.folder / "journal.db").commit_no() > 0
        assert len(town.server.sizes) <= 1
        assert town.log_bytes() < MOST_LOG_BYTES
        may_answer.set()
        wait_until(lambda: town.server.stored.keys() == town.wanted(), 60.0, what="all points in the store")
    assert max(town.server.sizes) <= BATCH_POINTS


@pytest.mark.lesson(52)
def test_a_store_that_is_dead_for_a_week_gets_all_of_it_afterwards(town: Town) -> None:
    town.live(DAY)
    town.catch_up()
    assert town.server.stored.keys() == town.wanted()
    town.server.plan = lambda _lines: Answer(drops=True)
    with town.forwarder():
        town.live(WEEK)
        wait_until(lambda: town.state() == "away", 20.0, what="it is said that the store is away")
        assert town.log_bytes() < MOST_LOG_BYTES
    assert len(town.server.stored) == SERIES * DAY
    town.server.plan = lambda _lines: ACCEPT
    town.server.sizes.clear()
    assert BATCH_POINTS <= town.catch_up() < BATCH_POINTS + SERIES
    assert town.server.stored.keys() == town.wanted()
    assert max(town.server.sizes) <= BATCH_POINTS
