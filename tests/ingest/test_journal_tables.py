"""Table by table: newest values, bounded quarantine, rule state, receipts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.model import Reading
from ingest.journal import JournalWriter
from ingest.journal_read import JournalReader
from ingest.journal_tables import (
    MAX_SPOOLS,
    MAX_SPOOLS_OF_ONE,
    QUARANTINE_BURST,
    QUARANTINE_RING,
    QUARANTINE_SHARE,
    QUARANTINE_WINDOW_NS,
)
from ingest.receipts import Ledger, ReceiptRows
from tests.ingest.journal_cases import READINGS, SECOND_NS, T0_NS, bad_input, batch, reading, rows_of, stored_readings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def writer(path: Path) -> Iterator[JournalWriter]:
    writer = JournalWriter.open(path, now_ns=0)
    yield writer
    writer.close()


@pytest.fixture
def reader(path: Path) -> Iterator[JournalReader]:
    reader = JournalReader(path)
    yield reader
    reader.close()


class TestLatest:
    @settings(deadline=None, max_examples=40)
    @given(st.lists(READINGS, max_size=4))
    def test_newest_observed_and_newest_heard(self, batches: list[list[Reading]]) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "journal.db"
            writer, reader = JournalWriter.open(path, now_ns=0), JournalReader(path)
            expected: dict[str, tuple[tuple[int, int], Reading]] = {}
            heard: dict[str, int] = {}
            for readings in batches:
                writer.commit(batch(readings))
                for one in readings:
                    key = (one.observed_ns, -1 if one.seq is None else one.seq)
                    if one.device_id not in expected or key >= expected[one.device_id][0]:
                        expected[one.device_id] = (key, one)
                    heard[one.device_id] = max(heard.get(one.device_id, 0), 0 if one.resent else one.received_ns)
            found = {row.device_id: row for row in reader.latest()}
            assert found.keys() == expected.keys()
            for device_id, (_, one) in expected.items():
                row = found[device_id]
                assert (row.observed_ns, row.received_ns, repr(row.value)) == (
                    one.observed_ns, one.received_ns, repr(one.value),
                )  # fmt: skip
                assert row.heard_ns == heard[device_id]
            reader.close()
            writer.close()

    @pytest.mark.lesson(25)
    def test_backlog_completes_the_record_and_is_not_heard(self, writer: JournalWriter, reader: JournalReader) -> None:
        fresh = reading(at_s=100)
        first = writer.commit(batch([fresh])).commit_no
        writer.commit(batch([reading(at_s=50, resent=True, received_ns=T0_NS + 500 * SECOND_NS)]))
        (row,) = reader.latest()
        assert (row.observed_ns, row.heard_ns, row.commit_no) == (fresh.observed_ns, fresh.received_ns, first)
        assert len(stored_readings(reader)) == 2

    def test_a_late_fresh_reading_is_heard_though_an_older_value(
        self, writer: JournalWriter, reader: JournalReader
    ) -> None:
        writer.commit(batch([reading(at_s=100)]))
        second = writer.commit(batch([reading(at_s=50, value=9.0, received_ns=T0_NS + 500 * SECOND_NS)])).commit_no
        (row,) = reader.latest(after_commit_no=second - 1)
        assert (row.value, row.heard_ns, row.commit_no) == (1.0, T0_NS + 500 * SECOND_NS, second)

    def test_bad_by_the_device_comes_back_as_nan(self, writer: JournalWriter, reader: JournalReader) -> None:
        writer.commit(batch([reading(value=math.nan)]))
        assert math.isnan(reader.latest()[0].value)
        assert math.isnan(stored_readings(reader)[0].value)


class TestRemoved:
    """The same frame heard by two gateways: the earlier stamp becomes known later."""

    def test_a_row_that_moves_leaves_no_twin(self, writer: JournalWriter, reader: JournalReader) -> None:
        writer.commit(batch([reading(at_s=10, seq=1), reading(at_s=20, seq=2)]))
        moved = batch([reading(at_s=19, seq=2)], removed=[reading(at_s=20, seq=2)])
        number = writer.commit(moved).commit_no
        assert [(r.observed_ns - T0_NS) // SECOND_NS for r in stored_readings(reader)] == [10, 19]
        (row,) = reader.latest()
        assert (row.observed_ns, row.commit_no) == (T0_NS + 19 * SECOND_NS, number)
        writer.commit(moved)
        assert reader.latest() == [row]

    @pytest.mark.parametrize("new_at_s", [5, 15])
    def test_latest_is_the_newest_row_there_is(
        self, writer: JournalWriter, reader: JournalReader, new_at_s: int
    ) -> None:
        writer.commit(batch([reading(at_s=10, seq=1, value=0.1), reading(at_s=20, seq=2)]))
        heard_ns = reader.latest()[0].heard_ns
        writer.commit(batch([reading(at_s=new_at_s, seq=2, value=0.2)], removed=[reading(at_s=20, seq=2)]))
        (row,) = reader.latest()
        assert row.value == (0.2 if new_at_s > 10 else 0.1)
        assert row.heard_ns == heard_ns

    def test_removed_and_written_again_is_written(self, writer: JournalWriter, reader: JournalReader) -> None:
        writer.commit(batch([reading(at_s=20, seq=2)]))
        writer.commit(batch([reading(at_s=20, seq=2, value=0.5)], removed=[reading(at_s=20, seq=2)]))
        assert [row.value for row in reader.latest()] == [0.5]
        assert [row.value for row in stored_readings(reader)] == [0.5]


class TestQuarantine:
    def test_a_flood_is_folded_into_a_count_and_the_counters_know_all(
        self, writer: JournalWriter, reader: JournalReader
    ) -> None:
        for second in range(5):
            writer.commit(batch(quarantine=[bad_input(at_s=second) for _ in range(30)]))
        rows = reader.quarantine(limit=1000)
        assert len(rows) == QUARANTINE_BURST
        assert sum(row.count for row in rows) == 150 == reader.counters()["quarantined.undecodable"]
        assert max(row.last_received_ns for row in rows) == T0_NS + 4 * SECOND_NS

    @pytest.mark.parametrize(
        "other",
        [
            pytest.param({"reason": "wrong_unit"}, id="another reason"),
            pytest.param({"device_id": "trap-9"}, id="another device"),
            pytest.param({"at_s": QUARANTINE_WINDOW_NS / SECOND_NS}, id="an hour later"),
        ],
    )
    def test_other_trouble_is_not_hidden_by_a_flood(
        self, writer: JournalWriter, reader: JournalReader, other: dict[str, object]
    ) -> None:
        writer.commit(batch(quarantine=[bad_input() for _ in range(300)]))
        writer.commit(batch(quarantine=[bad_input(**other)]))  # type: ignore[arg-type]
        assert len(reader.quarantine(limit=1000)) == QUARANTINE_BURST + 1

    def test_ring_keeps_the_newest(self, writer: JournalWriter, reader: JournalReader) -> None:
        many = [
            replace(bad_input(at_s=number, device_id=f"d{number}"), publisher=f"gw-{number % 8}")
            for number in range(QUARANTINE_RING + 50)
        ]
        for start in range(0, len(many), 5_000):
            writer.commit(batch(quarantine=many[start : start + 5_000]))
        rows = reader.quarantine(limit=10**6)
        assert len(rows) == QUARANTINE_RING
        assert rows[0].device_id == f"d{QUARANTINE_RING + 49}"
        assert reader.counters()["quarantined"] == QUARANTINE_RING + 50

    def test_one_publisher_that_makes_up_devices_leaves_room_for_others(
        self, writer: JournalWriter, reader: JournalReader
    ) -> None:
        writer.commit(batch(quarantine=[replace(bad_input(device_id="trap-9"), publisher="gw-02")]))
        for start in range(0, QUARANTINE_RING * 2, 4_000):
            writer.commit(batch(quarantine=[bad_input(device_id=f"d{start + n}") for n in range(4_000)]))
        rows = reader.quarantine(limit=10**6)
        assert rows[-1].device_id == "trap-9"
        assert len(rows) == QUARANTINE_SHARE + 1
        assert rows[0].device_id == f"d{QUARANTINE_RING * 2 - 1}"

    def test_raw_bytes_are_bounded(self, writer: JournalWriter, reader: JournalReader) -> None:
        writer.commit(batch(quarantine=[bad_input(raw=b"x" * 100_000)]))
        assert len(reader.quarantine(limit=1)[0].raw) == 4096


class TestStateAndReceipts:
    def test_only_changed_keys_are_touched_and_an_empty_value_deletes(self, writer: JournalWriter) -> None:
        writer.commit(batch(state={"a": b"1", "b": b"2"}))
        writer.commit(batch(state={"a": b"", "c": b"3"}))
        assert writer.read_snapshot() == {"b": b"2", "c": b"3"}

    def test_watermark_gap_and_ranges_ahead(self, writer: JournalWriter, reader: JournalReader) -> None:
        result = writer.commit(batch(receipts=(rows_of(5, floor=3), rows_of(9), rows_of(1, epoch="e2"))))
        assert result.receipts == {
            ("gw-01", "e1"): Ledger(watermark=2, gaps=((1, 2),), ahead=((5, 5), (9, 9))),
            ("gw-01", "e2"): Ledger(watermark=1),
        }
        assert [(gap.first_row, gap.last_row) for gap in reader.gaps()] == [(1, 2)]
        assert reader.counters()["gap_rows"] == 2
        assert {(r.epoch, r.watermark, r.ahead) for r in reader.receipts()} == {
            ("e1", 2, ((5, 5), (9, 9))),
            ("e2", 1, ()),
        }

    def test_a_gap_that_closes_partly_is_shown_so(self, writer: JournalWriter, reader: JournalReader) -> None:
        writer.commit(batch(receipts=(rows_of(9, floor=9),)))
        writer.commit(batch(receipts=(rows_of(4),)))
        assert [(gap.first_row, gap.last_row) for gap in reader.gaps()] == [(1, 3), (5, 8)]
        assert reader.counters()["gap_rows"] == 8

    def test_spools_are_bounded_and_the_one_heard_last_stays(self, path: Path, writer: JournalWriter) -> None:
        strangers = tuple(
            ReceiptRows(publisher=f"x{number % 100}", epoch=str(number), rows=(1,)) for number in range(MAX_SPOOLS - 1)
        )
        writer.commit(batch(receipts=(rows_of(1), *strangers)))
        writer.commit(batch(receipts=(rows_of(2),)))
        writer.commit(batch(receipts=(ReceiptRows(publisher="y", epoch="new", rows=(1,)),)))
        assert len(writer.ledgers) == MAX_SPOOLS == len(JournalReader(path).receipts())
        assert writer.ledgers["gw-01", "e1"] == Ledger(watermark=2)
        assert ("x", "0") not in writer.ledgers

    def test_epochs_that_one_publisher_makes_up_push_out_nobody_else(self, path: Path, writer: JournalWriter) -> None:
        writer.commit(batch(receipts=(rows_of(1),)))
        for first in range(0, 2 * MAX_SPOOLS, 500):
            made_up = (ReceiptRows(publisher="x", epoch=str(first + n), rows=(1,)) for n in range(500))
            writer.commit(batch(receipts=tuple(made_up)))
        writer.commit(batch(receipts=(ReceiptRows(publisher="x", epoch="last", rows=(1,)),)))
        assert len(writer.ledgers) == MAX_SPOOLS_OF_ONE + 1 == len(JournalReader(path).receipts())
        assert writer.ledgers["gw-01", "e1"] == Ledger(watermark=1)
        assert ("x", "last") in writer.ledgers
