"""The ingest process: broker in, journal out, until it is told to stop. The only place with a clock and a thread."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from threading import Event

from devices.clock import Clock
from devices.hold import hold, when_possible
from devices.link import LinkOptions, Subscriber
from devices.logs import setup_logging
from devices.model import TransientError
from devices.site import Site
from devices.steady import SteadyClock, steady, wait_for_clock
from ingest.consume import MOST_MESSAGES, Consumer, Parts
from ingest.journal import JournalWriter
from ingest.journal_faults import JournalDamagedError, StorageError
from ingest.journal_upkeep import keep_of
from ingest.news import Bells
from ingest.packs import READINGS_TOPIC, FastReader
from ingest.pipeline import Pipeline

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.db"
_LOCK_FILE = "ingest.lock"
_TICK_S = 0.8
_SHORTEST_WAIT_S = 0.01
_SETTLE_S = 3.0
_TEND_S = 0.01
# one batch being made durable and the next one coming in: with less, the broker falls silent during each commit and the
# batches never grow. The bytes are bounded by the link's inbox, which stops reading before the broker has sent as much
_MOST_IN_FLIGHT = 2 * MOST_MESSAGES
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MOST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestOptions:
    """What ingest needs: the town, the folder of `journal.db`, the town's clock."""

    site: Site
    data_dir: Path
    clock: Clock = field(default_factory=Clock)


def run_ingest(options: IngestOptions, stop: Event) -> None:
    """Take readings from the broker of the site and commit them, until `stop` is set.

    Raises PermanentError when another ingest works in the same folder or a newer Satomori wrote the journal.
    A disk that refuses is waited for.
    """
    setup_logging(service="ingest")
    if not wait_for_clock(options.clock, stop):
        return
    lock = when_possible(lambda: hold(options.data_dir / _LOCK_FILE, what="ingest"), stop, on_fault=_say_fault)
    if lock is None:
        return
    with lock:
        path = options.data_dir / JOURNAL_FILE
        journal = when_possible(
            lambda: JournalWriter.open(path, now_ns=options.clock.now_ns(), keep=keep_of(options.site)),
            stop,
            on_fault=_say_fault,
        )
        if journal is not None:
            _serve(replace(options, clock=steady(options.clock, is_asked=True)), journal, stop)


def _serve(options: IngestOptions, journal: JournalWriter, stop: Event) -> None:
    broker = options.site.broker
    link = Subscriber(
        LinkOptions(
            host=broker.host, port=broker.port, client_id=f"ingest-{options.site.town.id}", max_inflight=_MOST_IN_FLIGHT
        ),
        [f"{READINGS_TOPIC}/#"],
    )
    session = _Session(options=options, journal=journal, link=link)
    link.start()
    log.info("ingest_started", extra={"broker_port": broker.port, "spools": len(journal.ledgers)})
    try:
        while not stop.is_set():
            session.turn(stop)
    finally:
        link.stop()
        session.journal.close()
    log.info("ingest_stopped")


class _Broken(Enum):
    """What must be made anew before the next step: rule state only, or the journal under it as well.

    The value is the counter's name.
    """

    STATE = "step_failures"
    JOURNAL = "journal_reopened"
    CLOCK = "clock_steps"


class _Session:
    """The loop's state: what works, what is broken and since when."""

    def __init__(self, *, options: IngestOptions, journal: JournalWriter, link: Subscriber) -> None:
        self.journal = journal
        self._options = options
        self._pipeline = self._new_pipeline()
        self._pipeline.resume(options.clock.now_ns())
        self._settle_ns = options.clock.town_ns_of(real_s=_SETTLE_S)
        parts = Parts(
            link=link, processor=self._pipeline, journal=journal, boot_id=os.urandom(8).hex(),
            settle_ns=self._settle_ns, tell=Bells(options.data_dir).tell,
            reader=FastReader(devices=len(options.site.device)),
        )  # fmt: skip
        self._consumer = Consumer(parts, now_s=time.monotonic())
        self._broken: _Broken | None = None
        self._fault_since_s: float | None = None
        self._backoff_s = _BACKOFF_FIRST_S

    def turn(self, stop: Event) -> None:
        """Do one round of all steps; after a failure wait a growing while, so that no fault becomes a hot loop."""
        try:
            self._repair()
            self._consumer.step(timeout_s=self._patience_s(), now_ns=self._options.clock.now_ns, now_s=time.monotonic)
            self._tend()
        except StorageError as error:
            self._note_fault(error)
        except JournalDamagedError as error:
            log.error("journal_lost", extra={"error": str(error)})
            self._broken = _Broken.JOURNAL
        except Exception:
            log.exception("ingest_step_failed")
            self._broken = self._broken or _Broken.STATE
        else:
            self._note_success()
            return
        stop.wait(self._backoff_s)
        self._backoff_s = min(_BACKOFF_MOST_S, self._backoff_s * 2)

    def _tend(self) -> None:
        """Let the journal do what commits have put off, for a short time only: the next readings wait meanwhile."""
        deadline_s = time.monotonic() + _TEND_S
        while self.journal.tend(now_ns=self._options.clock.now_ns()):
            if time.monotonic() >= deadline_s and not self.journal.is_behind:
                return

    def _patience_s(self) -> float:
        deadline_ns = self._pipeline.next_deadline_ns()
        if deadline_ns is None:
            return _TICK_S
        return min(
            _TICK_S, max(_SHORTEST_WAIT_S, self._options.clock.real_seconds_until(deadline_ns + self._settle_ns))
        )

    def _repair(self) -> None:
        """Read rule state from the journal again when the one in memory ran ahead of it or broke half-way.

        Also when the clock was stepped: then time is missing or comes again.
        """
        clock = self._options.clock
        if isinstance(clock, SteadyClock) and clock.take_step():
            self._broken = self._broken or _Broken.CLOCK
        if self._broken is None:
            return
        if self._broken is _Broken.JOURNAL:
            self.journal.abandon()
            path = self._options.data_dir / JOURNAL_FILE
            keep = keep_of(self._options.site)
            self.journal = JournalWriter.open(path, now_ns=clock.now_ns(), keep=keep)
        is_strike = self._broken is _Broken.STATE
        self._pipeline = self._new_pipeline()
        self._pipeline.resume(clock.now_ns())
        self._consumer.begin_again(processor=self._pipeline, journal=self.journal, is_strike=is_strike)
        self._consumer.count(self._broken.value)
        self._broken = None

    def _new_pipeline(self) -> Pipeline:
        return Pipeline(self._options.site, snapshot=self.journal.read_snapshot())

    def _note_fault(self, error: StorageError) -> None:
        if self._fault_since_s is None:
            self._fault_since_s = time.monotonic()
            self._consumer.count("storage_faults")
            log.error("storage_fault", extra={"error": str(error)})

    def _note_success(self) -> None:
        self._backoff_s = _BACKOFF_FIRST_S
        if self._fault_since_s is not None:
            log.warning("storage_fault_over", extra={"seconds": round(time.monotonic() - self._fault_since_s, 1)})
            self._fault_since_s = None


def _say_fault(error: TransientError) -> None:
    log.error("storage_fault", extra={"error": str(error)})
