"""The journal's reader: empty before there is a file, follows a replaced file, never writes, quick over a year."""

from __future__ import annotations

import math
import sqlite3
import statistics
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.model import TransientError
from ingest import journal_read
from ingest.journal import JournalWriter
from ingest.journal_fresh import lay_out
from ingest.journal_read import JournalReader
from tests.ingest.journal_cases import SECOND_NS, T0_NS, batch, connection_of, event, reading

SPAN = {"from_ns": 0, "to_ns": 2**62}
EMPTY_ANSWERS: dict[str, Callable[[JournalReader], object]] = {
    "commit_no": lambda r: r.commit_no(),
    "heartbeat_ns": lambda r: r.heartbeat_ns(),
    "events_after": lambda r: r.events_after(0),
    "events": lambda r: r.events(since_ns=0, until_ns=2**62, limit=9),
    "latest": lambda r: r.latest(),
    "series": lambda r: r.series(),
    "observations": lambda r: r.observations("a", "b", from_ns=0, to_ns=9, limit=9),
    "observation_points": lambda r: r.observation_points("a", "b", from_ns=0, to_ns=9, points=3),
    "observation_counts": lambda r: r.observation_counts(),
    "quarantine": lambda r: r.quarantine(limit=9),
    "counters": lambda r: r.counters(),
    "receipts": lambda r: r.receipts(),
    "gaps": lambda r: r.gaps(),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(path, now_ns=0)
    yield writer
    writer.close()


@pytest.mark.parametrize("state", ["no file", "no tables"])
@pytest.mark.parametrize("ask", EMPTY_ANSWERS.values(), ids=EMPTY_ANSWERS.keys())
def test_before_ingest_ever_ran_everything_is_empty(
    path: Path, ask: Callable[[JournalReader], object], state: str
) -> None:
    if state == "no tables":
        path.touch()
    assert not ask(JournalReader(path))


def test_reader_made_before_the_file_sees_it_when_it_comes(path: Path) -> None:
    reader = JournalReader(path)
    assert reader.latest() == []
    writer = JournalWriter.open(path, now_ns=0)
    writer.commit(batch([reading()]))
    assert len(reader.latest()) == 1
    writer.close()


@pytest.mark.parametrize("looks_between", [False, True])
def test_reader_follows_a_file_that_was_set_aside(path: Path, looks_between: bool) -> None:
    writer, reader = JournalWriter.open(path, now_ns=0), JournalReader(path)
    writer.commit(batch([reading("old")]))
    assert [row.device_id for row in reader.latest()] == ["old"]
    writer.close()
    path.rename(path.with_name("journal.db.damaged-x"))
    for side in path.parent.glob("journal.db-*"):
        side.rename(side.with_name(side.name.replace("journal.db", "journal.db.damaged-x")))
    if looks_between:
        assert reader.latest() == []
    writer = JournalWriter.open(path, now_ns=0)
    writer.commit(batch([reading("new")]))
    assert [row.device_id for row in reader.latest()] == ["new"]
    writer.close()


def test_reader_cannot_write(path: Path, writer: JournalWriter) -> None:
    reader = JournalReader(path)
    assert reader.commit_no() == 0
    assert reader._connection is not None
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM state")


def test_a_file_that_is_no_database_is_told(path: Path) -> None:
    path.write_bytes(b"garbage " * 1000)
    with pytest.raises(TransientError, match=r"journal\.db cannot be read"):
        JournalReader(path).commit_no()


def test_reader_does_not_hold_the_log_open(path: Path, writer: JournalWriter) -> None:
    reader = JournalReader(path)
    writer.commit(batch([reading(at_s=second) for second in range(100)]))
    reader.observations("snow-1", "snow_depth", **SPAN, limit=3)
    busy, log_pages, checkpointed = connection_of(writer).execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert (busy, log_pages, checkpointed) == (0, 0, 0)


def test_events_by_number_and_by_time(path: Path, writer: JournalWriter) -> None:
    for number in range(5):
        writer.commit(batch(events=[event(f"e{number}", at_s=100 - number)]))
    reader = JournalReader(path)
    rows = reader.events_after(0, limit=3)
    assert [row.event.event_id for row in rows] == ["e0", "e1", "e2"]
    assert [row.event.event_id for row in reader.events_after(rows[-1].event_no)] == ["e3", "e4"]
    span = reader.events(since_ns=T0_NS + 97 * SECOND_NS, until_ns=T0_NS + 100 * SECOND_NS, limit=2)
    assert [row.event.event_id for row in span] == ["e1", "e2"]


def test_observations_span_is_half_open_and_limited(path: Path, writer: JournalWriter) -> None:
    writer.commit(batch([reading(at_s=second, value=float(second)) for second in range(10)]))
    rows = JournalReader(path).observations(
        "snow-1", "snow_depth", from_ns=T0_NS + 2 * SECOND_NS, to_ns=T0_NS + 8 * SECOND_NS, limit=4
    )
    assert [row.value for row in rows] == [2.0, 3.0, 4.0, 5.0]
    assert rows[0].seq is None


POINT_READINGS = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from([0.5, 1.0, 2.5, math.nan])), unique_by=lambda p: p[0], max_size=30
)


@settings(deadline=None, max_examples=40)
@given(rows=POINT_READINGS, points=st.integers(1, 12), start=st.integers(0, 50), length=st.integers(1, 60))
def test_points_are_what_a_plain_loop_gives(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float]], points: int, start: int, length: int
) -> None:
    path = tmp_path_factory.mktemp("points") / "journal.db"
    writer, reader = JournalWriter.open(path, now_ns=0), JournalReader(path)
    writer.commit(batch([reading(at_s=at_s, value=value) for at_s, value in rows]))
    from_ns, to_ns = T0_NS + start * SECOND_NS, T0_NS + (start + length) * SECOND_NS
    width_ns = -(-(to_ns - from_ns) // points)
    buckets: dict[int, list[tuple[int, float]]] = {}
    for at_s, value in sorted(rows):
        at_ns = T0_NS + at_s * SECOND_NS
        if from_ns <= at_ns < to_ns and not math.isnan(value):
            buckets.setdefault((at_ns - from_ns) // width_ns, []).append((at_ns, value))
    expected = [
        (bucket[0][0], bucket[-1][0], min(v for _, v in bucket), max(v for _, v in bucket), len(bucket))
        for _, bucket in sorted(buckets.items())
    ]
    found = reader.observation_points("snow-1", "snow_depth", from_ns=from_ns, to_ns=to_ns, points=points)
    assert [(p.start_ns, p.end_ns, p.min, p.max, p.count) for p in found] == expected
    means = [statistics.fmean(v for _, v in bucket) for _, bucket in sorted(buckets.items())]
    assert [p.mean for p in found] == pytest.approx(means)
    assert len(found) <= points
    reader.close()
    writer.close()


@pytest.mark.parametrize(("flag", "is_shown"), [(1, True), (2, True), (3, True), (4, False), (9, False)])
def test_points_leave_out_bad_and_missing(path: Path, writer: JournalWriter, flag: int, is_shown: bool) -> None:
    writer.commit(batch([reading()]))
    assert writer.tend(now_ns=0, is_forced=True)
    connection_of(writer).execute("UPDATE observations SET flag = ?", (flag,))
    assert bool(JournalReader(path).observation_points("snow-1", "snow_depth", **SPAN, points=5)) is is_shown


@pytest.mark.parametrize(("from_ns", "to_ns", "points"), [(5, 5, 10), (9, 5, 10), (0, 10, 0)])
def test_points_of_nothing(path: Path, writer: JournalWriter, from_ns: int, to_ns: int, points: int) -> None:
    assert JournalReader(path).observation_points("a", "b", from_ns=from_ns, to_ns=to_ns, points=points) == []


def test_a_year_of_ten_minutes_becomes_500_points(path: Path, writer: JournalWriter) -> None:
    year = 365 * 144
    writer.commit(batch([reading(at_s=600 * step, value=step / year) for step in range(year)]))
    points = JournalReader(path).observation_points(
        "snow-1", "snow_depth", from_ns=T0_NS, to_ns=T0_NS + year * 600 * SECOND_NS, points=500
    )
    assert len(points) == 500
    assert sum(point.count for point in points) == year


def test_what_a_year_of_one_series_costs_does_not_grow_with_the_others(path: Path) -> None:
    """Every table of history is looked into by its key, the series first: nothing is scanned."""
    JournalWriter.open(path, now_ns=T0_NS).close()
    with closing(sqlite3.connect(path)) as connection:
        lay_out(connection, [])
        for sql, count in ((journal_read._POINTS, 5), (journal_read._OBSERVATIONS, 4)):
            plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * count)]
            looks = [step for step in plan if step.startswith(("SCAN", "SEARCH"))]
            tables = [step for step in looks if not step.startswith(("SCAN (subquery", "SCAN temp.fresh", "SEARCH f "))]
            assert tables
            assert all("PRIMARY KEY (series_id=? AND " in step for step in tables)
