"""The core under load, for `satomori bench`: a town of any size, its readings, and what they are held against.

Numbers stand here, and not in the bench, because only ingest works with numpy. All readings are made from one seed:
every run sees the same ones. One in a hundred is heard twice, one in five hundred is bad or cannot be. Seconds are
those of the processor, so that other work on the machine does not count.
"""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from devices.link_model import AckToken, Message
from devices.model import SECOND_NS, EventState, PermanentError, Reading
from devices.quantities import QUANTITIES
from devices.site import Check, Device, Rule, Site, Station, Town
from ingest.batch import NO_SEQ, Batch, SeriesIndex, concat
from ingest.flags import BAD, GOOD, MISSING, UNKNOWN
from ingest.intake import Intake
from ingest.layout import Layout
from ingest.packs import READINGS_TOPIC, FastReader, pop_group
from ingest.pipeline import Moment, Outcome, Pipeline
from ingest.recording import RecordingReader
from ingest.rows import in_columns

START_NS = 1_768_867_200 * SECOND_NS  # 2026-01-20T00:00Z
STEP_NS = 600 * SECOND_NS
MEASURED = ("snow_depth", "air_temperature", "relative_humidity", "wind_speed")
SEED = 20260120
_HEARD_TWICE, _BAD = 0.01, 0.002
_SPREAD = {"snow_depth": (1.0, 0.3), "air_temperature": (0.0, 4.0), "relative_humidity": (80.0, 5.0)}
_CENTRE = (6.0, 3.0)

THRESHOLDS = (
    Rule(id="deep", kind="threshold", quantity="snow_depth", params={"raise_at": 1.9, "clear_at": 1.7}),
    Rule(
        id="frost",
        kind="threshold",
        quantity="air_temperature",
        params={"raise_at": -12.0, "clear_at": -10.0, "direction": "below"},
    ),
    Rule(id="gale", kind="threshold", quantity="wind_speed", params={"raise_at": 15.0, "clear_at": 13.0}),
)


def town_of(series: int) -> Site:
    """Return a site for this many series (a multiple of 4): 3 thresholds, the rules every town has, 6 range checks."""
    devices = tuple(
        Device(id=f"d{number:06d}", name=f"d{number:06d}", model="senml", station="all", quantities=())
        for number in range(-(-series // len(MEASURED)))
    )
    checks = (*(Check(kind="range", quantity=(key,)) for key in MEASURED), Check(kind="range", quantity=("distance",)))
    return Site(
        version=1, town=Town(id="bench", name="bench"), station=(Station(id="all", name="all", domain="snow"),),
        device=devices, rule=THRESHOLDS, check=checks,
    )  # fmt: skip


class Load:
    """Readings of a town of `series`, in order of time, in batches of any size."""

    def __init__(self, series: int) -> None:
        """Begin at the first instant."""
        self._random = np.random.default_rng(SEED)
        self._series = series
        self._step = 0
        self._left: Batch | None = None
        centre = [_SPREAD.get(key, _CENTRE) for key in MEASURED]
        self._mean = np.array([mean for mean, _ in centre])
        self._width = np.array([width for _, width in centre])

    def name_series(self, index: SeriesIndex) -> None:
        """Number the series as the batches do."""
        for number in range(self._series):
            device, quantity = divmod(number, len(MEASURED))
            index.id_of(f"d{device:06d}", MEASURED[quantity])

    def batch(self, size: int) -> Batch:
        """Return the next `size` rows, in order of arrival."""
        parts = [] if self._left is None else [self._left]
        while sum(map(len, parts)) < size:
            parts.append(self._sweep())
        rows = concat(parts)
        self._left = rows.take(np.arange(size, len(rows)))
        return rows.take(np.arange(size))

    def _sweep(self) -> Batch:
        """Return one reading of each series, those of a device together as in its message, some messages twice."""
        random, kinds = self._random, len(MEASURED)
        devices = random.permutation(self._series // kinds)
        copies = 1 + (random.random(len(devices)) < _HEARD_TWICE)
        series = (devices[:, None] * kinds + np.arange(kinds)).astype(np.int32).ravel()
        kind = series % len(MEASURED)
        value = random.normal(self._mean[kind], self._width[kind]).round(3)
        value[kind >= 2] = np.abs(value[kind >= 2])
        fate = random.random(len(series))
        value[fate < _BAD / 2] = np.nan
        value[(fate >= _BAD / 2) & (fate < _BAD)] = 500.0
        self._step += 1
        places = np.repeat(np.arange(len(series)).reshape(-1, kinds), copies, axis=0).ravel()
        series, value = series[places], value[places]
        at_ns = np.full(len(series), START_NS + self._step * STEP_NS)
        return Batch(
            series=series, observed_ns=at_ns, received_ns=at_ns + SECOND_NS, seq=np.full(len(series), NO_SEQ),
            value=value, flag=np.full(len(series), UNKNOWN, np.uint8), resent=np.zeros(len(series), np.bool_),
            clock=np.zeros(len(series), np.uint8),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Seconds of the reference and of the subject in each round; they took turns on the same input."""

    reference_s: tuple[float, ...]
    subject_s: tuple[float, ...]


def timed(call: Callable[[], object]) -> float:
    """Return how many seconds `call` takes."""
    began_s = time.process_time()
    call()
    return time.process_time() - began_s


class Core:
    """A pipeline that is fed with the readings of a Load."""

    def __init__(self, series: int) -> None:
        """Build the pipeline of a town with this many series."""
        self.pipeline = Pipeline(town_of(series))
        self.load = Load(series)
        self.load.name_series(self.pipeline.series)

    def take(self, rows: Batch) -> Outcome:
        """Run the pipeline on rows (N,), which have just been received."""
        now_ns = int(rows.received_ns[-1])
        return self.pipeline.process_rows(rows, Moment(now_ns=now_ns, due_ns=now_ns))


def core_against_sort(*, series: int, batch: int, rounds: int) -> Timed:
    """Time the whole pipeline against one lexsort by (series, observed time) of the same batch."""
    core = Core(series)
    for _ in range(3):
        core.take(core.load.batch(batch))
    reference_s, subject_s = [], []
    for _ in range(rounds):
        rows = core.load.batch(batch)
        reference_s.append(timed(lambda rows=rows: np.lexsort((rows.observed_ns, rows.series))))  # type: ignore[misc]
        subject_s.append(timed(lambda rows=rows: core.take(rows)))  # type: ignore[misc]
    return Timed(reference_s=tuple(reference_s), subject_s=tuple(subject_s))


def core_one_by_one(*, series: int, rounds: int) -> tuple[float, ...]:
    """Return seconds for each reading that comes alone, from Reading to Outcome, in a town that has been running.

    Each has a time of its own: devices that send one quantity a message.
    """
    core = Core(series)
    core.take(core.load.batch(2 * series))
    rows = core.load.batch(rounds)
    return tuple(timed(lambda one=one: _take_one(core, one)) for one in _as_readings(rows, core))  # type: ignore[misc]


def _take_one(core: Core, reading: Reading) -> Outcome:
    return core.pipeline.process([reading], now_ns=reading.received_ns)


def _as_readings(rows: Batch, core: Core) -> list[Reading]:
    keys = [core.pipeline.series.key(number) for number in rows.series.tolist()]
    columns = zip(keys, rows.value.tolist(), rows.observed_ns.tolist(), strict=True)
    return [
        Reading(
            device_id=key[0], quantity=key[1], value=value, observed_ns=at_ns + number,
            received_ns=at_ns + SECOND_NS + number,
        )
        for number, (key, value, at_ns) in enumerate(columns)
    ]  # fmt: skip


Judged = tuple[int, int, str, int]
"""Series, observed time, value as text, flag."""

Told = tuple[str, int, str, int]
"""Rule, series, what it says, observed time."""


@dataclass(slots=True, kw_only=True)
class ScalarLoop:
    """Dedup, range and thresholds as one would write them for one reading after the other."""

    newest_ns: dict[int, int] = field(default_factory=dict)
    raised: set[tuple[str, int]] = field(default_factory=set)
    limits: list[tuple[float, float]] = field(
        default_factory=lambda: [(QUANTITIES[key].lo, QUANTITIES[key].hi) for key in MEASURED]
    )
    rules: list[list[tuple[str, int, float, float]]] = field(default_factory=lambda: [_rules_of(k) for k in MEASURED])

    def take(
        self, columns: tuple[list[int], list[int], list[float]]
    ) -> tuple[list[tuple[int, int, float, int]], list[Told]]:
        """Return accepted rows with their flags, and events."""
        judged: list[tuple[int, int, float, int]] = []
        told: list[Told] = []
        newest_ns, kinds = self.newest_ns, len(MEASURED)
        for series, at_ns, value in zip(*columns, strict=True):
            if newest_ns.get(series, 0) >= at_ns:
                continue
            newest_ns[series] = at_ns
            lo, hi = self.limits[series % kinds]
            flag = MISSING if value != value else GOOD if lo <= value <= hi else BAD
            judged.append((series, at_ns, value, flag))
            if flag == GOOD:
                self._judge(series, at_ns, value, told)
        return judged, told

    def _judge(self, series: int, at_ns: int, value: float, told: list[Told]) -> None:
        for name, sign, raise_at, clear_at in self.rules[series % len(MEASURED)]:
            key = (name, series)
            if value * sign >= raise_at * sign:
                if key not in self.raised:
                    self.raised.add(key)
                    told.append((name, series, EventState.RAISED.value, at_ns))
            elif value * sign <= clear_at * sign and key in self.raised:
                self.raised.remove(key)
                told.append((name, series, EventState.CLEARED.value, at_ns))


def _rules_of(quantity: str) -> list[tuple[str, int, float, float]]:
    return [
        (
            rule.id,
            -1 if rule.params.get("direction") == "below" else 1,
            float(rule.params["raise_at"]),
            float(rule.params["clear_at"]),
        )
        for rule in THRESHOLDS
        if rule.quantity == quantity
    ]


def core_against_loop(*, series: int, batch: int, rounds: int) -> Timed:
    """Time a scalar loop against the pipeline on the same batches.

    Raises PermanentError when they do not say the same: the same rows accepted, the same flags, the same events.
    """
    core, loop = Core(series), ScalarLoop()
    reference_s, subject_s = [], []
    for turn in itertools.count():
        rows = core.load.batch(batch)
        columns = (rows.series.tolist(), rows.observed_ns.tolist(), rows.value.tolist())
        began_s = time.process_time()
        judged, told = loop.take(columns)
        loop_s = time.process_time() - began_s
        began_s = time.process_time()
        outcome = core.take(rows)
        core_s = time.process_time() - began_s
        _require_equal(outcome, judged, told)
        if turn:  # the first batch meets every series for the first time
            reference_s.append(loop_s)
            subject_s.append(core_s)
        if turn == rounds:
            return Timed(reference_s=tuple(reference_s), subject_s=tuple(subject_s))
    raise AssertionError("unreachable")


def _require_equal(outcome: Outcome, judged: list[tuple[int, int, float, int]], told: list[Told]) -> None:
    rows = outcome.observations
    columns = (rows.series, rows.observed_ns, rows.value, rows.flag)
    mine: list[Judged] = sorted(
        (series, at_ns, repr(value), flag)
        for series, at_ns, value, flag in zip(*(c.tolist() for c in columns), strict=True)
    )
    numbers = {outcome.series.key(number): number for number in set(rows.series.tolist())}
    events = sorted((e.rule_id, numbers[e.device_id, e.quantity], e.state.value, e.observed_ns) for e in outcome.events)
    if mine != sorted((s, at_ns, repr(value), flag) for s, at_ns, value, flag in judged) or events != sorted(told):
        raise PermanentError("core and scalar loop do not say the same; the comparison of their speed means nothing")


def sweep_cost(series: int, *, sweeps: int) -> float:
    """Return seconds a reading for whole towns: every series says something, in batches of 4,096 rows."""
    core = Core(series)
    core.take(core.load.batch(series))
    batch = min(series, 4_096)
    spent_s, done = 0.0, 0
    while done < sweeps * series:
        rows = core.load.batch(batch)
        spent_s += timed(lambda rows=rows: core.take(rows))  # type: ignore[misc]
        done += len(rows)
    return spent_s / done


def batch_cost(batch: int, *, series: int, rounds: int) -> float:
    """Return the median of seconds a batch of this size."""
    core = Core(series)
    core.take(core.load.batch(series))
    found = sorted(timed(lambda rows=rows: core.take(rows)) for rows in _batches(core.load, batch, rounds))  # type: ignore[misc]
    return found[len(found) // 2]


def _batches(load: Load, size: int, count: int) -> Iterator[Batch]:
    return (load.batch(size) for _ in range(count))


def exponent(sizes: list[int], costs_s: list[float]) -> float:
    """Return k of cost = c * size ** k, by least squares of logarithms."""
    slope = np.polyfit([math.log(size) for size in sizes], [math.log(cost) for cost in costs_s], 1)[0]
    return float(slope)


class PackColumns:
    """Turns packs into columns as ingest does: messages as they come in groups, series numbered."""

    def __init__(self, series: int) -> None:
        """Know a town of this many series."""
        site = town_of(series)
        self._reader = FastReader(devices=len(site.device))
        self._intake = Intake(Layout(site, contacts=frozenset()), series=SeriesIndex())

    def read(self, packs: Sequence[bytes], *, arrived_ns: int) -> Batch:
        """Return what the packs of a gateway hold."""
        token = AckToken(mid=1, qos=1, generation=1)
        waiting = deque(
            Message(topic=f"{READINGS_TOPIC}/gw-1", payload=pack, is_retained=False, ack_token=token) for pack in packs
        )
        parts = []
        while waiting:
            parts.append(self._reader.read(pop_group(waiting), arrived_ns=arrived_ns).readings)
        return self._intake.read(in_columns(parts))[0]


def read_recording(site: Site, path: Path) -> int:
    """Read a recording into columns as a backtest does; return how many rows it has."""
    reader = RecordingReader([device.id for device in site.device], lateness_s=site.ingest.lateness_s)
    reader.read(path)
    return len(reader.recording().rows)


def write_recording(path: Path, *, series: int, steps: int) -> int:
    """Write readings of `series` at so many instants as a recording; return how many rows it has."""
    load, index = Load(series), SeriesIndex()
    load.name_series(index)
    count = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("observed_at,device_id,quantity,value\n")
        for _ in range(steps):
            rows = load.batch(series)
            columns = zip(rows.observed_ns.tolist(), rows.series.tolist(), rows.value.tolist(), strict=True)
            file.writelines(f"{at_ns},{','.join(index.key(number))},{value!r}\n" for at_ns, number, value in columns)
            count += len(rows)
    return count


def bytes_of(outcome: Outcome) -> bytes:
    """Return all that a commit of `outcome` has to make durable, as bytes one after the other."""
    rows = outcome.observations
    columns = (
        rows.series,
        rows.observed_ns,
        rows.received_ns,
        rows.seq,
        rows.value,
        rows.flag,
        rows.resent,
        rows.clock,
    )
    events = [repr(event).encode() for event in outcome.events]
    return b"".join([*(column.tobytes() for column in columns), *outcome.changed_state.values(), *events])
