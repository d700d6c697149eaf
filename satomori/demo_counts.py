"""What the demo sent against what came out at the other end: counts by identity, alerts and their mails, answers."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from alerts.store_read import ALERTS_FILE, AlertsReader
from firmware_sim.rows import iso_time
from ingest.journal_read import JournalReader
from satomori.demo import http_status
from satomori.mailbox import read_mails
from satomori.town import DemoTown

DOMAINS = ("snow", "wildlife", "watch")
WANTED_ALERTS = {"snow": "snow-depth", "wildlife": "trap-sprung", "watch": "no-motion", "silent": "device-silent"}
_MOST_ROWS = 1_000_000

Row = Mapping[str, Any]
Identity = tuple[str, str, tuple[str, object], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """One printed line. `is_right` False fails the check."""

    name: str
    value: object
    is_right: bool = True


def counts(town: DemoTown) -> list[Count]:
    """Return every count of the demo as it stands now."""
    reader = JournalReader(town.data_dir / "journal.db")
    try:
        sent = sent_readings(town.ledger)
        return [
            *compare(sent, stored_readings(sent, reader), domain_of=_domains(town)),
            *_alerts(town),
            Count(name="quarantine", value=sum(entry.count for entry in reader.quarantine(limit=1000))),
            *_answers(town),
        ]
    finally:
        reader.close()


def sent_readings(ledger: Path) -> list[Row]:
    """Return the simulator's ledger; empty when it has sent nothing yet. A line half written counts as not there."""
    if not ledger.exists():
        return []
    whole, _, _ = ledger.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def stored_readings(sent: Iterable[Row], reader: JournalReader) -> list[Row]:
    """Return the journal's observations of every series that was sent, in the ledger's own form."""
    kinds = {(row["device_id"], row["quantity"]): _kind(row) for row in sent}
    stored: list[Row] = []
    for (device_id, quantity), kind in sorted(kinds.items()):
        for row in reader.observations(device_id, quantity, from_ns=0, to_ns=2**62, limit=_MOST_ROWS):
            stored.append(
                {
                    "device_id": device_id,
                    "quantity": quantity,
                    "seq": row.seq if kind == "seq" else None,
                    "observed_at": iso_time(row.observed_ns) if kind == "at" else None,
                    "value": row.value,
                }
            )
    return stored


def identities(rows: Iterable[Row]) -> list[Identity]:
    """Return who each reading is: by frame counter, else by device time, else by its place in the line's order.

    A serial gauge has neither counter nor clock; there the n-th frame must be the n-th reading. The value, to nine
    digits, is part of the identity: a reading with another one is not the one that was sent.
    """
    places: Counter[tuple[str, str]] = Counter()
    found: list[Identity] = []
    for row in rows:
        series = (row["device_id"], row["quantity"])
        kind = _kind(row)
        key: object = row["seq"] if kind == "seq" else row["observed_at"]
        if kind == "place":
            key = places[series]
            places[series] += 1
        found.append((*series, (kind, key), _nine_digits(row["value"])))
    return found


def compare(sent: Sequence[Row], stored: Sequence[Row], *, domain_of: Mapping[str, str]) -> Iterator[Count]:
    """Yield, for each domain, how many were sent and stored, how many of the sent are lost, and how many stored are
    not one of the sent ones (there twice, or another value).
    """
    sent_ids, stored_ids = Counter(identities(sent)), Counter(identities(stored))
    for domain in DOMAINS:
        went = Counter({one: n for one, n in sent_ids.items() if domain_of[one[0]] == domain})
        came = Counter({one: n for one, n in stored_ids.items() if domain_of[one[0]] == domain})
        lost, twice = (went - came).total(), (came - went).total()
        yield Count(name=f"{domain}.readings_sent", value=went.total(), is_right=went.total() > 0)
        yield Count(name=f"{domain}.readings_stored", value=came.total(), is_right=came.total() == went.total())
        yield Count(name=f"{domain}.lost", value=lost, is_right=lost == 0)
        yield Count(name=f"{domain}.twice", value=twice, is_right=twice == 0)


def _kind(row: Row) -> str:
    if row["seq"] is not None:
        return "seq"
    return "place" if row["observed_at"] is None else "at"


def _nine_digits(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(f"{value:.9g}")


def _domains(town: DemoTown) -> dict[str, str]:
    stations = town.site.stations_by_id()
    return {device.id: stations[device.station].domain for device in town.site.device}


def _alerts(town: DemoTown) -> Iterator[Count]:
    mails = read_mails(town.mail_folder)
    reader = AlertsReader(town.data_dir / ALERTS_FILE)
    try:
        alerts = reader.alerts(limit=10_000)
    finally:
        reader.close()
    for name, rule_id in WANTED_ALERTS.items():
        of_rule = [alert for alert in alerts if alert.rule_id == rule_id]
        mailed = sum(any(alert.case_no in mail.subject + mail.body for mail in mails) for alert in of_rule)
        yield Count(name=f"{name}.alerts", value=len(of_rule), is_right=len(of_rule) > 0)
        yield Count(name=f"{name}.alerts_mailed", value=mailed, is_right=mailed > 0)
    yield Count(name="mails", value=len(mails), is_right=len(mails) > 0)


def _answers(town: DemoTown) -> Iterator[Count]:
    for name, path in (("page", ""), ("api", "api/v1/latest")):
        status = http_status(f"{town.page}{path}")
        yield Count(name=name, value=status, is_right=status == HTTPStatus.OK)
