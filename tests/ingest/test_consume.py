"""Seam 2 into the journal: nothing is acknowledged or receipted before it is durable, whatever breaks in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from devices.model import Reading
from ingest.consume import MOST_READINGS, RECEIPT_FOR_S, Consumer, Parts
from ingest.journal import JournalWriter
from ingest.journal_faults import JournalDamagedError, StorageError
from ingest.journal_read import JournalReader
from ingest.pipeline import Outcome
from tests.ingest.hub import NOW_NS, STEPS, CountingPipeline, FakeLink, Hub, do_steps, pack, send_from_gateway
from tests.ingest.journal_cases import SECOND_NS, fill_disk, free_disk, reading


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture(params=["one by one", "many at once"])
def hub(
    tmp_path: Path, link: FakeLink, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Hub]:
    monkeypatch.setattr("ingest.packs._WORTH_MESSAGES", 0 if request.param == "many at once" else 1_000_000)
    monkeypatch.setattr("ingest.packs._WORTH_BYTES", 0 if request.param == "many at once" else 1 << 40)
    hub = Hub(tmp_path / "journal.db", link)
    yield hub
    hub.journal.close()


class TestOrder:
    @pytest.mark.lesson(6)
    def test_acknowledged_and_receipted_only_after_the_commit(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [1, 2, 3])
        do_steps(hub, ["take", "process", "acknowledge", "send_receipts"])
        assert len(link.in_flight) == 3
        assert link.published == []
        do_steps(hub, ["commit", "acknowledge", "send_receipts"])
        assert link.in_flight == {}
        assert link.published[-1] == ("receipts/v1/gw-01", {"epoch": "ab", "watermark": 3, "ahead": []})

    @pytest.mark.parametrize("last_step", range(len(STEPS) + 1))
    @pytest.mark.parametrize("round_no", [0, 1, 2])
    @pytest.mark.lesson(19)
    def test_killed_after_any_step_the_end_is_the_same(
        self, tmp_path: Path, link: FakeLink, last_step: int, round_no: int
    ) -> None:
        hub = Hub(tmp_path / "journal.db", link)
        for number in range(3):
            send_from_gateway(link, range(1 + number * 7, 8 + number * 7))
            link.send("readings/v1/direct", pack(*(reading("trap-1", at_s=number * 10 + n) for n in range(3))))
            if number == round_no:
                do_steps(hub, STEPS[:last_step])
                hub.kill()
                hub.start()
            hub.step()
        hub.step()
        reader = JournalReader(hub.path)
        assert hub.stored() == {"snow-1": 21, "trap-1": 9}
        assert [row.event.event_id for row in reader.events_after(0)] == ["e10", "e20", "e30"]
        assert [(r.watermark, r.ahead) for r in reader.receipts()] == [(21, ())]
        assert hub.journal.read_snapshot()["count"] == b"30"
        assert link.in_flight == {}
        hub.journal.close()

    def test_a_killed_round_that_was_durable_is_a_duplicate_and_changes_nothing(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, range(1, 11))
        do_steps(hub, ["take", "process", "commit"])
        latest = JournalReader(hub.path).latest()
        hub.kill()
        hub.start()
        hub.step()
        assert JournalReader(hub.path).counters()["duplicates"] == 10
        assert JournalReader(hub.path).latest() == latest
        assert link.in_flight == {}

    def test_much_is_committed_in_parts_and_all_of_it(self, hub: Hub, link: FakeLink) -> None:
        messages, size = 170, 400
        assert messages * size > MOST_READINGS
        for number in range(messages):
            link.send("readings/v1/direct", pack(*(reading(f"d{number}", at_s=n) for n in range(size))))
        hub.step()
        assert 0 < len(link.in_flight) < messages
        hub.step()
        assert link.in_flight == {}
        assert sum(hub.stored().values()) == messages * size


class TestNews:
    def test_is_told_after_the_commit_and_once(self, hub: Hub, link: FakeLink) -> None:
        hub.step()
        hub.told.clear()
        send_from_gateway(link, range(1, 2_001))
        fill_disk(hub.journal, hub.path)
        with pytest.raises(StorageError):
            hub.step()
        assert hub.told == []
        free_disk(hub.journal)
        hub.step()
        ((batch, readable),) = hub.told
        assert (len(batch.outcome.events), readable) == (200, 2_000)


class TestBadInput:
    @pytest.mark.parametrize(
        ("topic", "payload", "reason"),
        [
            pytest.param("readings/v1/gw-01", b"\x00\x01garbage", "undecodable", id="garbage"),
            pytest.param("readings/v1/", b"[]", "bad_topic", id="no publisher"),
            pytest.param("readings/v1", b"[]", "bad_topic", id="no level"),
            pytest.param("readings/v1/" + "x" * 101, b"[]", "bad_topic", id="publisher too long"),
        ],
    )
    def test_poison_is_kept_acknowledged_and_the_next_one_is_stored(
        self, hub: Hub, link: FakeLink, topic: str, payload: bytes, reason: str
    ) -> None:
        for _ in range(30):
            link.send(topic, payload)
        link.send("readings/v1/direct", pack(reading()))
        hub.step()
        rows = JournalReader(hub.path).quarantine(limit=100)
        assert {row.reason for row in rows} == {reason}
        assert sum(row.count for row in rows) == 30
        assert link.in_flight == {}
        assert hub.stored() == {"snow-1": 1}

    @pytest.mark.lesson(49)
    def test_retained_messages_are_history(self, hub: Hub, link: FakeLink) -> None:
        link.send("readings/v1/direct", pack(reading()), is_retained=True)
        hub.step()
        (row,) = JournalReader(hub.path).latest()
        assert row.heard_ns == 0
        link.send("readings/v1/direct", pack(reading(at_s=9)))
        hub.step()
        assert JournalReader(hub.path).latest()[0].heard_ns > 0

    def test_one_message_that_breaks_the_pipeline_does_not_stop_the_town(self, hub: Hub, link: FakeLink) -> None:
        hub.poison = "bad-1"
        hub.recover()
        send_from_gateway(link, [1, 2])
        link.send("readings/v1/gw-01", pack(reading("bad-1"), row=3, epoch="ab", floor=1))
        send_from_gateway(link, [4, 5])
        failures = 0
        for _ in range(20):
            try:
                hub.step()
            except ZeroDivisionError:
                failures += 1
                hub.recover()
        assert failures == 3  # all together, alone, alone again
        assert hub.stored() == {"snow-1": 4}
        assert [row.reason for row in JournalReader(hub.path).quarantine(limit=9)] == ["not_processed"]
        assert hub.journal.ledgers["gw-01", "ab"].watermark == 5
        assert link.in_flight == {}

    def test_when_ticks_fail_too_no_message_is_blamed(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [1, 2])

        class BrokenPipeline(CountingPipeline):
            def process(self, readings: Sequence[Reading], *, now_ns: int, due_ns: int | None = None) -> Outcome:
                raise ZeroDivisionError("planted")

        for _ in range(10):
            hub.consumer.begin_again(processor=BrokenPipeline({}), journal=hub.journal, is_strike=True)
            with pytest.raises(ZeroDivisionError):
                hub.step()
        assert JournalReader(hub.path).quarantine(limit=9) == []
        assert len(link.in_flight) == 2
        hub.recover()
        for _ in range(4):
            hub.step()
        assert hub.stored() == {"snow-1": 2}
        assert link.in_flight == {}


class TestStorageFault:
    @pytest.mark.lesson(4)
    def test_full_disk_acknowledges_nothing_takes_nothing_and_loses_nothing(self, hub: Hub, link: FakeLink) -> None:
        hub.step()
        fill_disk(hub.journal, hub.path)
        link.send("readings/v1/direct", pack(*(reading("a", at_s=n) for n in range(400))))
        heartbeat_ns = JournalReader(hub.path).heartbeat_ns()
        for _ in range(4):
            with pytest.raises(StorageError):
                hub.step()
        link.send("readings/v1/direct", pack(reading("b")))
        with pytest.raises(StorageError):
            hub.step()
        assert len(link.in_flight) == 1
        assert len(link.queue) == 1
        assert JournalReader(hub.path).heartbeat_ns() == heartbeat_ns
        free_disk(hub.journal)
        hub.step()
        hub.step()
        assert hub.stored() == {"a": 400, "b": 1}
        assert hub.journal.read_snapshot()["count"] == b"401"
        assert len(JournalReader(hub.path).events_after(0)) == 40
        assert JournalReader(hub.path).counters()["messages"] == 2
        assert link.in_flight == {}

    def test_a_journal_that_vanished_is_begun_anew_with_what_was_in_hand(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [1, 2])
        hub.step()
        hub.path.unlink()
        send_from_gateway(link, [3])
        with pytest.raises(JournalDamagedError):
            hub.step()
        hub.journal.abandon()
        for suffix in ("-wal", "-shm"):
            hub.path.with_name(hub.path.name + suffix).unlink(missing_ok=True)
        hub.journal = JournalWriter.open(hub.path, now_ns=NOW_NS)
        hub.consumer.begin_again(processor=hub.pipeline(), journal=hub.journal, is_strike=False)
        hub.step()
        assert hub.stored() == {"snow-1": 1}
        assert link.published[-1][1] == {"epoch": "ab", "watermark": 0, "ahead": [[3, 3]]}
        send_from_gateway(link, [1, 2])  # the gateway sees that the watermark went back
        hub.step()
        assert hub.stored() == {"snow-1": 3}
        assert link.published[-1][1] == {"epoch": "ab", "watermark": 3, "ahead": []}

    def test_an_error_of_the_program_is_not_taken_for_a_full_disk(self, hub: Hub, link: FakeLink) -> None:
        hub.journal._connection.execute(
            "CREATE TEMP TRIGGER no BEFORE INSERT ON main.batches BEGIN SELECT RAISE(ABORT, 'planted'); END"
        )
        send_from_gateway(link, [1])
        with pytest.raises(sqlite3.IntegrityError):
            hub.step()
        assert len(link.in_flight) == 1


class TestTicksAndReceipts:
    def test_an_idle_hub_stamps_its_heartbeat_about_once_a_second(self, hub: Hub, link: FakeLink) -> None:
        stamps = set()
        for _ in range(17):  # four seconds and the first
            hub.step()
            stamps.add(JournalReader(hub.path).heartbeat_ns())
        assert len(stamps) == 5

    def test_deadlines_wait_for_what_is_still_on_its_way(self, tmp_path: Path, link: FakeLink) -> None:
        journal, pipeline = JournalWriter.open(tmp_path / "journal.db", now_ns=0), CountingPipeline({})
        parts = Parts(link=link, processor=pipeline, journal=journal, boot_id="b", settle_ns=3 * SECOND_NS)
        Consumer(parts, now_s=0.0).process(now_ns=NOW_NS)
        assert pipeline.due_ns == NOW_NS - 3 * SECOND_NS
        journal.close()

    def test_counts_of_an_idle_tick_are_not_lost(self, hub: Hub) -> None:
        hub.step()
        hub.consumer.count("storage_faults")
        hub.step()
        for _ in range(4):
            hub.step()
        assert JournalReader(hub.path).counters()["storage_faults"] == 1

    def test_receipts_are_repeated_every_second_for_an_hour(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [1])
        hub.step()
        link.published.clear()
        for _ in range(40):
            hub.step()
        assert 9 <= len(link.published) <= 10
        hub.now_s += RECEIPT_FOR_S
        link.published.clear()
        hub.step()
        assert link.published == []

    def test_after_a_restart_every_gateway_hears_where_it_stands(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [1, 2, 9])
        hub.step()
        hub.kill()
        link.published.clear()
        hub.start()
        hub.step()
        assert link.published == [("receipts/v1/gw-01", {"epoch": "ab", "watermark": 2, "ahead": [[9, 9]]})]

    def test_rows_that_can_no_longer_come_are_a_gap(self, hub: Hub, link: FakeLink) -> None:
        send_from_gateway(link, [8], floor=8)
        hub.step()
        reader = JournalReader(hub.path)
        assert link.published[-1][1] == {"epoch": "ab", "watermark": 8, "ahead": []}
        assert [(gap.publisher, gap.first_row, gap.last_row) for gap in reader.gaps()] == [("gw-01", 1, 7)]
        assert reader.counters()["gap_rows"] == 7
