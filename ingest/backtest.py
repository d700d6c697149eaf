"""Recorded readings through the very same core, as fast as it goes; the clock comes from the data.

What comes out is a function of the set of rows: the same bytes however the input is cut into files, ordered or
doubled. Rows are taken in by the time they were received; deadlines that pass between rows are met exactly; after the
last row the clock runs on to `until_ns`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from devices.model import Event, QuarantineRow
from devices.site import Site
from ingest.batch import Batch, Int64s, SeriesIndex, concat, empty_batch
from ingest.events import effective_events
from ingest.flags import NAMES
from ingest.pipeline import Moment, Outcome, Pipeline
from ingest.recording import Recording, RecordingReader, Refusals
from ingest.runs import is_last

_SLICE_ROWS = 65_536
_EXAMPLES = 20
_WRITE_ROWS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What a pipeline made of a recording.

    `observations` (N,) are sorted by (observed_ns, device, quantity, seq), derived ones among them; `names` are those
    of their series. `events` are the ones that hold at the end (none withdrawn), in the order of their detection.
    `refusals` are rows that are no readings, `quarantine` readings with impossible times and conflicts.
    """

    observations: Batch
    names: SeriesIndex
    events: tuple[Event, ...]
    refusals: Refusals
    quarantine: tuple[QuarantineRow, ...]
    readings: int
    until_ns: int | None

    def summary(self) -> dict[str, Any]:
        """Return counts that do not depend on how the input was cut or doubled."""
        rows = self.observations
        keys = [self.names.key(number) for number in range(len(self.names))]
        by_series = Counter("/".join(keys[number]) for number in rows.series.tolist())
        by_flag = Counter(NAMES[flag] for flag in rows.flag.tolist())
        return {
            "readings": self.readings,
            "observations": len(rows),
            "observations_by_series": dict(sorted(by_series.items())),
            "observations_by_flag": dict(sorted(by_flag.items())),
            "observed_from": as_iso(int(rows.observed_ns[0])) if len(rows) else None,
            "observed_to": as_iso(int(rows.observed_ns[-1])) if len(rows) else None,
            "until": None if self.until_ns is None else as_iso(self.until_ns),
            "events": len(self.events),
            "quarantined": sum(self._refused().values()),
            "quarantined_by_reason": dict(sorted(self._refused().items())),
            "quarantined_examples": self._examples(),
        }

    def _refused(self) -> Counter[str]:
        found = Counter(row.reason for row in self.quarantine)
        found.update({reason: len(texts) for reason, texts in self.refusals.texts.items()})
        return found

    def _examples(self) -> dict[str, list[str]]:
        return {reason: sorted(texts)[:_EXAMPLES] for reason, texts in sorted(self.refusals.texts.items())}


def run_backtest(site: Site, inputs: Iterable[Path], *, until_ns: int | None = None) -> BacktestResult:
    """Return what the core makes of all `inputs` together, see `ingest.recording` for their form.

    `until_ns` (default: the last received time) is when the clock stops; rows received later are left out. Gateways of
    which the recording has no reading are not watched: it was made behind them. Raises PermanentError for files that
    cannot be read and for rules that are wrong.
    """
    device_ids = [*(device.id for device in site.device), *(gateway.id for gateway in site.gateway)]
    reader = RecordingReader(device_ids, lateness_s=site.ingest.lateness_s)
    for path in inputs:
        reader.read(path)
    recording = reader.recording()
    rows = recording.rows
    if until_ns is not None:
        rows = rows.take(rows.received_ns <= until_ns)
    elif len(rows):
        until_ns = int(rows.received_ns[-1])
    pipeline = Pipeline(_watching(site, recording), is_replay=True)
    return _result(pipeline, recording, _played(pipeline, recording, rows, until_ns), until_ns=until_ns)


def _watching(site: Site, recording: Recording) -> Site:
    heard = {recording.names.key(number)[0] for number in range(len(recording.names))}
    return site.model_copy(update={"gateway": tuple(gateway for gateway in site.gateway if gateway.id in heard)})


def _played(pipeline: Pipeline, recording: Recording, rows: Batch, until_ns: int | None) -> list[Outcome]:
    for number in range(len(recording.names)):
        pipeline.series.id_of(*recording.names.key(number))
    outcomes: list[Outcome] = []
    if len(rows):
        first_ns = int(rows.received_ns[0])
        outcomes.append(pipeline.process_rows(empty_batch(), Moment(now_ns=first_ns, due_ns=first_ns)))
    for start in range(0, len(rows), _SLICE_ROWS):
        part = rows.take(np.arange(start, min(len(rows), start + _SLICE_ROWS)))
        now_ns = int(part.received_ns[-1])
        outcomes.append(pipeline.process_rows(part, Moment(now_ns=now_ns, due_ns=now_ns)))
    if until_ns is not None:
        outcomes.append(pipeline.process_rows(empty_batch(), Moment(now_ns=until_ns, due_ns=until_ns)))
    return outcomes


def _result(
    pipeline: Pipeline, recording: Recording, outcomes: Sequence[Outcome], *, until_ns: int | None
) -> BacktestResult:
    events = effective_events(event for outcome in outcomes for event in outcome.events)
    quarantine = [row for outcome in outcomes for row in (*outcome.conflicts, *outcome.quarantine)]
    observations = _final(outcomes)
    is_raw = observations.series < len(recording.names)
    return BacktestResult(
        observations=_in_order_of_time(observations, pipeline.series),
        names=pipeline.series,
        events=tuple(sorted(events, key=lambda event: event.detected_ns)),
        refusals=recording.refusals,
        quarantine=tuple(sorted(quarantine, key=lambda row: (row.reason, row.device_id, row.detail))),
        readings=int(is_raw.sum()),
        until_ns=until_ns,
    )


def _final(outcomes: Sequence[Outcome]) -> Batch:
    """Return the rows that stand after all `outcomes` were written one after the other."""
    written: list[tuple[Batch, bool]] = []
    for outcome in outcomes:
        written += [(outcome.removed, False), (outcome.observations, True)]
    written = [(rows, stands) for rows, stands in written if len(rows)]
    rows = concat([rows for rows, _ in written])
    stands = np.repeat([stands for _, stands in written], [len(rows) for rows, _ in written])
    # lexsort is stable: of rows of one name the last written stands last
    order = np.lexsort((rows.seq, rows.observed_ns, rows.series))
    last = np.logical_or.reduce([is_last(c[order]) for c in (rows.series, rows.observed_ns, rows.seq)])
    return rows.take(order[last & stands[order].astype(np.bool_)])


def _in_order_of_time(rows: Batch, names: SeriesIndex) -> Batch:
    keys = [names.key(number) for number in range(len(names))]
    rank = np.empty(len(keys), dtype=np.int32)
    rank[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return rows.take(np.lexsort((rows.seq, rank[rows.series], rows.observed_ns)))


def write_observations(path: Path, result: BacktestResult) -> None:
    """Write `observed_at,device_id,quantity,value,flag,seq,received_at`, a row an observation.

    Times are UTC with as many digits as they need; `flag` is a QARTOD number (1 good, 2 not evaluated, 3 suspect,
    4 bad, 9 missing); NaN and absent counters are empty.
    """
    names = [",".join(result.names.key(number)) for number in range(len(result.names))]
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("observed_at,device_id,quantity,value,flag,seq,received_at\n")
        for start in range(0, len(result.observations), _WRITE_ROWS):
            rows = result.observations.take(np.arange(start, min(len(result.observations), start + _WRITE_ROWS)))
            file.writelines(_lines(rows, names))


def _lines(rows: Batch, names: Sequence[str]) -> Iterable[str]:
    observed, received = _iso_texts(rows.observed_ns), _iso_texts(rows.received_ns)
    columns = zip(
        observed,
        rows.series.tolist(),
        rows.value.tolist(),
        rows.flag.tolist(),
        rows.seq.tolist(),
        received,
        strict=True,
    )
    return (
        f"{at},{names[series]},{'' if value != value else repr(value)},{flag},{'' if seq < 0 else seq},{got}\n"
        for at, series, value, flag, seq, got in columns
    )


def _iso_texts(times_ns: Int64s) -> list[str]:
    """Return ISO 8601 texts in UTC with 0, 3, 6 or 9 digits, whatever is exact and shortest."""
    texts = np.empty(len(times_ns), dtype=object)
    left = np.ones(len(times_ns), dtype=np.bool_)
    units: tuple[tuple[Literal["s", "ms", "us", "ns"], int], ...] = (
        ("s", 10**9),
        ("ms", 10**6),
        ("us", 10**3),
        ("ns", 1),
    )
    for unit, step_ns in units:
        chosen = left & (times_ns % step_ns == 0)
        left &= ~chosen
        texts[chosen] = np.datetime_as_string(times_ns[chosen].astype("datetime64[ns]"), unit=unit)
    return [f"{text}Z" for text in texts.tolist()]


def as_iso(time_ns: int) -> str:
    """Return an instant as ISO 8601 in UTC, with as many digits as it needs."""
    return _iso_texts(np.array([time_ns], dtype=np.int64))[0]


def event_as_json(event: Event, site: Site) -> dict[str, Any]:
    """Return an event as the API shows it: times in ISO 8601, numbers that are NaN as None."""
    return {
        "event_id": event.event_id,
        "rule_id": event.rule_id,
        "subject": event.subject,
        "device_id": event.device_id,
        "station_id": _station_of(event, site),
        "quantity": event.quantity,
        "state": event.state.value,
        "severity": event.severity.key,
        "observed_at": as_iso(event.observed_ns),
        "detected_at": as_iso(event.detected_ns),
        "value": None if event.value != event.value else event.value,
        "limit": None if event.limit != event.limit else event.limit,
    }


def _station_of(event: Event, site: Site) -> str:
    stations: Mapping[str, str] = {
        **{gateway.id: gateway.station for gateway in site.gateway},
        **{home.id: home.station for home in site.home},
        **{device.id: device.station for device in site.device},
    }
    return stations.get(event.device_id) or stations.get(event.subject, "")
