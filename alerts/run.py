"""The alert process: journal and orders in, messages out, until it is told to stop. The only place with clocks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from alerts.consume import MOST_ROWS, Consumer, Journal
from alerts.dispatch import Dispatcher, Moment
from alerts.ledger import Ledger
from alerts.links import load_secret
from alerts.model import Sender
from alerts.orders import ORDERS_FILE, OrderReader
from alerts.outgoing import Addresser
from alerts.plan import make_planner
from alerts.planner import Planner
from alerts.routing import INGEST_SILENT
from alerts.store import AlertStore, open_store
from alerts.store_read import ALERTS_FILE
from alerts.watchdog import SUBJECT, IngestWatch, event_of
from devices.clock import Clock
from devices.hold import hold, when_possible
from devices.logs import setup_logging
from devices.model import TransientError
from devices.site import Site
from devices.steady import wait_for_clock
from devices.wake import ALERTS_WAKE, API_WAKE, Bell, Listener
from ingest.journal_read import JournalReader

log = logging.getLogger(__name__)

JOURNAL_FILE = "journal.db"
LEASE_S = 120.0
_LOCK_FILE = "alerts.lock"
_TURN_S = 0.1
_BEAT_S = 1.0
_PATIENCE_S = 3.0
_BACKOFF_FIRST_S = 0.1
_BACKOFF_MOST_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsOptions:
    """What the alert service needs: the town, the folder of the databases, the town's clock."""

    site: Site
    data_dir: Path
    clock: Clock = field(default_factory=Clock)


def run_alerts(options: AlertsOptions, stop: Event) -> None:
    """Turn events into alerts, tell people, keep the ledger, until `stop` is set.

    Raises PermanentError when another alert service works in the same folder, when a newer Satomori wrote its files,
    or when the key of the links is damaged.
    """
    setup_logging(service="alerts")
    if not wait_for_clock(options.clock, stop):
        return  # in 1970 all that happened lately would be news
    lock = when_possible(lambda: hold(options.data_dir / _LOCK_FILE, what="alert service"), stop, on_fault=_say_fault)
    if lock is None:
        return
    with lock:
        path = options.data_dir / ALERTS_FILE
        store = when_possible(lambda: open_store(path, now_ns=options.clock.now_ns()), stop, on_fault=_say_fault)
        if store is not None:
            with closing(store):
                _serve(options, store, stop)


def _serve(options: AlertsOptions, store: AlertStore, stop: Event) -> None:
    journal = JournalReader(options.data_dir / JOURNAL_FILE)
    orders = OrderReader(options.data_dir / ORDERS_FILE)
    planner = make_planner(options.site)
    senders = open_senders(planner)
    ledger = Ledger(store, lease_s=LEASE_S)
    addresser = Addresser(planner=planner, store=store, secret=load_secret(options.data_dir))
    listener = Listener(options.data_dir / ALERTS_WAKE)
    dispatcher = Dispatcher(ledger=ledger, senders=senders, outgoing=addresser.outgoing, wake=listener.nudge)
    consumer = Consumer(journal=journal, orders=orders, store=store, planner=planner)
    service = _Service(
        clock=options.clock, store=store, journal=journal, planner=planner, consumer=consumer, dispatcher=dispatcher,
        listener=listener, page=Bell(options.data_dir / API_WAKE),
    )  # fmt: skip
    log.info("alerts_started", extra={"channels": ", ".join(senders), "taken_over": ledger.take_over()})
    try:
        while not stop.is_set():
            service.turn(stop)
        service.finish()
    finally:
        for sender in senders.values():
            sender.close()
        journal.close()
        orders.close()
        listener.close()
    log.info("alerts_stopped")


def open_senders(planner: Planner) -> Mapping[str, Sender]:
    """Return a sender for each channel that some route of the site uses, by name."""
    used = sorted({name for route in planner.site.route for name in route.channels})
    return {
        name: spec.open(spec.params.model_validate(planner.site.channel.get(name, {})))
        for name in used
        if (spec := planner.channels.get(name)) is not None
    }


@dataclass(slots=True, kw_only=True)
class _Service:
    """The loop's parts and what is wrong at the moment."""

    clock: Clock
    store: AlertStore
    journal: Journal
    planner: Planner
    consumer: Consumer
    dispatcher: Dispatcher
    listener: Listener
    page: Bell
    _machine: Clock = field(default_factory=Clock)
    _watch: IngestWatch | None = None
    _beat_s: float = float("-inf")
    _failing: set[str] = field(default_factory=set)
    _backoff_s: float = _BACKOFF_FIRST_S
    _has_more: bool = False
    _told_no: int = 0

    def now(self) -> Moment:
        """Return now by all three clocks."""
        return Moment(town_ns=self.clock.now_ns(), real_ns=self._machine.now_ns(), mono_s=time.monotonic())

    def turn(self, stop: Event) -> None:
        """Do every step once, each by itself: an unreadable journal keeps no message from going out. Then wait.

        Sending comes after what may queue a message, so that it leaves in the same turn; a hint ends the waiting.

        After a failure wait a growing while, so that no fault becomes a hot loop. The heartbeat is earned by a turn
        in which everything worked.
        """
        steps: dict[str, Callable[[], None]] = {
            "orders": self._take_orders, "events": self._take_events, "watchdog": self._look_at_ingest,
            "dispatch": self._send, "page": self._tell_page,
        }  # fmt: skip
        works = [self._try(name, step) for name, step in steps.items()]
        if all(works) and self._try("heartbeat", self._beat):
            self._backoff_s = _BACKOFF_FIRST_S
            self.listener.wait(0.0 if self._has_more else _TURN_S)
            return
        stop.wait(self._backoff_s)
        self._backoff_s = min(_BACKOFF_MOST_S, self._backoff_s * 2)

    def finish(self) -> None:
        """Wait a little for messages under way and record how they ended."""
        self._try("finish", lambda: self.dispatcher.finish(self.now, patience_s=_PATIENCE_S))

    def _try(self, name: str, step: Callable[[], None]) -> bool:
        """Do one step; a lasting failure is logged when it begins and when it ends."""
        try:
            step()
        except TransientError as error:
            if name not in self._failing:
                log.error("step_failing", extra={"step": name, "error": str(error)})
        except Exception:
            if name not in self._failing:
                log.exception("step_broken", extra={"step": name})
        else:
            if name in self._failing:
                log.warning("step_works_again", extra={"step": name})
            self._failing.discard(name)
            return True
        self._failing.add(name)
        return False

    def _send(self) -> None:
        self.dispatcher.turn(self.now())

    def _take_orders(self) -> None:
        self.consumer.take_orders()

    def _take_events(self) -> None:
        if "events" in self._failing:
            self._take_singly()
        self._has_more = self.consumer.take_events(now_ns=self.clock.now_ns()) == MOST_ROWS

    def _take_singly(self) -> None:
        """Go on event by event after a failure; one that cannot be taken in must not keep back all after it."""
        for _ in range(MOST_ROWS):
            try:
                if self.consumer.take_one_event(now_ns=self.clock.now_ns()) is None:
                    return
            except TransientError:
                raise
            except Exception:
                skipped = self.consumer.skip_event()
                log.exception("event_skipped", extra=skipped.event.log_fields() if skipped else {})

    def _look_at_ingest(self) -> None:
        heartbeat_ns, mono_s = self.journal.heartbeat_ns(), time.monotonic()
        watch = self._watch or IngestWatch(heartbeat_ns=heartbeat_ns, since_s=mono_s)
        self._watch = watch.looked(heartbeat_ns, mono_s=mono_s)
        now_ns = self.clock.now_ns()
        event = event_of(self._watch, self.store.open_alert(INGEST_SILENT, SUBJECT), mono_s=mono_s, now_ns=now_ns)
        if event is not None:
            with self.store.transaction():
                self.planner.take(event, self.store, now_ns=now_ns)
            log.warning("ingest_watch", extra=event.log_fields())

    def _tell_page(self) -> None:
        change_no = self.store.change_no()
        if change_no != self._told_no:
            self._told_no = change_no
            self.page.ring()

    def _beat(self) -> None:
        if time.monotonic() - self._beat_s >= _BEAT_S:
            self.store.beat(self.clock.now_ns())
            self._beat_s = time.monotonic()


def _say_fault(error: TransientError) -> None:
    log.error("step_failing", extra={"step": "open", "error": str(error)})
