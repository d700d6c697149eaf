"""What stands in journal, spool and store of a town at the end, and how two towns that heard the same differ."""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from devices.model import Event, EventState, Reading
from devices.senml import decode_pack, encode_rows
from gateway.spool_rows import read_row
from ingest.events import effective_events
from tests.crash.real.script import GATEWAY_ID, MS_NS, OWN_STAMP, RIVERS, Name, Script
from tests.crash.real.town import CALM, Town, Towns
from tests.ingest.stores.victoria import Sample, Victoria

Fact = tuple[object, ...]
_ALL = 100_000_000
_AGES_NS = 1 << 62
_SHOWN = 6
_DAMAGE = frozenset({"journal_damaged", "journal_reopened", "step_failures", "storage_faults"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All counted: each must be there once. `readings` of every device; of quarantine, what was put there.

    `counted`: sources (publisher, device, reason) of which the journal has so many rows that it only counts the rest.
    """

    readings: Counter[Fact]
    events: Counter[Fact]
    quarantine: Counter[Fact]
    counted: Mapping[Fact, int]

    def without(self, devices: Collection[str]) -> Findings:
        """Return this without what some devices said."""
        return Findings(
            readings=_but(self.readings, devices), events=_but(self.events, devices),
            quarantine=_but(self.quarantine, devices), counted=self.counted,
        )  # fmt: skip

    def names(self) -> Counter[Name]:
        """Return how often each identity stands there."""
        return Counter((d, q, at_ns, seq) for d, q, at_ns, seq, *_ in self.readings.elements())  # type: ignore[misc]


def _but(facts: Counter[Fact], devices: Collection[str]) -> Counter[Fact]:
    return Counter({fact: n for fact, n in facts.items() if fact[0] not in devices})


def read_findings(town: Town, script: Script) -> Findings:
    """Read the journal as it is."""
    told = [row.event for row in town.reader.events_after(0, limit=_ALL)]
    refused = town.reader.quarantine(limit=_ALL)
    return Findings(
        readings=Counter(_readings(town)),
        events=Counter(_event(event, script) for event in effective_events(told) if _is_judged(event, script)),
        # bytes that do not decode have no identity: a second row for the same is right
        quarantine=Counter({(row.publisher, row.device_id, row.reason, row.raw) for row in refused}),
        counted={
            source: sum(row.count for row in refused if (row.publisher, row.device_id, row.reason) == source)
            for source in {(row.publisher, row.device_id, row.reason) for row in refused if row.count > 1}
        },
    )


def _readings(town: Town) -> Iterator[Fact]:
    for series in town.reader.series():
        device_id, quantity = series.device_id, series.quantity
        for row in town.reader.observations(device_id, quantity, from_ns=0, to_ns=_AGES_NS, limit=_ALL):
            yield device_id, quantity, row.observed_ns, row.seq, repr(row.value), row.flag


def _is_judged(event: Event, script: Script) -> bool:
    """Leave out a silence that was told about when the script ended: the towns need not agree on the second."""
    return event.rule_id != "quiet" or script.is_past(event.observed_ns, is_raised=event.state is EventState.RAISED)


def _event(event: Event, script: Script) -> Fact:
    """Return all that an event says; of a silence, which asks when the hub heard something, only which pause it was."""
    head = event.device_id, event.rule_id, event.subject, event.quantity, event.state.value, int(event.severity)
    if event.rule_id == "quiet":
        return *head, f"pause {script.pause_of(event.observed_ns)}"
    return *head, event.event_id, event.observed_ns, repr(event.value), repr(event.limit)


def differences(town: Town, found: Findings, calm: Findings) -> Iterator[str]:
    """Yield how the findings of a killed town differ from those of the undisturbed one."""
    apart = OWN_STAMP if town.hears_direct else OWN_STAMP.union(RIVERS)
    here, there = found.without(apart), calm.without(apart)
    for what in ("readings", "events", "quarantine"):
        ours, theirs = getattr(here, what), getattr(there, what)
        if what == "quarantine":
            theirs = _but_counted(theirs, here)
        yield from _some(f"{town.kind}: {what} lost", theirs - ours)
        yield from _some(f"{town.kind}: {what} too many", ours - theirs)


def _but_counted(theirs: Counter[Fact], here: Findings) -> Counter[Fact]:
    """Leave out rows of sources that only count by now, as long as they have counted so many."""
    said = Counter(fact[:3] for fact in theirs)
    enough = {source for source, count in here.counted.items() if count >= said[source]}
    return Counter({fact: n for fact, n in theirs.items() if fact[:3] not in enough or fact in here.quarantine})


def faults(town: Town, found: Findings, script: Script) -> Iterator[str]:
    """Yield what is wrong in one town by itself: what was sent or spooled and is not there once, what is unfinished."""
    names = found.names()
    said = Counter(name for name in script.said if town.hears_direct or name[0] not in RIVERS)
    yield from _some(f"{town.kind}: sent and not there", said - names)
    yield from _some(f"{town.kind}: there more than once", Counter({n: c for n, c in names.items() if c > 1}))
    spooled, stored = _spooled(town), _values(found)
    yield from _some(f"{town.kind}: spooled and not there", Counter(spooled - stored))
    made_up = {fact for fact in stored - spooled if fact[0] in OWN_STAMP}
    yield from _some(f"{town.kind}: there and never spooled", Counter(made_up))
    if not any(fact[0] == "gauge-1" for fact in spooled):
        yield f"{town.kind}: the serial gauge was never heard"
    newest, waiting = town.newest_row(), town.rows_waiting()
    if waiting:
        yield f"{town.kind}: {waiting} spool rows are not receipted"
    receipts = [(receipt.watermark, receipt.ahead) for receipt in town.reader.receipts() if receipt.epoch]
    if receipts != [(newest, ())]:
        yield f"{town.kind}: receipts {receipts}, newest row {newest}"
    if gaps := town.reader.gaps():
        yield f"{town.kind}: gaps {gaps}"
    if damage := {name: n for name, n in town.reader.counters().items() if name in _DAMAGE}:
        yield f"{town.kind}: the journal counts {damage}"
    yield from sorted(town.errors())[:_SHOWN]


def _values(found: Findings) -> set[Fact]:
    return {(d, q, at_ns, seq, value) for d, q, at_ns, seq, value, _ in found.readings}


def _spooled(town: Town) -> set[Fact]:
    """Return the readings of every row in the spool; it keeps a day of what the hub has."""
    with closing(sqlite3.connect(f"file:{town.spool}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT number, crc, lane, device_id, received_ns, records, body FROM rows").fetchall()
    found: set[Fact] = set()
    for number, crc, *columns in rows:
        row = read_row(number, crc, tuple(columns))
        assert row is not None, f"row {number} of {town.spool} is damaged"
        message = encode_rows([(number, row.body)], epoch="read", floor=0, resent=False)
        pack = decode_pack(message, publisher=GATEWAY_ID, arrived_ns=row.received_ns)
        found |= {_fact(reading) for reading in pack.readings}
    return found


def _fact(reading: Reading) -> Fact:
    return reading.device_id, reading.quantity, reading.observed_ns, reading.seq, repr(reading.value)


def store_faults(town: Town, found: Findings, store: Victoria) -> Iterator[str]:
    """Yield how the store's points differ from the journal's; it rounds times to milliseconds: some coincide."""
    values, bad = (store.values(field, measurement=town.measurement) for field in ("value", "bad"))
    journal: dict[Sample, list[float]] = {}
    for d, q, at_ns, _, value, _ in found.readings:
        if math.isfinite(float(str(value))):
            journal.setdefault((str(d), str(q), int(str(at_ns)) // MS_NS), []).append(float(str(value)))
    stored = {sample for sample in values if not any(bad.get(sample, ()))}
    yield from _some(f"{town.kind}: not in the store", Counter(journal.keys() - values.keys()))
    yield from _some(f"{town.kind}: in the store only", Counter(stored - journal.keys()))
    wrong = {s: values[s] for s, said in journal.items() if s in values and not _are_same(values[s], said)}
    yield from _some(f"{town.kind}: other values in the store", Counter((*s, str(v)) for s, v in wrong.items()))


def _are_same(stored: Collection[float], journal: Collection[float]) -> bool:
    return _hold(stored, journal) and _hold(journal, stored)


def _hold(some: Collection[float], others: Collection[float]) -> bool:
    return all(any(math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) for one in some) for other in others)


def _some(what: str, facts: Mapping[Any, int]) -> Iterator[str]:
    if facts:
        shown = "; ".join(map(str, sorted(facts, key=repr)[:_SHOWN]))
        yield f"{what}: {sum(facts.values())}, such as {shown}"


def compare(towns: Towns, script: Script, store: Victoria) -> list[str]:
    """Return everything that is wrong in all towns."""
    found = {kind: read_findings(town, script) for kind, town in towns.items()}
    said: list[str] = []
    for kind, town in towns.items():
        said += faults(town, found[kind], script)
        if kind != CALM:
            said += differences(town, found[kind], found[CALM])
            said += store_faults(town, found[kind], store)
    return said
