"""What must be true of a town that has come to rest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from alerts.model import DeliveryState, Telling, Waiting
from devices.model import SECOND_NS, Event, EventState
from ingest.events import as_event, effective_events
from ingest.receipts import Ledger, Ranges
from tests.simulation.hub import Hub
from tests.simulation.journal import RowName
from tests.simulation.parts import AGE_S, Name, Truth, Violation
from tests.simulation.rules import SEVERITIES, Known, fold
from tests.simulation.spool import SpoolTwin
from tests.simulation.telling import AlertService


def check_readings(hub: Hub, truth: Truth, spools: Iterable[SpoolTwin]) -> None:
    """Accepted = committed by identity + counted gaps and drops; none twice; each gap is honest."""
    tables = hub.journal.tables
    times = Counter(_name(row) for row in tables.observations)
    for name, count in times.items():
        if count != 1:
            raise Violation(f"{name} is in the journal {count} times")
        if name not in truth.carriers and name not in truth.acknowledged and name[0] != "direct":
            raise Violation(f"{name} is in the journal and nobody said it")
    for name in (*truth.carriers, *truth.acknowledged):
        if name not in times and name not in truth.excused:
            _check_absence(name, tables.ledgers, truth)
    for spool in spools:
        _check_spool(spool, tables.ledgers.get((spool.key[0], spool.epoch), Ledger()), truth)


def _check_absence(name: Name, ledgers: Mapping[tuple[str, str], Ledger], truth: Truth) -> None:
    carriers = truth.carriers.get(name, [])
    if not carriers:
        raise Violation(f"{name} was acknowledged ({truth.acknowledged[name]}) and is in no spool and no journal")
    for key, row in carriers:
        ledger = ledgers.get(key, Ledger())
        is_stated = row in truth.gone[key] and _holds(ledger.gaps, row)
        if not is_stated and key not in truth.lost_cards:
            raise Violation(f"{name}, row {row} of {key}, is lost and not stated as a gap; ledger {ledger}")


def _check_spool(spool: SpoolTwin, ledger: Ledger, truth: Truth) -> None:
    gone, committed = truth.gone[spool.key], truth.committed[spool.key]
    if spool.last and (ledger.watermark != spool.last or ledger.ahead):
        raise Violation(f"{spool.key} ends at row {spool.last}; the hub stands at {ledger}")
    if sum(why == "dropped" for why in gone.values()) != spool.dropped:
        raise Violation(f"{spool.key} counts {spool.dropped} drops and dropped others")
    for first, last in ledger.gaps:
        for row in range(first, last + 1):
            if row not in gone:
                raise Violation(f"row {row} of {spool.key} counts as a gap and is still held")
            if not truth.restores and row in committed:
                raise Violation(f"row {row} of {spool.key} counts as a gap and is committed")
    if not truth.restores:
        stated = sum(last - first + 1 for first, last in ledger.gaps)
        missing = sum(row not in committed for row in range(1, spool.last + 1))
        if stated != missing:
            raise Violation(f"{spool.key} lost {missing} rows; the hub states {stated}")


def check_events(hub: Hub, truth: Truth) -> None:
    """Events are those of a run that takes all committed readings at once and in order; none is told twice."""
    tables = hub.journal.tables
    standing: dict[str, dict[RowName, float]] = {}
    for row, value in tables.observations.items():
        standing.setdefault(row[0], {})[row] = value
    expected: list[Event] = []
    for device_id, rows in standing.items():
        known = tables.state[device_id]
        assert isinstance(known, Known)
        if known.heard_ns > truth.heard_ns.get(device_id, 0):
            raise Violation(f"{device_id} counts as heard by what was only sent again")
        marks = fold(device_id, rows, known.rows)
        expected += [as_event(mark, severities=SEVERITIES, detected_ns=0) for mark in marks]
    told = [line.event for line in tables.events]
    if {_said(event) for event in effective_events(told)} != {_said(event) for event in expected}:
        raise Violation("the events are not those of an undisturbed run")
    last: dict[str, tuple[EventState, int]] = {}
    for event in told:
        said = (event.state, event.observed_ns)
        if last.get(event.event_id) == said:
            raise Violation(f"event {said} of {event.subject} is in the log twice in a row")
        last[event.event_id] = said


def check_alerts(hub: Hub, service: AlertService, truth: Truth, log: Iterable[Event]) -> None:
    """Every event has an alert; what is news was told, by one id; the ledger says what happened."""
    book, accepted = service.book, service.accepted
    for event in effective_events(line.event for line in hub.journal.tables.events):
        episode = book.episodes.get(event.event_id)
        if episode is None:
            raise Violation(f"event {event.event_id} of {event.subject} never reached the alert service")
        if event.state is EventState.CLEARED and episode.end_state is None:
            raise Violation(f"the alert service does not know that event {event.event_id} of {event.subject} is over")
        if event.state is EventState.RAISED:
            alert = book.alerts[episode.alert_id]
            is_told = any(one.alert_id == alert.alert_id for one in book.ledger.values())
            if not is_told and not (alert.waiting is Waiting.HISTORY or _is_late(event)):
                raise Violation(f"alert {alert.alert_id} was told to nobody; it waits for {alert.waiting.value}")
    for delivery_id, delivery in book.ledger.items():
        if delivery.state is not DeliveryState.ACCEPTED or delivery_id not in accepted:
            raise Violation(
                f"message {delivery_id} is {delivery.state.value}, taken {accepted.get(delivery_id, 0)} times"
            )
    strange = accepted.keys() - book.ledger.keys() - service.former_ids
    if strange:
        raise Violation(f"the provider got messages under ids that the ledger does not know: {sorted(strange)}")
    _check_told_once(service, log)


def _check_told_once(service: AlertService, log: Iterable[Event]) -> None:
    """An episode has one alert, told to have begun once; once more only when the log raised it again after an end.

    Late data may do so (they undo an end). A hub restored from a backup that hears everything again does, too, but
    soon tells the end as well, so that nobody is told.
    """
    began: Counter[str] = Counter()
    ended: set[str] = set()
    for event in log:
        if event.state is not EventState.RAISED:
            ended.add(event.event_id)
        elif event.event_id in ended or not began[event.event_id]:
            began[event.event_id] += 1
            ended.discard(event.event_id)
    told: Counter[str] = Counter()
    for delivery in service.book.ledger.values():
        if delivery.telling is Telling.RAISED:
            told[delivery.alert_id] += 1
    allowed: Counter[str] = Counter()
    for episode in service.book.episodes.values():
        allowed[episode.alert_id] += began[episode.event_id]
    for alert_id, count in told.items():
        if count > max(1, allowed[alert_id]):
            raise Violation(
                f"alert {alert_id} was told {count} times to have begun and began {allowed[alert_id]} times"
            )


def _is_late(event: Event) -> bool:
    return event.detected_ns - event.observed_ns > AGE_S * SECOND_NS


def _name(row: RowName) -> Name:
    return (row[0], row[1] if row[2] < 0 else row[2])


def _holds(ranges: Ranges, row: int) -> bool:
    return any(first <= row <= last for first, last in ranges)


def _said(event: Event) -> tuple[str, str, EventState, int, float]:
    return (event.event_id, event.subject, event.state, event.observed_ns, event.value)
