"""Upkeep: old rows become hours, very old ones end, each counted; a wrong clock costs nothing."""

from __future__ import annotations

import math
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devices.site_file import parse_site
from ingest import journal_upkeep
from ingest.journal import JournalWriter
from ingest.journal_read import JournalReader
from ingest.journal_upkeep import DAY_NS, HOUR_NS, Keep, keep_of
from tests.ingest.core_town import TOWN, town
from tests.ingest.journal_cases import SECOND_NS, T0_NS, bad_input, batch, connection_of, event, reading

KEEP = Keep(raw_days=2, points_days=10, batches_days=3, events_days=10, events_most=5, quarantine_days=2)
DAY_S = 86_400
ALL = {"from_ns": 0, "to_ns": 2**62}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(path, now_ns=T0_NS, keep=KEEP)
    yield writer
    writer.close()


def tend(writer: JournalWriter, *, day: float) -> int:
    """Fold, then look through everything once at T0 + day; return the number of steps."""
    now_ns = T0_NS + int(day * DAY_NS)
    while writer._known.backlog.batches:
        writer.tend(now_ns=now_ns, is_forced=True)
    steps = 1
    while writer.tend(now_ns=now_ns):
        steps += 1
    return steps


def counters(path: Path) -> dict[str, int]:
    return {k: n for k, n in JournalReader(path).counters().items() if k.startswith(("thinned", "expired"))}


def test_old_rows_become_hours_and_the_sums_stay(path: Path, writer: JournalWriter) -> None:
    chance = random.Random(1)
    readings = [reading(at_s=600 * step, value=chance.random()) for step in range(144 * 4)]
    writer.commit(batch(readings))
    span = {"from_ns": T0_NS // HOUR_NS * HOUR_NS, "to_ns": T0_NS // HOUR_NS * HOUR_NS + 5 * DAY_NS}
    before = JournalReader(path).observation_points("snow-1", "snow_depth", **span, points=5)
    tend(writer, day=4)
    reader = JournalReader(path)
    rows = reader.observations("snow-1", "snow_depth", **ALL, limit=10**6)
    cut_ns = (readings[-1].received_ns - 2 * DAY_NS) // HOUR_NS * HOUR_NS
    kept = [one for one in readings if one.observed_ns >= cut_ns]
    assert [row.observed_ns for row in rows] == [one.observed_ns for one in kept]
    assert counters(path)["thinned_rows"] == len(readings) - len(kept)
    after = reader.observation_points("snow-1", "snow_depth", **span, points=5)
    assert [(p.min, p.max, p.count) for p in after] == [(p.min, p.max, p.count) for p in before]
    assert [p.mean for p in after] == pytest.approx([p.mean for p in before])
    with closing(sqlite3.connect(path)) as connection:
        hours, most = connection.execute("SELECT count(*), max(count) FROM hours").fetchone()
    assert (hours, most) == (-(-(len(readings) - len(kept)) // 6), 6) or hours in (48, 49)


@pytest.mark.parametrize(
    ("quantity", "sql", "is_kept"),
    [
        pytest.param("snow_depth", "", False, id="a good value"),
        pytest.param("snow_depth", "UPDATE observations SET flag = 3 WHERE seq = 0", True, id="a suspect one"),
        pytest.param("snow_depth", "UPDATE observations SET value = NULL WHERE seq = 0", True, id="bad by the device"),
        pytest.param("contact_open", "", True, id="a state"),
        pytest.param("nobody_knows", "", True, id="unknown to us"),
    ],
)
def test_what_is_thinned(path: Path, writer: JournalWriter, quantity: str, sql: str, is_kept: bool) -> None:
    writer.commit(batch([reading(quantity=quantity, seq=0), reading(quantity=quantity, at_s=4 * DAY_S, seq=9)]))
    while writer.tend(now_ns=T0_NS, is_forced=True) and writer._known.backlog.batches:
        pass
    if sql:
        connection_of(writer).execute(sql)
    tend(writer, day=4)
    rows = JournalReader(path).observations("snow-1", quantity, **ALL, limit=9)
    assert [row.seq for row in rows] == ([0, 9] if is_kept else [9])


def test_the_row_of_an_event_stays(path: Path, writer: JournalWriter) -> None:
    writer.commit(batch([reading(at_s=s) for s in (0, 60, 4 * DAY_S)], events=[event(at_s=60)]))
    tend(writer, day=4)
    rows = JournalReader(path).observations("snow-1", "snow_depth", **ALL, limit=9)
    assert [(row.observed_ns - T0_NS) // SECOND_NS for row in rows] == [60, 4 * DAY_S]


@pytest.mark.lesson(5)
def test_very_old_rows_hours_events_batches_and_quarantine_end(path: Path, writer: JournalWriter) -> None:
    writer.commit(
        batch([reading(), reading(quantity="contact_open")], events=[event("old", at_s=1)], quarantine=[bad_input()])
    )
    tend(writer, day=0)
    writer.commit(batch([reading(at_s=5 * DAY_S)], at_s=5 * DAY_S))
    tend(writer, day=5)
    assert counters(path) == {"thinned_rows": 1, "expired_quarantine": 1, "expired_batches": 1}
    writer.commit(batch([reading(at_s=11 * DAY_S)], at_s=11 * DAY_S))
    tend(writer, day=11)
    assert counters(path) == {
        "thinned_rows": 2, "expired_quarantine": 1, "expired_batches": 2, "expired_rows": 1, "expired_hours": 1,
        "expired_events": 1,
    }  # fmt: skip
    reader = JournalReader(path)
    assert reader.events_after(0) == []
    assert len(reader.latest()) == 2
    assert reader.changes_after(0, limit=9).is_cut


def test_a_clock_that_jumped_ahead_costs_nothing(path: Path, writer: JournalWriter) -> None:
    writer.commit(batch([reading(at_s=60 * step) for step in range(100)], events=[event()], quarantine=[bad_input()]))
    tend(writer, day=20_000)
    assert counters(path) == {}
    assert len(JournalReader(path).observations("snow-1", "snow_depth", **ALL, limit=999)) == 100


def test_the_event_log_is_bounded_by_number(path: Path, writer: JournalWriter) -> None:
    writer.commit(batch([reading()], events=[event(f"e{number}") for number in range(9)]))
    tend(writer, day=0)
    assert [row.event.event_id for row in JournalReader(path).events_after(0)] == [f"e{n}" for n in range(4, 9)]
    assert counters(path) == {"expired_events": 4}


@pytest.mark.lesson(5)
def test_batches_are_bounded_by_bytes_and_never_before_they_are_folded(path: Path) -> None:
    writer = JournalWriter.open(path, now_ns=T0_NS, keep=Keep(batches_bytes=0))
    for at_s in range(5):
        writer.commit(batch([reading(at_s=at_s)]))
    while writer.tend(now_ns=T0_NS):
        pass
    reader = JournalReader(path)
    assert len(reader.changes_after(0, limit=99).commits) == 5
    tend(writer, day=1)
    assert reader.changes_after(0, limit=99).commits == ()
    assert reader.changes_after(0, limit=99).is_cut
    assert len(reader.observations("snow-1", "snow_depth", **ALL, limit=99)) == 5
    writer.close()


@pytest.mark.parametrize("kill_at", range(12))
def test_killed_between_steps_nothing_counts_twice(path: Path, kill_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_upkeep, "SLICE_ROWS", 7)
    writer = JournalWriter.open(path, now_ns=T0_NS, keep=KEEP)
    count = 60
    writer.commit(batch([reading(at_s=600 * step, value=float(step)) for step in range(count)]))
    writer.commit(batch([reading("far", at_s=4 * DAY_S)], at_s=4 * DAY_S))
    now_ns = T0_NS + 4 * DAY_NS
    writer.tend(now_ns=now_ns, is_forced=True)
    for _ in range(kill_at):
        writer.tend(now_ns=now_ns)
    writer.abandon()
    writer = JournalWriter.open(path, now_ns=now_ns, keep=KEEP)
    assert tend(writer, day=4) >= 1
    (point,) = JournalReader(path).observation_points("snow-1", "snow_depth", **ALL, points=1)
    assert (point.min, point.max, point.count) == (0.0, count - 1, count)
    assert math.isclose(point.mean, (count - 1) / 2)
    assert counters(path)["thinned_rows"] == count
    writer.close()


def test_a_site_says_how_long_its_readings_are_kept(path: Path) -> None:
    site = parse_site(TOWN + "[ingest]\nkeep_raw_days = 3\nkeep_points_days = 9")
    writer, reader = JournalWriter.open(path, now_ns=T0_NS, keep=keep_of(site)), JournalReader(path)
    kept = []
    for day in (0.0, 2.9, 4.0, 9.5):
        writer.commit(batch([reading(at_s=day * DAY_S)]))
        tend(writer, day=day)
        rows = reader.observations("snow-1", "snow_depth", **ALL, limit=9)
        points = reader.observation_points("snow-1", "snow_depth", from_ns=0, to_ns=2 * T0_NS, points=1)
        kept.append((len(rows), sum(point.count for point in points)))
    assert kept == [(1, 1), (2, 2), (2, 3), (1, 3)]
    writer.close()


def test_a_site_that_says_nothing_keeps_as_by_default() -> None:
    assert keep_of(town()) == Keep()
