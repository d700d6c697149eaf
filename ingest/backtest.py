"""The very same core over recorded files, as fast as it goes, with its own clock from the data.

The clock is the time of receipt; it runs on to `until_ns` after the last row. Deadlines are judged at their exact
instant and events are dated by the data, so nothing depends on how the input is cut, ordered or doubled.
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from devices.model import SECOND_NS, Event, QuarantineRow
from devices.site import Site
from ingest.backtest_input import read_recorded
from ingest.batch import NO_SEQ, Batch, SeriesIndex, concat, empty_batch
from ingest.events import effective_events
from ingest.flags import NAMES
from ingest.pipeline import Moment, Outcome, Pipeline

SLICE_ROWS = 65_536
HEADER = ("observed_at", "device_id", "quantity", "value", "flag", "seq", "received_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What came of it. `observations` (N,) are sorted by device, quantity, observed time, seq; `events` by time."""

    observations: Batch
    series: SeriesIndex
    events: tuple[Event, ...]
    quarantine: tuple[QuarantineRow, ...]
    until_ns: int

    def summary(self) -> dict[str, Any]:
        """Return the counts that do not depend on how the input is cut or doubled."""
        flags = Counter(NAMES.get(flag, str(flag)) for flag in self.observations.flag.tolist())
        reasons = Counter(row.reason for row in self.quarantine)
        keys = [self.series.key(number) for number in np.unique(self.observations.series).tolist()]
        return {
            "observations": len(self.observations),
            "observations_by_flag": dict(sorted(flags.items())),
            "series": len(keys),
            "devices": len({device_id for device_id, _ in keys}),
            "events": len(self.events),
            "quarantine_by_reason": dict(sorted(reasons.items())),
            "quarantine": [row.detail for row in self.quarantine[:100]],
            "until": iso(self.until_ns) if len(self.observations) else None,
        }


def run_backtest(site: Site, inputs: Sequence[Path], *, until_ns: int | None = None) -> BacktestResult:
    """Run `inputs` through the core.

    A gateway is judged only when its own heartbeats stand in the input: long-form recordings usually hold devices only,
    and a gateway that was not recorded has not been silent.
    Raises PermanentError for a site whose rules are wrong and for files that are no long-form CSV.
    """
    known = frozenset([*site.devices_by_id(), *(gateway.id for gateway in site.gateway)])
    met = SeriesIndex()
    recorded = read_recorded(inputs, known=known, series=met)
    pipeline = Pipeline(_as_recorded(site, met), is_replay=True)
    rows = _renumbered(recorded.rows, met, pipeline.series)
    last_ns = int(rows.received_ns[-1]) if len(rows) else 0
    end_ns = last_ns if until_ns is None else max(last_ns, until_ns)
    outcomes = list(_outcomes(pipeline, rows, end_ns=end_ns)) if len(rows) else []
    told = [event for outcome in outcomes for event in outcome.events]
    refused = [row for outcome in outcomes for row in (*outcome.quarantine, *outcome.conflicts)]
    return BacktestResult(
        observations=_settled(outcomes, pipeline.series),
        series=pipeline.series,
        events=tuple(effective_events(told)),
        quarantine=(*recorded.quarantine, *sorted(refused, key=lambda row: (row.device_id, row.detail))),
        until_ns=end_ns,
    )


def _as_recorded(site: Site, met: SeriesIndex) -> Site:
    heard = {met.key(number)[0] for number in range(len(met))}
    return site.model_copy(update={"gateway": tuple(gateway for gateway in site.gateway if gateway.id in heard)})


def _renumbered(rows: Batch, met: SeriesIndex, series: SeriesIndex) -> Batch:
    """Return `rows` with the numbers of `series` in the place of those of `met`."""
    numbers = np.array([series.id_of(*met.key(number)) for number in range(len(met))], np.int32)
    return replace(rows, series=numbers[rows.series]) if len(rows) else rows


def _outcomes(pipeline: Pipeline, rows: Batch, *, end_ns: int) -> Iterator[Outcome]:
    """Feed the rows in the order of receipt, the clock standing at each slice's last row; rows of one instant stay
    together, because the clock cannot stand between them."""
    first_ns = int(rows.received_ns[0])
    yield pipeline.process_rows(empty_batch(), Moment(now_ns=first_ns, due_ns=first_ns))
    at = 0
    while at < len(rows):
        end = min(at + SLICE_ROWS, len(rows))
        end = int(np.searchsorted(rows.received_ns, rows.received_ns[end - 1], side="right"))
        now_ns = int(rows.received_ns[end - 1])
        yield pipeline.process_rows(rows.take(np.arange(at, end)), Moment(now_ns=now_ns, due_ns=now_ns))
        at = end
    yield pipeline.process_rows(empty_batch(), Moment(now_ns=end_ns, due_ns=end_ns))


def _settled(outcomes: Sequence[Outcome], series: SeriesIndex) -> Batch:
    """Return the rows that stand in the end: the last of each name, without those removed after it."""
    steps = [part for outcome in outcomes for part in (outcome.removed, outcome.observations)]
    rows = concat(steps) if steps else empty_batch()
    is_removal = np.concatenate([np.full(len(s), i % 2 == 0) for i, s in enumerate(steps)] or [np.empty(0, np.bool_)])
    order = np.lexsort((np.arange(len(rows)), rows.seq, rows.observed_ns, rows.series))
    names = (rows.series[order], rows.observed_ns[order], rows.seq[order])
    is_last = np.ones(len(rows), np.bool_)
    is_last[:-1] = np.logical_or.reduce([np.diff(name) != 0 for name in names])
    kept = rows.take(order[is_last & ~is_removal[order]])
    keys = sorted(range(len(series)), key=series.key)
    place = np.empty(len(series), np.int64)
    place[keys] = np.arange(len(keys))
    return kept.take(np.lexsort((kept.seq, kept.observed_ns, place[kept.series])))


def write_observations(path: Path, result: BacktestResult) -> None:
    """Write the observations as CSV: a missing value is empty, the flag is a word, times are ISO 8601 in UTC."""
    rows = result.observations
    columns = (rows.series, rows.observed_ns, rows.value, rows.flag, rows.seq, rows.received_ns)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for number, observed_ns, value, flag, seq, received_ns in zip(*(c.tolist() for c in columns), strict=True):
            device_id, quantity = result.series.key(number)
            said = "" if math.isnan(value) else repr(value)
            counter = "" if seq == NO_SEQ else seq
            writer.writerow(
                (iso(observed_ns), device_id, quantity, said, NAMES.get(flag, flag), counter, iso(received_ns))
            )


def event_as_json(event: Event, site: Site) -> dict[str, Any]:
    """Return an event as a JSON object: times as ISO 8601, numbers that were not compared as null."""
    places = {home.id: home.station for home in site.home} | {device.id: device.station for device in site.device}
    return {
        "event_id": event.event_id,
        "rule_id": event.rule_id,
        "subject": event.subject,
        "device_id": event.device_id,
        "station_id": places.get(event.device_id or event.subject, ""),
        "quantity": event.quantity,
        "state": event.state.value,
        "severity": event.severity.key,
        "observed_at": iso(event.observed_ns),
        "detected_at": iso(event.detected_ns),
        "value": None if math.isnan(event.value) else event.value,
        "limit": None if math.isnan(event.limit) else event.limit,
    }


def iso(instant_ns: int) -> str:
    """Return integer nanoseconds since 1970 as the shortest exact ISO 8601 in UTC, with `Z`."""
    seconds, rest_ns = divmod(instant_ns, SECOND_NS)
    text = datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    digits = f".{rest_ns:09d}".rstrip("0") if rest_ns else ""
    return f"{text}{digits}Z"
