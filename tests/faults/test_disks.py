"""Disks that are full or read-only under the real processes: they stay up, say so, lose nothing, and come back."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from devices.model import TransientError
from ingest.journal import JournalWriter
from tests.faults.disks import SmallDisk, small_disk
from tests.gateway.sites import GATEWAY, site_text
from tests.ingest.journal_cases import T0_NS, batch, reading
from tests.ingest.town import IngestTown, publisher, record, running_broker
from tests.support import free_port, wait_until

pytestmark = pytest.mark.services

MESSAGES = 60
HISTORY = 3_000


@pytest.fixture
def town(tmp_path: Path) -> Iterator[IngestTown]:
    with running_broker(tmp_path) as port:
        town = IngestTown(tmp_path, port=port)
        yield town
        town.close()


@pytest.fixture
def disk(town: IngestTown) -> Iterator[SmallDisk]:
    with small_disk(town.data_dir, size="3m") as disk:
        yield disk
        town.close()


def send(town: IngestTown, first: int) -> list[int]:
    """Publish and return the frame counters; the broker has them all when this returns."""
    seqs = list(range(first, first + MESSAGES))
    with publisher(town.port, client_id=f"device-{first}") as device:
        for seq in seqs:
            assert device.publish("readings/v1/device", record("gauge-3", seq=seq, at_s=seq), qos=1)
    return seqs


def say_count(town: IngestTown, event: str) -> int:
    return town.events_logged().count(event)


def test_a_full_disk_under_the_journal_loses_nothing(town: IngestTown, disk: SmallDisk) -> None:
    town.start_ingest()
    town.wait_for_ingest()
    disk.fill()
    sent = send(town, 1)
    wait_until(lambda: say_count(town, "storage_fault") == 1, 60.0, what="the fault in the log")
    assert town.stored_seqs()["gauge-3"] != sent
    disk.free()
    wait_until(lambda: town.stored_seqs()["gauge-3"] == sent, 60.0, what="all readings stored")
    wait_until(lambda: say_count(town, "storage_fault_over") == 1, 60.0, what="the end of the fault in the log")
    assert town.reader.counters()["starts"] == 1


def test_a_start_on_a_full_disk_waits_for_room(town: IngestTown, disk: SmallDisk) -> None:
    town.start_ingest()
    town.wait_for_ingest()
    town.end_ingest(signal.SIGKILL)
    disk.fill()
    town.start_ingest()
    wait_until(lambda: say_count(town, "storage_fault") == 1, 60.0, what="the fault in the log")
    sent = send(town, 1)
    disk.free()
    wait_until(lambda: town.stored_seqs()["gauge-3"] == sent, 60.0, what="all readings stored")
    assert list(town.data_dir.glob("*.damaged-*")) == []


def test_a_damaged_journal_on_a_full_disk_is_saved_when_there_is_room(town: IngestTown, disk: SmallDisk) -> None:
    path = town.data_dir / "journal.db"
    writer = JournalWriter.open(path, now_ns=T0_NS)
    writer.commit(batch([reading("gauge-1", quantity="distance", at_s=second) for second in range(HISTORY)]))
    while writer.tend(now_ns=T0_NS, is_forced=True):
        pass
    writer._connection.execute("DROP TABLE state")  # damaged: a table is missing
    writer.close()
    disk.fill()
    town.start_ingest()
    wait_until(lambda: say_count(town, "storage_fault") >= 1, 60.0, what="the fault in the log")
    disk.free()
    wait_until(lambda: is_damage_told(town), 60.0, what="the damage is told")
    assert len(list(town.data_dir.glob("journal.db.damaged-*Z"))) == 1
    assert town.reader.observation_counts() == {("gauge-1", "distance"): HISTORY}


def is_damage_told(town: IngestTown) -> bool:
    with suppress(TransientError):  # files change under the reader
        return "journal_damaged" in [row.reason for row in town.reader.quarantine(limit=5)]
    return False


@contextmanager
def service(folder: Path, data: Path, arguments: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    site = folder / "site.toml"
    site.write_text(site_text(broker_port=free_port()), encoding="utf-8")
    command = [sys.executable, "-m", "satomori", *arguments, "--site", str(site), "--data", str(data)]
    with (folder / "service.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=20)


@pytest.mark.parametrize(
    ("arguments", "says", "makes"),
    [
        (["ingest"], "storage_fault", "journal.db"),
        (["alerts"], "step_failing", "alerts.db"),
        (["gateway", "--id", GATEWAY], "spool_unavailable", f"spool-{GATEWAY}.db"),
    ],
)
def test_a_service_starts_on_a_read_only_disk_says_so_and_works_once_it_may(
    tmp_path: Path, arguments: list[str], says: str, makes: str
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    log = tmp_path / "service.log"
    with small_disk(data, size="8m") as disk:
        disk.remount("ro")
        with service(tmp_path, data, arguments) as process:
            wait_until(lambda: f'"event": "{says}"' in log.read_text(), 60.0, what=says)
            assert "Read-only" in log.read_text()
            assert "Traceback" not in log.read_text()
            disk.remount("rw")
            wait_until(lambda: (data / makes).exists(), 60.0, what=makes)
            assert process.poll() is None
            assert "Traceback" not in log.read_text()
