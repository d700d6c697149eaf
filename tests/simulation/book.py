"""`alerts.db`'s twin: the real in-memory Book of `alerts.plan` made transactional, and the ledger's rules on a dict.

Real: `alerts.consume.Consumer`, `alerts.planner.Planner`, `alerts.lifecycle`, `alerts.routing`, `MemoryBook`,
`backoff_s`. Modelled: the ledger's SQL (due, claim, record), the texts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache

from alerts.channels_found import load_channels
from alerts.facts import Occasion, SiteIndex
from alerts.ledger import Result, backoff_s
from alerts.lifecycle import Episode
from alerts.messages import Writer
from alerts.model import Alert, Delivery, DeliveryState, Message, Telling, Waiting
from alerts.plan import MemoryBook
from alerts.planner import Planner
from devices.model import SECOND_NS
from devices.site import Language, Site
from tests.simulation.parts import AGE_S, Process, Violation

LEASE_S = 20.0


class PlainWriter(Writer):
    """Texts have no part in the protocol, and rendering them would take most of the time."""

    def __init__(self) -> None:
        """Need neither site nor templates."""

    def message(self, occasion: Occasion, *, telling: Telling, language: Language) -> Message:
        return _message(telling, language)


@cache
def _message(telling: Telling, language: Language) -> Message:
    return Message(subject=telling.value, body="", language=language)


@cache
def make_planner() -> Planner:
    """Return the real planner of a small site: one rule, one route by two ways to two people."""
    site = Site.model_validate(
        {
            "version": 1,
            "town": {"id": "sim", "name": "sim"},
            "alerting": {"base_url": "https://sim.example", "max_alert_age_s": AGE_S},
            "channel": {"smtp": {"host": "127.0.0.1", "port": 25, "sender": "satomori@sim.example"}},
            "station": [{"id": "pass", "name": "pass", "domain": "snow"}],
            "contact": [{"id": "road", "name": "road", "email": "road@sim.example"}],
            "rule": [{"id": "deep", "kind": "threshold", "domain": "snow", "quantity": "snow_depth"}],
            "route": [{"id": "all", "contacts": ["road"], "channels": ["smtp"]}],
        }
    )
    return Planner(index=SiteIndex(site), writer=PlainWriter(), channels=load_channels())


@dataclass(slots=True)
class BookTwin(MemoryBook):
    """What consumer and dispatcher need of `alerts.store.AlertStore` and `alerts.ledger.Ledger`."""

    process: Process = field(default_factory=Process)
    accepted: Collection[str] = ()
    fault: str = ""
    ledger: dict[str, Delivery] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All inside is durable together or not at all."""
        before = self._image()
        try:
            yield
            self.process.point()
        except BaseException:
            self._put(before)
            raise
        self.process.point()

    def event_no(self, journal_id: str) -> int:
        return self.cursors.get(journal_id, 0)

    def set_event_no(self, journal_id: str, event_no: int) -> None:
        self.cursors[journal_id] = event_no

    def catching_up(self) -> list[Alert]:
        return [alert for alert in self.alerts.values() if alert.waiting is Waiting.CATCHING_UP]

    def held_back(self) -> list[Alert]:
        return self.begun_again()

    def save(self, alert: Alert | None, episode: Episode | None, deliveries: Collection[Delivery]) -> None:
        MemoryBook.save(self, alert, episode, deliveries)
        for delivery in deliveries:
            is_late = alert is not None and alert.opened_ns - alert.observed_ns > AGE_S * SECOND_NS
            if delivery.telling is Telling.RAISED and is_late:
                raise Violation(f"alert {delivery.alert_id} is old news and is told")
            self.ledger.setdefault(delivery.delivery_id, delivery)

    def due(self, *, real_ns: int) -> list[Delivery]:
        """As the ledger: the first due of each lane, an end only after the beginning."""
        for delivery in self.ledger.values():
            if delivery.state is DeliveryState.QUEUED:
                is_due = delivery.next_ns <= real_ns
            else:
                is_due = delivery.state is DeliveryState.SENDING and delivery.lease_until_ns <= real_ns
                is_due = is_due and self.fault != "lease_never_expires"
            if is_due and not self._has_earlier(delivery):
                return [delivery]
        return []

    def _has_earlier(self, mine: Delivery) -> bool:
        return any(
            other.alert_id == mine.alert_id
            and other.step < mine.step
            and other.state in (DeliveryState.QUEUED, DeliveryState.SENDING)
            for other in self.ledger.values()
        )

    def claim(self, deliveries: Sequence[Delivery], *, real_ns: int) -> list[Delivery]:
        until_ns = real_ns + int(LEASE_S * SECOND_NS)
        state = DeliveryState.ACCEPTED if self.fault == "mark_before_send" else DeliveryState.SENDING
        claimed = [replace(one, state=state, attempts=one.attempts + 1, lease_until_ns=until_ns) for one in deliveries]
        with self.transaction():
            for delivery in claimed:
                self.ledger[delivery.delivery_id] = delivery
        return claimed

    def take_over(self) -> None:
        """As at the start of the service: what a dead process was sending goes out again."""
        sending = [one for one in self.ledger.values() if one.state is DeliveryState.SENDING]
        if sending and self.fault != "lease_never_expires":
            with self.transaction():
                for one in sending:
                    self.ledger[one.delivery_id] = replace(one, state=DeliveryState.QUEUED, lease_until_ns=0)

    def record(self, results: Sequence[Result], *, real_ns: int) -> None:
        if results:
            with self.transaction():
                for result in results:
                    self._record(result, real_ns=real_ns)

    def _record(self, result: Result, *, real_ns: int) -> None:
        delivery_id = result.delivery.delivery_id
        delivery = self.ledger[delivery_id]
        if not result.error:
            if delivery.state in (DeliveryState.SENDING, DeliveryState.QUEUED):
                self.ledger[delivery_id] = replace(delivery, state=DeliveryState.ACCEPTED, lease_until_ns=0)
            return
        failures = self.failures[delivery_id] = self.failures.get(delivery_id, 0) + 1
        is_this = delivery.state is DeliveryState.SENDING and delivery.lease_until_ns == result.delivery.lease_until_ns
        if is_this:
            next_ns = real_ns + int(backoff_s(delivery_id, failures=failures) * SECOND_NS)
            self.ledger[delivery_id] = replace(
                delivery, state=DeliveryState.QUEUED, lease_until_ns=0, next_ns=next_ns, error=result.error
            )

    def _image(self) -> tuple[object, ...]:
        return (
            dict(self.alerts), dict(self.episodes), list(self.deliveries), dict(self._open),
            {key: list(some) for key, some in self._attached.items()}, dict(self._cases),
            {key: set(some) for key, some in self._told.items()}, dict(self.ledger), dict(self.failures),
            dict(self.cursors),
        )  # fmt: skip

    def _put(self, image: tuple[object, ...]) -> None:
        (
            self.alerts, self.episodes, self.deliveries, self._open, self._attached, self._cases, self._told,
            self.ledger, self.failures, self.cursors,
        ) = image  # type: ignore[assignment]  # fmt: skip
