"""Merging log entries: what is bundled once is not bundled again, and what was dropped is gone."""

from __future__ import annotations

import pytest

from ingest.state_log import VERSION, Clock, Entry, ShelfEntry, encode, read_image
from tests.ingest.test_keeping import KeyStore


def entry(first_row: int, end_row: int, *, dropped_rows: int = 0) -> bytes:
    rows = ShelfEntry(first_row, end_row, dropped_rows, b"r" * (end_row - first_row))
    return encode(Entry(VERSION, Clock(end_row), shelves={"most": rows}))


@pytest.mark.parametrize(("dropped_rows", "kept"), [(3, 1), (4, 0)])
def test_a_bundle_goes_with_its_last_row(dropped_rows: int, kept: int) -> None:
    store = KeyStore({"log/000000000001": entry(0, 4, dropped_rows=dropped_rows)})
    store.merge()
    assert len(store.keys("rows/most/")) == kept
    assert read_image(store.state).shelves["most"].dropped_rows == dropped_rows


def test_what_is_bundled_already_is_not_bundled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 8)
    store = KeyStore({f"log/{n:012d}": entry(2 * n, 2 * n + 2) for n in range(1, 4)})
    first, *_ = store.slices()
    store.write(first)  # rows 2 to 6; then the process ends
    assert store.keys("rows/most/") == [f"rows/most/{2:015d}"]
    store.state["log/000000000004"] = entry(8, 14)
    monkeypatch.setattr("ingest.state_merge.SLICE_BYTES", 10_000)
    store.merge()
    assert store.keys("rows/most/") == [f"rows/most/{2:015d}", f"rows/most/{6:015d}"]
    shelf = read_image(store.state).shelves["most"]
    assert (b"".join(shelf.bodies), shelf.first_row, shelf.end_row) == (b"r" * 12, 2, 14)
