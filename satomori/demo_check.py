"""`satomori demo --check`: the demo headless and accelerated, judged by what came out at the other end."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ingest.journal_read import JournalReader
from satomori.demo import wait_until_ready
from satomori.mailbox import read_mails
from satomori.supervise import Supervisor, stop_on_signals
from satomori.town import DemoOptions, DemoTown, prepare_town

DOMAINS = ("snow", "wildlife", "watch")
WANTED_ALERTS = {"snow": "snow-depth", "wildlife": "trap-sprung", "watch": "no-motion", "system": "device-silent"}
_LEAD_S = 6.0
_SETTLE_TIMEOUT_S = 8.0
_BUDGET_S = 57.0
_ALL_TIME = {"from_ns": 0, "to_ns": 2**62, "limit": 1_000_000}

Identity = tuple[str, str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One printed line. `is_right` False fails the check."""

    name: str
    value: object
    is_right: bool = True


def run_demo_check(options: DemoOptions) -> int:
    """Run the demo to the end of its scenes, print the counts, return 0 only if all are right."""
    started_s = time.monotonic()
    town = prepare_town(options, lead_s=_LEAD_S)
    stop = stop_on_signals()

    def tell(text: str) -> None:
        print(text, file=sys.stderr)

    supervisor = Supervisor(services=town.services, log_dir=town.data_dir / "log", tell=tell)
    simulator = Supervisor(services=[town.simulator()], log_dir=town.data_dir / "log", tell=lambda _text: None)
    supervisor.start()
    try:
        is_ready = wait_until_ready(town, stop)
        simulator.start()
        _wait(lambda: not simulator.is_running(), timeout_s=_BUDGET_S - (time.monotonic() - started_s))
        _wait(lambda: not any(c for c in counts(town) if not c.is_right), timeout_s=_SETTLE_TIMEOUT_S)
        results = [Count(name="ready", value=int(is_ready), is_right=is_ready), *counts(town)]
    finally:
        simulator.stop()
        supervisor.stop()
    return _report(results, town, seconds=time.monotonic() - started_s)


def _report(results: list[Count], town: DemoTown, *, seconds: float) -> int:
    for count in results:
        print(f"{count.name}: {count.value}")
    print(f"broker: {town.broker_kind}")
    print(f"seconds: {seconds:.1f}")
    wrong = [count.name for count in results if not count.is_right]
    for name in wrong:
        print(f"satomori: demo-check: {name} is not as it must be; see {town.data_dir}", file=sys.stderr)
    print("demo-check: failed" if wrong else "demo-check: ok")
    return 1 if wrong else 0


def _wait(predicate: Callable[[], bool], *, timeout_s: float) -> None:
    from threading import Event

    deadline_s = time.monotonic() + timeout_s
    pause = Event()
    while not predicate() and time.monotonic() < deadline_s:
        pause.wait(0.3)


def counts(town: DemoTown) -> list[Count]:
    """Return every count of the demo as it stands now."""
    reader = JournalReader(town.data_dir / "journal.db")
    domain_of = _domains(town)
    return [
        *_readings(sent_readings(town.ledger), reader, domain_of),
        *_alerts(reader, town),
        *_answers(town),
    ]


def _domains(town: DemoTown) -> dict[str, str]:
    stations = town.site.stations_by_id()
    return {device.id: stations[device.station].domain for device in town.site.device}


def sent_readings(ledger: Path) -> list[dict[str, Any]]:
    """Return the simulator's ledger; empty when it has sent nothing yet."""
    if not ledger.exists():
        return []
    return [json.loads(line) for line in ledger.read_text(encoding="utf-8").splitlines()]


def identities(rows: list[dict[str, Any]]) -> list[Identity]:
    """Return who each sent reading is: by frame counter, else by device time, else by its place in the line's order.

    A serial gauge has neither counter nor clock; there the n-th frame must be the n-th reading, with its value.
    """
    places: Counter[tuple[str, str]] = Counter()
    found: list[Identity] = []
    for row in rows:
        series = (row["device_id"], row["quantity"])
        if row["seq"] is not None:
            found.append((*series, ("seq", row["seq"])))
        elif row["observed_at"] is not None:
            found.append((*series, ("at", row["observed_at"])))
        else:
            found.append((*series, ("place", places[series], row["value"])))
            places[series] += 1
    return found


def _stored(rows: list[dict[str, Any]], reader: JournalReader) -> list[dict[str, Any]]:
    """Return the journal's observations of every series that was sent, in the ledger's own form."""
    from firmware_sim.rows import iso_time

    kinds = {(r["device_id"], r["quantity"]): (r["seq"] is not None, r["observed_at"] is not None) for r in rows}
    stored: list[dict[str, Any]] = []
    for (device_id, quantity), (has_seq, has_time) in sorted(kinds.items()):
        for row in reader.observations(device_id, quantity, **_ALL_TIME):
            stored.append(
                {
                    "device_id": device_id,
                    "quantity": quantity,
                    "seq": row.seq if has_seq else None,
                    "observed_at": iso_time(row.observed_ns) if has_time and not has_seq else None,
                    "value": row.value,
                }
            )
    return stored


def _readings(rows: list[dict[str, Any]], reader: JournalReader, domain_of: dict[str, str]) -> Iterator[Count]:
    sent: dict[str, Counter[Identity]] = defaultdict(Counter)
    stored: dict[str, Counter[Identity]] = defaultdict(Counter)
    for identity in identities(rows):
        sent[domain_of[identity[0]]][identity] += 1
    for identity in identities(_stored(rows, reader)):
        stored[domain_of[identity[0]]][identity] += 1
    for domain in DOMAINS:
        lost = sum((sent[domain] - stored[domain]).values())
        twice = sum((stored[domain] - sent[domain]).values())
        total = sent[domain].total()
        yield Count(name=f"{domain}.readings_sent", value=total, is_right=total > 0)
        yield Count(name=f"{domain}.readings_stored", value=stored[domain].total(), is_right=True)
        yield Count(name=f"{domain}.lost", value=lost, is_right=lost == 0)
        yield Count(name=f"{domain}.twice", value=twice, is_right=twice == 0)


def _alerts(reader: JournalReader, town: DemoTown) -> Iterator[Count]:
    from alerts.store_read import AlertsReader

    mails = read_mails(town.mail_folder)
    alerts = AlertsReader(town.data_dir / "alerts.db").alerts(limit=10_000)
    for domain, rule_id in WANTED_ALERTS.items():
        of_rule = [alert for alert in alerts if alert.rule_id == rule_id]
        told = sum(any(alert.case_no in mail.subject + mail.body for mail in mails) for alert in of_rule)
        name = "silent" if domain == "system" else domain
        yield Count(name=f"{name}.alerts", value=len(of_rule), is_right=len(of_rule) > 0)
        yield Count(name=f"{name}.alerts_mailed", value=told, is_right=told > 0)
    yield Count(name="mails", value=len(mails), is_right=len(mails) > 0)
    yield Count(name="quarantine", value=len(reader.quarantine(limit=1000)))


def _answers(town: DemoTown) -> Iterator[Count]:
    for name, path in (("page", ""), ("api", "api/v1/latest")):
        try:
            status = httpx.get(f"{town.page}{path}", timeout=5.0).status_code
        except httpx.HTTPError:
            status = 0
        yield Count(name=name, value=status, is_right=status == httpx.codes.OK)
