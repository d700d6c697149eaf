"""The whole ingest process against a real broker: killed, out of disk, on a damaged journal."""

from __future__ import annotations

import json
import random
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.ingest.town import DEVICES, IngestTown, publisher, record, running_broker
from tests.support import wait_until

pytestmark = pytest.mark.services

READINGS = 2_000


@pytest.fixture
def town(tmp_path: Path) -> Iterator[IngestTown]:
    with running_broker(tmp_path) as port:
        town = IngestTown(tmp_path, port=port)
        yield town
        town.close()


@pytest.mark.crash
@pytest.mark.timeout(300)
def test_killed_at_random_nothing_is_lost_and_nothing_counts_twice(town: IngestTown) -> None:
    rng = random.Random(20_240_115)
    town.start_ingest()
    town.wait_for_ingest()
    everything = {
        device_id: [*([0] if place == 0 else []), *range(place + 1, READINGS + 1, len(DEVICES))]
        for place, device_id in enumerate(DEVICES)
    }
    kills = starts = 0
    pause = threading.Event()
    with publisher(town.port, client_id="device") as device:
        for number in range(READINGS):
            device_id = DEVICES[number % len(DEVICES)]
            assert device.publish("readings/v1/device", record(device_id, seq=number + 1, at_s=number + 1), qos=1)
            if number % 125 == 60:
                if kills % 4:  # each fourth one is killed wherever its start has got to
                    town.wait_for_start(beyond=starts)
                pause.wait(rng.uniform(0.0, 0.5))
                town.end_ingest(signal.SIGKILL)
                starts = town.starts()
                town.start_ingest()
                kills += 1
        wait_until(lambda: town.stored_seqs() == everything, 60.0, what="exactly the readings that were sent")
    assert kills == 16
    assert town.end_ingest(signal.SIGTERM) == 0
    counters = town.reader.counters()
    assert counters["observations"] == READINGS + 1
    assert 12 < counters["starts"] <= kills + 1
    assert counters["messages"] >= READINGS
    assert counters.get("quarantined", 0) == 0


def test_gateway_rows_are_receipted_after_they_are_stored(town: IngestTown) -> None:
    town.start_ingest()
    town.wait_for_ingest()
    with publisher(town.port, client_id="gw-01", topics=["receipts/v1/gw-01"]) as gateway:
        for row in (1, 2, 4):
            payload = record("gauge-2", seq=row, at_s=row, row=row, epoch="ab", floor=1)
            gateway.publish("readings/v1/gw-01", payload, qos=1)

        def newest_receipt() -> object:
            messages = gateway.take(timeout_s=0.5, most=100)
            return json.loads(messages[-1].payload) if messages else None

        wait_until(lambda: newest_receipt() == {"epoch": "ab", "watermark": 2, "ahead": [[4, 4]]}, what="receipt")
        assert town.stored_seqs()["gauge-2"] == [1, 2, 4]
        town.end_ingest(signal.SIGKILL)
        gateway.take(timeout_s=0.0, most=100)
        town.start_ingest()
        wait_until(lambda: newest_receipt() == {"epoch": "ab", "watermark": 2, "ahead": [[4, 4]]}, what="receipt again")


def test_a_disk_that_refuses_writes_stops_nothing_for_good(town: IngestTown) -> None:
    pid = town.start_ingest()
    town.wait_for_ingest()
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (16_384, unlimited[1]))
    with publisher(town.port, client_id="device") as device:
        for number in range(50):
            device.publish("readings/v1/device", record("gauge-3", seq=number, at_s=number), qos=1)
        wait_until(lambda: "storage_fault" in town.events_logged(), what="the fault in the log")
        heartbeat_ns = town.reader.heartbeat_ns()
        threading.Event().wait(1.5)
        assert town.reader.heartbeat_ns() == heartbeat_ns
        resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
        wait_until(lambda: town.stored_seqs()["gauge-3"] == list(range(50)), 20.0, what="all readings stored")
    wait_until(lambda: town.reader.counters().get("storage_faults") == 1, what="the fault counted")
    wait_until(lambda: town.reader.heartbeat_ns() > heartbeat_ns, what="heartbeats again")
    assert town.events_logged().count("storage_fault") == 1
    assert town.events_logged().count("storage_fault_over") == 1
    assert town.reader.counters()["starts"] == 1


@pytest.mark.lesson(20, 59)
def test_starts_on_a_damaged_journal_and_says_so(town: IngestTown) -> None:
    (town.data_dir / "journal.db").write_bytes(b"garbage " * 2_000)
    town.start_ingest()
    town.wait_for_ingest()
    assert [row.reason for row in town.reader.quarantine(limit=5)] == ["journal_damaged"]
    assert len(list(town.data_dir.glob("journal.db.damaged-*"))) == 1


def test_a_journal_deleted_while_it_runs_is_begun_anew_without_a_restart(town: IngestTown) -> None:
    town.start_ingest()
    town.wait_for_ingest()
    (town.data_dir / "journal.db").unlink()
    town.wait_for_ingest()
    assert "journal_lost" in town.events_logged()
    assert town.end_ingest(signal.SIGTERM) == 0


def test_two_writers_are_refused_with_one_clear_line(town: IngestTown) -> None:
    town.start_ingest()
    town.wait_for_ingest()
    second = subprocess.run(town.command(), capture_output=True, text=True, timeout=30, check=False)
    assert second.returncode == 2
    assert second.stderr.splitlines()[-1].startswith("python -m ingest: another ingest works in ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--site", "absent.toml"],
            "python -m ingest: site file absent.toml cannot be read: No such file or directory",
        ),
        (
            ["--clock", "tomorrow"],
            "python -m ingest: clock 'tomorrow' is not <real_start_ns>:<town_start_ns>:<speed>[:<gate>]",
        ),
    ],
)
def test_bad_use_is_one_line_and_exit_code_2(town: IngestTown, arguments: list[str], line: str) -> None:
    done = subprocess.run([*town.command(), *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr.splitlines()) == (2, [line])


@pytest.mark.lesson(27)
def test_heartbeat_is_stamped_every_second_without_data(town: IngestTown) -> None:
    town.start_ingest()
    wait_until(lambda: town.reader.heartbeat_ns() > 0, 20.0, what="first heartbeat")
    stamps = [town.reader.heartbeat_ns()]
    for _ in range(3):
        stamps.append(wait_until(lambda: max(0, town.reader.heartbeat_ns() - stamps[-1]), 5.0) + stamps[-1])
    assert max(after - before for before, after in pairwise(stamps)) < 2.5e9
