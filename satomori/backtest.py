"""`satomori backtest`: recorded data through the very same core and alert plan, written as files.

Same input, byte-identical output, however the input is cut into files or doubled: nothing here depends on the wall
clock, on paths, on the order of rows or on how often a row stands in the input.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alerts.plan import alert_as_json, delivery_as_json, plan_alerts
from devices.model import PermanentError
from devices.site import Site
from firmware_sim.rows import instant_ns
from ingest.backtest import event_as_json, run_backtest, write_observations

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestOptions:
    """`until`: ISO 8601 with offset, or empty for the last reading's time."""

    site: Site
    inputs: tuple[Path, ...]
    out_dir: Path
    until: str = ""


def run(options: BacktestOptions) -> dict[str, Any]:
    """Write observations.csv, events.jsonl, alerts.jsonl, deliveries.jsonl and summary.json; return the summary.

    Raises PermanentError for inputs that are missing, and for an `until` that is no time with offset.
    """
    until_ns = _until_ns(options.until)
    missing = [str(path) for path in options.inputs if not path.is_file()]
    if missing:
        raise PermanentError(f"input file {missing[0]} does not exist")
    result = run_backtest(options.site, options.inputs, until_ns=until_ns)
    alerts, deliveries = plan_alerts(result.events, options.site)
    options.out_dir.mkdir(parents=True, exist_ok=True)
    write_observations(options.out_dir / "observations.csv", result)
    event_rows = [event_as_json(event, options.site) for event in result.events]
    alert_rows = [alert_as_json(alert) for alert in alerts]
    delivery_rows = [delivery_as_json(delivery) for delivery in deliveries]
    _write_lines(options.out_dir / "events.jsonl", event_rows)
    _write_lines(options.out_dir / "alerts.jsonl", alert_rows)
    _write_lines(options.out_dir / "deliveries.jsonl", delivery_rows)
    summary: dict[str, Any] = {
        **result.summary(),
        "events_by_rule": _tally(f"{row['rule_id']}.{row['state']}" for row in event_rows),
        "alerts_by_rule": _tally(str(row["rule_id"]) for row in alert_rows),
        "deliveries_by_contact": _tally(str(row["contact_id"]) for row in delivery_rows),
    }
    text = json.dumps(summary, ensure_ascii=False, indent=2, sort_keys=True)
    (options.out_dir / "summary.json").write_text(text + "\n", encoding="utf-8")
    return summary


def _until_ns(text: str) -> int | None:
    if not text:
        return None
    try:
        return instant_ns(text)
    except ValueError as error:
        raise PermanentError(f"--until: {error}") from error


def _tally(keys: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(keys).items()))


def _write_lines(path: Path, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")
