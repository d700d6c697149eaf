"""What stands on the disks after a run, in a form in which runs can be compared."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from devices.model import Event, EventState
from ingest.events import effective_events
from ingest.journal_read import JournalReader
from ingest.run import JOURNAL_FILE
from tests.crash.children import SPOOL_FILE
from tests.crash.town import GATEWAY_ID, OWN_CLOCK, ROUND_NS, START_NS

Fact = tuple[object, ...]
_ALL = 1_000_000
_AGES_NS = 1 << 62


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Observations and events are counted: each must be there once. Of quarantine, what was put there.

    A message that the gateway put on disk but did not acknowledge comes again; for bytes that do not decode there is
    no identity, so a second quarantine row is right. `unfinished`: what is left undone between gateway and hub.
    """

    observations: Counter[Fact]
    events: Counter[Fact]
    quarantine: frozenset[Fact]
    unfinished: tuple[str, ...]

    def differences(self, undisturbed: Findings) -> list[str]:
        """Return what is lost, there twice, changed or unfinished, compared with the run that nothing disturbed."""
        found = list(self.unfinished)
        for name, here, there in (
            ("observation", self.observations, undisturbed.observations),
            ("event", self.events, undisturbed.events),
            ("quarantine", Counter(self.quarantine), Counter(undisturbed.quarantine)),
        ):
            found += [f"{name} lost: {fact}" for fact in (there - here).elements()]
            found += [f"{name} too many: {fact}" for fact in (here - there).elements()]
        return found


def read_findings(folder: Path) -> Findings:
    """Read journal and spool as they are, by connections of our own."""
    reader = JournalReader(folder / JOURNAL_FILE)
    try:
        told = [row.event for row in reader.events_after(0, limit=_ALL)]
        return Findings(
            observations=Counter(_observations(reader)),
            events=Counter(map(_event, effective_events(told))),
            quarantine=frozenset(
                (row.publisher, row.device_id, row.reason, row.raw) for row in reader.quarantine(limit=_ALL)
            ),
            unfinished=(*_told_twice(told), *_unfinished(reader, folder / SPOOL_FILE)),
        )
    finally:
        reader.close()


def _observations(reader: JournalReader) -> Iterator[Fact]:
    for series in reader.series():
        device_id = series.device_id
        if device_id == GATEWAY_ID:
            continue  # figures of the gateway itself: its restarts are among them
        for row in reader.observations(device_id, series.quantity, from_ns=0, to_ns=_AGES_NS, limit=_ALL):
            stamp = _stamp(device_id, row.observed_ns)
            yield device_id, series.quantity, row.seq, stamp, repr(row.value), row.flag


def _event(event: Event) -> Fact:
    """An event by all it says; of a silence the time is left out: a hub that was away starts counting anew."""
    stamp = "" if event.rule_id == "quiet" else _stamp(event.device_id, event.observed_ns)
    value = repr(event.value), repr(event.limit)
    return event.rule_id, event.subject, event.quantity, event.state.value, int(event.severity), stamp, *value


def _stamp(device_id: str, at_ns: int) -> str:
    """The time to the nanosecond where it is the device's; what a gateway received after its restart, by the round."""
    if device_id in OWN_CLOCK:
        return f"{at_ns} ns"
    return f"round {(at_ns - START_NS) // ROUND_NS}"


def _told_twice(told: list[Event]) -> Iterator[str]:
    last: dict[str, tuple[EventState, int]] = {}
    for event in told:
        said = event.state, event.observed_ns
        if last.get(event.event_id) == said:
            yield f"event told twice: {event.rule_id} {event.subject} {said}"
        last[event.event_id] = said


def _unfinished(reader: JournalReader, spool_path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{spool_path}?mode=ro", uri=True)) as spool:
        facts = dict(spool.execute("SELECT key, value FROM facts").fetchall())
        waiting = spool.execute("SELECT count(*) FROM rows WHERE done_ns IS NULL").fetchone()[0]
    if waiting:
        yield f"{waiting} rows of the spool are not receipted"
    receipts = [receipt for receipt in reader.receipts() if receipt.publisher == GATEWAY_ID]
    epochs = [receipt.epoch for receipt in receipts]
    if epochs != [facts["epoch"]]:
        yield f"the hub knows the spools {epochs}, the gateway's is {facts['epoch']}"
    elif (receipts[0].watermark, receipts[0].ahead) != (int(facts["newest"]), ()):
        yield f"watermark {receipts[0].watermark}, ahead {receipts[0].ahead}, newest row {facts['newest']}"
    if gaps := reader.gaps():
        yield f"gaps {gaps}"
    damage = reader.counters().keys() & {"journal_damaged", "step_failures", "storage_faults"}
    if damage:
        yield f"the journal counts {sorted(damage)}"
