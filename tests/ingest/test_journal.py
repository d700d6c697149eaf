"""The journal's writer: one transaction a batch, identity, atomicity, numbers that only grow."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.model import EventState, Reading
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_faults import JournalDamagedError, StorageError
from ingest.journal_read import JournalReader
from ingest.receipts import Ledger
from tests.ingest.journal_cases import (
    CONTENT_TABLES,
    READINGS,
    SECOND_NS,
    T0_NS,
    bad_input,
    batch,
    connection_of,
    dump,
    event,
    fill_disk,
    free_disk,
    reading,
    rows_of,
    stored_readings,
)

Open = Callable[[], JournalWriter]


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


def everything(at_s: float = 0) -> JournalBatch:
    return batch(
        [reading(at_s=at_s), reading("trap-1", quantity="contact_open", at_s=at_s, seq=7)],
        at_s=at_s,
        events=[event(at_s=at_s)],
        quarantine=[bad_input(at_s=at_s)],
        state={"rule": b"armed"},
        receipts=(rows_of(1),),
        counts={"messages": 2},
        duplicates=3,
    )


class TestCommit:
    def test_all_parts_are_there_after_a_restart(self, path: Path, writer: JournalWriter) -> None:
        writer.commit(everything())
        writer.close()
        again, reader = JournalWriter.open(path, now_ns=0), JournalReader(path)
        assert again.read_snapshot() == {"rule": b"armed"}
        assert dict(again.ledgers) == {("gw-01", "e1"): Ledger(watermark=1)}
        assert [(r.device_id, r.quantity, r.seq) for r in stored_readings(reader)] == [
            ("snow-1", "snow_depth", None),
            ("trap-1", "contact_open", 7),
        ]
        assert [row.event for row in reader.events_after(0)] == [event()]
        assert [(q.publisher, q.reason, q.raw) for q in reader.quarantine(limit=9)] == [("gw-01", "undecodable", b"?")]
        assert reader.heartbeat_ns() == 0  # stamped again by the second start
        counters = reader.counters()
        assert counters["starts"] == 2
        assert {k: counters[k] for k in ("messages", "observations", "events", "duplicates", "quarantined")} == {
            "messages": 2, "observations": 2, "events": 1, "duplicates": 3, "quarantined": 1,
        }  # fmt: skip
        again.close()

    def test_commit_number_grows_with_news_only(self, writer: JournalWriter, reader: JournalReader) -> None:
        assert reader.commit_no() == 0
        first = writer.commit(batch([reading()])).commit_no
        writer.commit(batch(at_s=5, state={"a": b"1"}, receipts=(rows_of(1),)))
        assert reader.commit_no() == first > 0
        assert reader.heartbeat_ns() == T0_NS + 5 * SECOND_NS
        assert writer.commit(batch(quarantine=[bad_input()])).commit_no == first + 1 == reader.commit_no()

    def test_a_failed_commit_leaves_nothing_behind(self, path: Path, writer: JournalWriter) -> None:
        writer.commit(everything())
        before = dump(path)
        connection_of(writer).execute(
            "CREATE TEMP TRIGGER last_step BEFORE UPDATE ON main.pulse BEGIN SELECT RAISE(ABORT, 'planted'); END"
        )
        with pytest.raises(sqlite3.IntegrityError):
            writer.commit(everything(at_s=60))
        connection_of(writer).execute("DROP TRIGGER temp.last_step")
        assert dump(path) == before
        assert dict(writer.ledgers) == {("gw-01", "e1"): Ledger(watermark=1)}

    def test_series_keep_their_number_whatever_the_pipeline_calls_them(self, writer: JournalWriter, path: Path) -> None:
        writer.commit(batch([reading("a"), reading("b")]))
        writer.commit(batch([reading("b", at_s=60), reading("c", at_s=60)]))
        assert [row.device_id for row in JournalReader(path).series()] == ["a", "b", "c"]
        assert JournalReader(path).observation_counts() == {
            ("a", "snow_depth"): 1, ("b", "snow_depth"): 2, ("c", "snow_depth"): 1,
        }  # fmt: skip


EVENTS = st.lists(
    st.builds(
        event,
        st.sampled_from(["e1", "e2"]),
        state=st.sampled_from(list(EventState)),
        detected_s=st.integers(0, 3),
    ),
    max_size=4,
    unique_by=lambda e: (e.event_id, e.state, e.detected_ns),
)
BATCHES = st.lists(st.tuples(READINGS, EVENTS, st.integers(1, 6)), max_size=5)


class TestIdentity:
    @settings(deadline=None, max_examples=30)
    @given(BATCHES)
    @pytest.mark.lesson(47)
    def test_every_batch_twice_is_every_batch_once(
        self, batches: list[tuple[list[Reading], list[object], int]]
    ) -> None:
        def run(copies: int) -> object:
            with TemporaryDirectory() as folder:
                path = Path(folder) / "journal.db"
                writer = JournalWriter.open(path, now_ns=0)
                for number, (readings, events, row) in enumerate(batches):
                    made = batch(readings, events=events, state={"n": str(number).encode()}, receipts=(rows_of(row),))
                    for _ in range(copies):
                        writer.commit(made)
                writer.close()
                content = dump(path, CONTENT_TABLES)
                # the commit number of a latest row tells when it changed: the same in the order of changes
                return {name: [without_commit_no(name, row) for row in rows] for name, rows in content.items()}

        assert run(1) == run(2)

    def test_the_same_batch_name_is_written_once_with_its_counts(self, path: Path, writer: JournalWriter) -> None:
        named = batch(
            [reading()], quarantine=[bad_input()], counts={"messages": 1}, batch_id="boot-1", receipts=(rows_of(1),)
        )
        first = writer.commit(named)
        before = dump(path)
        assert writer.commit(named) == first
        assert dump(path) == before

    def test_a_batch_that_was_durable_before_the_kill_is_not_written_again(self, path: Path) -> None:
        named = batch([reading()], counts={"messages": 1}, batch_id="boot-1")
        writer = JournalWriter.open(path, now_ns=0)
        writer.commit(named)
        writer.abandon()
        writer = JournalWriter.open(path, now_ns=0)
        writer.commit(named)
        assert JournalReader(path).counters()["messages"] == 1
        writer.close()

    def test_a_corrected_flag_or_value_replaces_the_row(self, writer: JournalWriter, reader: JournalReader) -> None:
        first = writer.commit(batch([reading(value=1.0)])).commit_no
        second = writer.commit(batch([reading(value=0.9)])).commit_no
        assert [row.value for row in stored_readings(reader)] == [0.9]
        assert [(row.value, row.commit_no) for row in reader.latest(after_commit_no=first)] == [(0.9, second)]

    def test_an_episode_may_be_raised_again_after_it_was_withdrawn(
        self, writer: JournalWriter, reader: JournalReader
    ) -> None:
        raised, withdrawn = event(), event(state=EventState.WITHDRAWN)
        for events in ([raised], [raised], [withdrawn], [raised], [raised]):
            writer.commit(batch(events=events))
        assert [row.event.state.value for row in reader.events_after(0)] == ["raised", "withdrawn", "raised"]

    def test_an_episode_told_again_with_another_value_is_a_row_of_its_own(
        self, writer: JournalWriter, reader: JournalReader
    ) -> None:
        for value in (1.5, 1.5, 1.7, math.nan, math.nan):
            writer.commit(batch(events=[replace(event(), value=value)]))
        assert [repr(row.event.value) for row in reader.events_after(0)] == ["1.5", "1.7", "nan"]


def without_commit_no(table: str, row: tuple[object, ...]) -> tuple[object, ...]:
    if table == "latest":
        return row[:-1]
    return (row[0], *row[2:]) if table == "event_log" else row


class TestNumbers:
    """alerts keeps its cursor in another file: what comes after a restore must lie beyond it."""

    @pytest.mark.parametrize("state", ["restored", "gone"])
    def test_numbers_go_on_above_those_of_a_lost_future(self, path: Path, state: str) -> None:
        now_ns = T0_NS
        writer = JournalWriter.open(path, now_ns=now_ns)
        writer.commit(batch(events=[event("e1")]))
        writer.close()
        backup = path.read_bytes()
        writer = JournalWriter.open(path, now_ns=now_ns)
        for number in range(50):
            writer.commit(batch(events=[event(f"f{number}")]))
        writer.close()
        cursor = JournalReader(path).events_after(0)[-1].event_no
        commit_no = JournalReader(path).commit_no()
        path.unlink()
        if state == "restored":
            path.write_bytes(backup)
        writer = JournalWriter.open(path, now_ns=now_ns + SECOND_NS)
        writer.commit(batch([reading()], events=[event("g")]))
        reader = JournalReader(path)
        assert [row.event.event_id for row in reader.events_after(cursor)] == ["g"]
        assert reader.commit_no() > commit_no
        assert len(reader.latest(after_commit_no=commit_no)) == 1
        writer.close()

    def test_numbers_grow_when_the_clock_stands_or_goes_back(self, path: Path) -> None:
        numbers: list[int] = []
        for now_ns in (T0_NS, T0_NS, T0_NS - 86_400 * SECOND_NS):
            writer = JournalWriter.open(path, now_ns=now_ns)
            numbers.append(writer.commit(batch([reading(at_s=len(numbers))])).commit_no)
            writer.close()
        assert numbers == sorted(set(numbers))


class TestStorageFault:
    def test_full_disk_writes_nothing_and_the_same_batch_succeeds_later(
        self, path: Path, writer: JournalWriter
    ) -> None:
        writer.commit(everything())
        before = dump(path)
        fill_disk(writer, path)
        big = batch([reading(at_s=second) for second in range(5_000)], receipts=(rows_of(2),), batch_id="b1")
        for _ in range(3):
            with pytest.raises(StorageError, match="full"):
                writer.commit(big)
        assert dump(path) == before
        assert writer.ledgers["gw-01", "e1"].watermark == 1
        free_disk(writer)
        assert writer.commit(big).receipts["gw-01", "e1"].watermark == 2
        assert JournalReader(path).observation_counts()["snow-1", "snow_depth"] == 5_000

    def test_another_writer_makes_it_wait_and_fails_only_after_the_timeout(
        self, path: Path, writer: JournalWriter
    ) -> None:
        connection_of(writer).execute("PRAGMA busy_timeout = 20")
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            writer.commit(everything())
        other.execute("ROLLBACK")
        other.close()
        writer.commit(everything())

    @pytest.mark.parametrize("replaced", [False, True])
    def test_a_file_that_is_gone_or_another_is_noticed_before_writing(
        self, path: Path, writer: JournalWriter, replaced: bool
    ) -> None:
        path.rename(path.with_name("elsewhere.db"))
        if replaced:
            JournalWriter.open(path, now_ns=0).close()
        with pytest.raises(JournalDamagedError):
            writer.commit(everything())

    def test_settings_that_the_contract_rests_on(self, writer: JournalWriter) -> None:
        connection = connection_of(writer)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
