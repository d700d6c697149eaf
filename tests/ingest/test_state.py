"""Arrays that grow, records at three points in time, rows of the last day."""

from __future__ import annotations

import numpy as np
import pytest

from ingest.facts import ALL_BITS, Facts, value_bits
from ingest.recent import _ROW, CHUNK_ROWS, Bounds, RecentRows, _column
from ingest.spans import Spans
from ingest.state import GrowingArray, StateTable
from tests.ingest.core_town import SECOND_NS, T0_NS, device, reading, town

RECORD = np.dtype([("count", np.int64)])
ONE = np.array([0])


def table() -> StateTable:
    made = StateTable("t", RECORD, start=(7,))
    made.add("a", unit=0)
    made.add("b", unit=1)
    return made


def counts(made: StateTable) -> list[list[int]]:
    return [records["count"].tolist() for records in made.versions(np.empty(0, np.int64))]


def test_growing_array_keeps_and_fills() -> None:
    array = GrowingArray(np.int32, fill=-1)
    array.grow(3)
    array.values[1] = 5
    array.grow(100)
    assert (len(array), array.values[:4].tolist()) == (100, [-1, 5, -1, -1])


def test_base_follows_now_at_a_distance() -> None:
    made = table()
    for number in (1, 2, 3):
        made.touch([0])["count"][0] = number
        made.advance(ONE)
    assert counts(made) == [[3, 7], [3, 7], [2, 7]]


def test_rewind_concerns_its_unit_only() -> None:
    made = table()
    made.touch([0, 1])["count"][:] = 1
    made.rewind(ONE)
    assert counts(made) == [[7, 1], [7, 7], [7, 7]]


def test_records_come_back() -> None:
    made, other = table(), table()
    made.touch([1])["count"][1] = 9
    assert other.load(np.array([1]), made.dump(np.array([1])))
    assert counts(other) == [[7, 9], [7, 7], [7, 7]]
    assert not other.load(ONE, (b"too short", b"", b""))


def test_a_table_knows_what_changed() -> None:
    made = table()
    made.touch([1])["count"][1] = 9
    assert [places.tolist() for places in made.changes()] == [[1], []]
    made.touch([1])
    made.touch(np.array([1, 0]))
    assert [places.tolist() for places in made.changes()] == [[0, 1], []]
    for move in (made.advance, made.rewind, made.settle):
        made.touch([0, 1])
        move(np.array([1]))
        assert [places.tolist() for places in made.changes()] == [[0, 1], [1]]
        made.rewind(np.array([0, 1]))
        made.changes()
        move(np.array([0, 1]))
        assert [places.tolist() for places in made.changes()] == [[], []]
    made.versions(np.array([0]))
    assert [places.tolist() for places in made.changes()] == [[], [0]]
    assert [places.tolist() for places in made.changes()] == [[], []]


def test_what_does_not_differ_does_not_move() -> None:
    made = table()
    made.touch([0])["count"][0] = 1
    moves = []
    for _ in range(3):
        made.advance(np.array([0, 1]))
        moves.append(made.changes()[1].tolist())
    assert (moves, counts(made)) == ([[0], [0], []], [[1, 7], [1, 7], [1, 7]])


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_a_table_that_was_loaded_goes_on_as_the_one_it_was(steps: int) -> None:
    made, other = table(), table()
    for number in range(steps):
        made.touch([0])["count"][0] = 10 + number // 2
        made.advance(np.array([0, 1]))
    everything = np.array([0, 1])
    assert other.load(everything, made.dump(everything))
    for move in ("advance", "rewind"):
        for one in (made, other):
            getattr(one, move)(everything)
        assert counts(other) == counts(made)


def test_nobody_writes_without_saying_where() -> None:
    made = table()
    with pytest.raises(ValueError, match="read-only"):
        made.now["count"][0] = 1
    made.add("c", unit=0)
    with pytest.raises(ValueError, match="read-only"):
        made.now[0]["count"] = 1


def facts(count: int) -> Facts:
    from ingest.batch import SeriesIndex, batch_from_readings

    rows = batch_from_readings([reading("a", "distance", 1.0, at_s=n) for n in range(count)], SeriesIndex())
    member = np.full(count, ALL_BITS, dtype=np.uint8)
    return Facts(rows=rows, member=member, device=np.zeros(count, np.int32))


def standing(count: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.full(count, ALL_BITS, dtype=np.uint8)


def as_records(body: bytes) -> bytes:
    """The body as it was written before schema 3."""
    count = (len(body) - 1) // _ROW.itemsize
    rows = np.zeros(count, dtype=_ROW)
    for number, field in enumerate(_ROW.names or ()):
        rows[field] = _column(body, number, count=count)
    return b"\x00" + rows.tobytes()


def test_changes_of_a_shelf_come_back() -> None:
    shelf, again = (RecentRows("x", Bounds(age_ns=100, rows=10_000)) for _ in range(2))
    bodies: list[bytes] = []
    dropped: list[int] = []
    for arrived_ns in range(0, 400, 100):
        shelf.add(facts(CHUNK_ROWS), standing=standing(CHUNK_ROWS), arrived_ns=arrived_ns)
        shelf.drop(shelf.outdated(arrived_ns - 150))
        change = shelf.change()
        assert change is not None
        assert change.first_row == len(bodies) * CHUNK_ROWS
        bodies.append(as_records(change.body) if arrived_ns == 200 else change.body)
        dropped.append(change.dropped_rows)
    again.take_up(bodies, first_row=0, dropped_rows=dropped[-1])
    everything = np.ones(1, dtype=np.bool_)
    places = shelf.find(everything, arrived_since_ns=0)
    assert (dropped, len(again)) == ([0, 0, 0, CHUNK_ROWS], 3 * CHUNK_ROWS)
    assert again.take(places).observed_ns.tolist() == shelf.take(places).observed_ns.tolist()
    assert len(again.find(everything, arrived_since_ns=300)) == CHUNK_ROWS
    assert (again.change(), shelf.change()) == (None, None)


def test_a_shelf_without_bodies_begins_where_it_was() -> None:
    shelf = RecentRows("x", Bounds(age_ns=100, rows=10_000))
    shelf.take_up([], first_row=700, dropped_rows=700)
    shelf.add(facts(2), standing=standing(2), arrived_ns=0)
    change = shelf.change()
    assert change is not None
    assert (change.first_row, change.end_row, change.dropped_rows) == (700, 702, 700)


def test_at_most_so_many_rows_are_kept() -> None:
    shelf = RecentRows("x", Bounds(age_ns=10**18, rows=2 * CHUNK_ROWS))
    shelf.add(facts(4 * CHUNK_ROWS), standing=standing(4 * CHUNK_ROWS), arrived_ns=0)
    assert shelf.outdated(1) == 2 * CHUNK_ROWS


def test_values_compare_by_bits() -> None:
    bits = value_bits(np.array([np.nan, -np.nan, 0.0, -0.0, 1.0]))
    assert [bits[0] == bits[1], bits[2] == bits[3], bits[2] == bits[4]] == [True, True, False]


@pytest.mark.parametrize(
    ("since", "after", "deadline"),
    [(0, 5, 5), (0, 10, 10), (0, 15, 25), (12, 5, 25), (20, 5, 25), (0, 25, 35), (0, 26, 56), (30, 10, 60)],
)
def test_time_away_does_not_count(since: int, after: int, deadline: int) -> None:
    spans = Spans(((10, 20), (35, 55)))
    assert spans.deadlines(np.array([since]), after_ns=np.array([after])).tolist() == [deadline]


def test_a_town_has_groups() -> None:
    from ingest.layout import Layout

    site = town(
        device("gauge", more='temperature_from = "air"'), device("air"), device("other"),
        device("far", more='temperature_from = "air"'),
    )  # fmt: skip
    group = Layout(site, contacts=frozenset()).group.tolist()
    assert group[0] == group[1] == group[3]
    assert len(set(group)) == 3  # theirs, that of the other, and that of nobody


def test_t0_is_a_whole_hour() -> None:
    assert T0_NS % (3_600 * SECOND_NS) == 0
