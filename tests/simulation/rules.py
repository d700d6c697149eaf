"""Identity and one rule, as pure steps: the real frame reader, the real marks and differences, a small threshold.

Real: `ingest.identity` (which frames are copies), `ingest.events` (marks, difference, event identity).
Modelled: the columns of the pipeline (here rows in a dict) and its rules (here: 2 raises, 0 clears, 1 is between). As
in the pipeline, what is known and what was told live in memory and come back from the journal's state alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from devices.model import Event, EventState, Reading, Severity
from ingest.events import Mark, Subject, as_event, difference, in_order
from ingest.identity import Frame, FrameReader, Row, chosen_rows
from tests.simulation.journal import RowName

RULE = "deep"
INTERVAL_NS = 12 * 3_600 * 10**9
SEVERITIES = {RULE: Severity.WARNING}


class Known(NamedTuple):
    """What is remembered of a device: every row by (observed, seq), those that stand, the marks that were told.

    `heard_ns`: when it was last heard as news; what was sent again proves no life.
    """

    rows: dict[tuple[int, int], Reading]
    standing: dict[RowName, float]
    marks: Sequence[Mark]
    heard_ns: int = 0


class Columns(NamedTuple):
    """Stands for a Batch: `len(series)` is all that is asked."""

    series: dict[RowName, float]


class SimOutcome(NamedTuple):
    """What of `ingest.pipeline.Outcome` the consumer and the journal's twin look at."""

    observations: Columns
    removed: tuple[RowName, ...] = ()
    events: tuple[Event, ...] = ()
    changed_state: Mapping[str, Known] = MappingProxyType({})
    duplicates: int = 0
    quarantine: tuple[()] = ()
    conflicts: tuple[()] = ()


_NOTHING = SimOutcome(Columns({}))
_NEVER = Known({}, {}, ())


class Rules:
    """The `ingest.consume.Processor` of the simulation."""

    def __init__(self, state: dict[str, object], fault: str, stumble: Callable[[Sequence[Reading]], None]) -> None:
        self._known: dict[str, Known] = dict(state) if fault != "state_not_restored" else {}  # type: ignore[arg-type]
        self._fault = fault
        self._stumble = stumble

    def process(self, readings: Sequence[Reading], *, now_ns: int, due_ns: int | None = None) -> SimOutcome:
        if not readings:
            return _NOTHING
        by_device: dict[str, list[Reading]] = {}
        for reading in readings:
            by_device.setdefault(reading.device_id, []).append(reading)
        observations: dict[RowName, float] = {}
        removed: list[RowName] = []
        marks: list[Mark] = []
        changed: dict[str, Known] = {}
        for device_id, news in by_device.items():
            known = self._known.get(device_id, _NEVER)
            rows = _with_news(known.rows, news)
            if rows is None:
                continue
            standing = _standing(device_id, rows) if self._fault != "no_dedup" else _all(device_id, rows)
            observations.update(item for item in standing.items() if item not in known.standing.items())
            removed += [name for name in known.standing if name not in standing]
            told = fold(device_id, standing, rows)
            marks += difference(known.marks, told)
            changed[device_id] = self._known[device_id] = Known(rows, standing, told, self._heard_ns(rows))
        self._stumble(readings)  # in memory all is changed already: nothing of that may stay
        events = tuple(as_event(mark, severities=SEVERITIES, detected_ns=now_ns) for mark in in_order(marks))
        return SimOutcome(Columns(observations), tuple(removed), events, changed)

    def _heard_ns(self, rows: dict[tuple[int, int], Reading]) -> int:
        is_news = self._fault == "resent_rows_are_news"
        return max((row.received_ns for row in rows.values() if is_news or not row.resent), default=0)

    def next_deadline_ns(self) -> int | None:
        return None


def fold(device_id: str, standing: dict[RowName, float], rows: dict[tuple[int, int], Reading]) -> list[Mark]:
    """Return the marks of all readings that stand, in order of observed time."""
    subject = Subject(key=device_id, device_id=device_id, quantity="snow_depth")
    marks: list[Mark] = []
    start_ns = 0
    is_raised = False
    for name in sorted(standing):
        value, observed_ns = standing[name], name[1]
        if value != (0.0 if is_raised else 2.0):
            continue
        is_raised = not is_raised
        if is_raised:
            start_ns = observed_ns
        marks.append(
            Mark(
                rule_id=RULE, subject=subject, start_ns=start_ns,
                state=EventState.RAISED if is_raised else EventState.CLEARED, observed_ns=observed_ns,
                known_ns=rows[name[1:]].received_ns, value=value, limit=2.0,
            )
        )  # fmt: skip
    return marks


def _with_news(rows: dict[tuple[int, int], Reading], news: Iterable[Reading]) -> dict[tuple[int, int], Reading] | None:
    """Return all rows with `news` among them, None when those say nothing new: of equal names the better one stays."""
    merged = dict(rows)
    for reading in news:
        name = (reading.observed_ns, -1 if reading.seq is None else reading.seq)
        old = merged.get(name)
        if old is None or (reading.resent, reading.received_ns) < (old.resent, old.received_ns):
            merged[name] = reading
    return None if merged == rows else merged


def _standing(device_id: str, rows: dict[tuple[int, int], Reading]) -> dict[RowName, float]:
    if next(iter(rows))[1] < 0:
        return _all(device_id, rows)
    reader = FrameReader(INTERVAL_NS)
    frames: list[Frame] = []
    order = sorted(rows)
    for number, name in enumerate(order):
        rank = (rows[name].resent, rows[name].received_ns)
        frame = Frame(name[0], name[1], [Row(number, 0, int(rows[name].value), rank, rank, False)])
        frames.append(frame)
        reader.read(frame)
    kept = [order[chosen.kept.number] for chosen in chosen_rows(frames)]
    return {(device_id, *name): rows[name].value for name in kept}


def _all(device_id: str, rows: dict[tuple[int, int], Reading]) -> dict[RowName, float]:
    return {(device_id, *name): reading.value for name, reading in rows.items()}
