from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.receipts import Receipt, gaps, parse_receipt


def text(**fields: object) -> bytes:
    return json.dumps({"epoch": "ab", "watermark": 5, **fields}).encode()


def test_a_receipt_is_read() -> None:
    assert parse_receipt(text(ahead=[[7, 9], [12, 12]])) == Receipt(epoch="ab", watermark=5, ahead=((7, 9), (12, 12)))
    assert parse_receipt(text()) == Receipt(epoch="ab", watermark=5, ahead=())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"epoch": 1, "watermark": 5}',
        text(watermark=-1),
        text(watermark=5.5),
        text(watermark="5"),
        text(watermark=1 << 63),
        text(ahead=[[5, 9]]),
        text(ahead=[[9, 7]]),
        text(ahead=[[7, 9], [9, 12]]),
        text(ahead=[[7]]),
        text(ahead=[[7, 8, 9]]),
        text(ahead="all"),
        b" " * 20_000 + text(),
        b"[" * 10_000,
    ],
)
def test_what_makes_no_sense_is_no_receipt(payload: bytes) -> None:
    assert parse_receipt(payload) is None


def test_has_and_lacks_are_complements() -> None:
    receipt = Receipt(epoch="ab", watermark=5, ahead=((7, 9), (12, 12)))
    assert receipt.has() == [(1, 5), (7, 9), (12, 12)]
    assert receipt.lacks() == [(6, 6), (10, 11), (13, (1 << 62) - 1)]
    assert receipt.highest == 12


def test_a_full_list_of_ranges_says_nothing_beyond_its_end() -> None:
    ahead = tuple((10 * i, 10 * i) for i in range(1, 65))
    assert Receipt(epoch="ab", watermark=5, ahead=ahead).lacks()[-1] == (631, 639)


@given(st.sets(st.integers(1, 60)), st.integers(1, 60), st.integers(1, 60))
def test_gaps_cover_exactly_what_spans_leave_free(taken: set[int], first: int, last: int) -> None:
    spans = [(n, n) for n in sorted(taken)]
    free = {n for a, b in gaps(spans, first=first, last=last) for n in range(a, b + 1)}
    assert free == set(range(first, last + 1)) - taken
