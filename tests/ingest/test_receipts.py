"""The ledger against a model that simply keeps every row in a set."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.receipts import (
    MAX_AHEAD_RANGES,
    MAX_GAP_RANGES,
    MAX_SENT_RANGES,
    Ledger,
    Ranges,
    ReceiptRows,
    count_rows,
    encode_receipt,
    merge,
    ranges_of,
    record,
    stated_floor,
    subtract,
    union,
)

ROWS = st.lists(st.integers(min_value=1, max_value=40), max_size=12)
MESSAGES = st.lists(st.tuples(ROWS, st.integers(min_value=0, max_value=40)), max_size=12)


def rows_in(ranges: Ranges) -> set[int]:
    return {row for first, last in ranges for row in range(first, last + 1)}


def is_tidy(ranges: Ranges) -> bool:
    return all(first <= last for first, last in ranges) and all(
        before[1] + 1 < after[0] for before, after in pairwise(ranges)
    )


class SetModel:
    """Keeps all rows and the highest floor; says from them what a ledger must say."""

    def __init__(self) -> None:
        self.rows: set[int] = set()
        self.floor = 0

    def ledger_rows(self) -> tuple[int, set[int], set[int]]:
        watermark = 0
        while watermark + 1 in self.rows or watermark + 1 < self.floor:
            watermark += 1
        ahead = {row for row in self.rows if row > watermark}
        return watermark, ahead, {row for row in range(1, self.floor) if row not in self.rows}


@given(MESSAGES)
def test_ledger_says_what_the_set_of_all_rows_says(messages: list[tuple[list[int], int]]) -> None:
    model, ledger = SetModel(), Ledger()
    for rows, floor in messages:
        model.rows.update(rows)
        model.floor = max(model.floor, floor)
        ledger = record(ledger, rows=ranges_of(rows), floor=floor)
        assert (ledger.watermark, rows_in(ledger.ahead), rows_in(ledger.gaps)) == model.ledger_rows()
        assert is_tidy(ledger.ahead)
        assert is_tidy(ledger.gaps)


@given(MESSAGES, st.randoms())
def test_order_and_repetition_do_not_matter(messages: list[tuple[list[int], int]], random: object) -> None:
    shuffled = [*messages, *messages[: len(messages) // 2]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    def run(order: list[tuple[list[int], int]]) -> Ledger:
        ledger = Ledger()
        for rows, floor in order:
            ledger = record(ledger, rows=ranges_of(rows), floor=floor)
        return ledger

    assert run(messages) == run(shuffled)


@given(ROWS, ROWS)
def test_set_operations_on_ranges(left: list[int], right: list[int]) -> None:
    a, b = ranges_of(left), ranges_of(right)
    assert rows_in(a) == set(left)
    assert rows_in(union(a, b)) == set(left) | set(right)
    assert rows_in(subtract(a, b)) == set(left) - set(right)
    assert count_rows(a) == len(set(left))
    assert is_tidy(union(a, b))


@pytest.mark.parametrize(
    ("rows", "floor", "expected"),
    [
        pytest.param([1, 2, 3], 0, Ledger(watermark=3), id="contiguous"),
        pytest.param([2, 3], 0, Ledger(ahead=((2, 3),)), id="first missing: nothing may be deleted"),
        pytest.param([7, 8], 5, Ledger(watermark=4, gaps=((1, 4),), ahead=((7, 8),)), id="floor makes a gap"),
        pytest.param([7, 8], 7, Ledger(watermark=8, gaps=((1, 6),)), id="floor meets the rows"),
        pytest.param([0, -3, 1], 0, Ledger(watermark=1), id="rows are numbered from 1"),
        pytest.param([], 0, Ledger(), id="nothing"),
    ],
)
def test_one_message(rows: list[int], floor: int, expected: Ledger) -> None:
    assert record(Ledger(), rows=ranges_of(rows), floor=floor) == expected


def test_a_gap_closes_when_its_rows_come_after_all() -> None:
    ledger = record(Ledger(), rows=ranges_of([10]), floor=10)
    ledger = record(ledger, rows=ranges_of([4, 5]), floor=0)
    assert ledger == Ledger(watermark=10, gaps=((1, 3), (6, 9)))


def test_ranges_ahead_are_bounded_and_the_watermark_still_gets_there() -> None:
    evens = ranges_of(range(2, 6 * MAX_AHEAD_RANGES, 2))
    ledger = record(Ledger(), rows=evens, floor=0)
    assert len(ledger.ahead) == MAX_AHEAD_RANGES
    assert ledger.watermark == 0
    ledger = record(ledger, rows=((1, 6 * MAX_AHEAD_RANGES),), floor=0)
    assert ledger == Ledger(watermark=6 * MAX_AHEAD_RANGES)


def test_gaps_are_bounded_and_never_understate_the_loss() -> None:
    evens = ranges_of(range(2, 6 * MAX_GAP_RANGES, 2))
    ledger = record(Ledger(), rows=evens, floor=6 * MAX_GAP_RANGES)
    assert len(ledger.gaps) == MAX_GAP_RANGES
    assert rows_in(ledger.gaps) >= set(range(1, 6 * MAX_GAP_RANGES, 2))


@pytest.mark.parametrize(
    ("rows", "floor", "believed"),
    [((5, 6), 3, 3), ((5, 6), 6, 5), ((5, 6), 10**30, 5), ((), 4, 4), ((5,), -2, 0)],
)
def test_a_floor_above_its_own_rows_is_not_believed(rows: tuple[int, ...], floor: int, believed: int) -> None:
    assert stated_floor(ReceiptRows(publisher="gw", epoch="e", rows=rows, floor=floor)) == believed


def test_merge_by_spool_leaves_out_messages_without_one() -> None:
    messages = [
        ReceiptRows(publisher="gw", epoch="e1", rows=(3, 4), floor=2),
        ReceiptRows(publisher="gw", epoch="e1", rows=(5,), floor=1),
        ReceiptRows(publisher="gw", epoch="e2", rows=(1,)),
        ReceiptRows(publisher="trap", epoch="", rows=()),
    ]
    assert merge(messages) == {("gw", "e1"): (((3, 5),), 2), ("gw", "e2"): (((1, 1),), 0)}


def test_payload_has_at_most_64_ranges() -> None:
    ledger = record(Ledger(), rows=ranges_of(range(2, 400, 2)), floor=0)
    receipt = json.loads(encode_receipt("ab12", ledger))
    assert receipt["epoch"] == "ab12"
    assert receipt["watermark"] == 0
    assert receipt["ahead"][:2] == [[2, 2], [4, 4]]
    assert len(receipt["ahead"]) == MAX_SENT_RANGES


def test_the_last_row_that_a_spool_can_number() -> None:
    assert ranges_of([2**62, 2**62 + 1, 0]) == ((2**62, 2**62),)
