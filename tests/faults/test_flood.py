"""A flood from one device while the disk takes nothing: memory stays bounded, others are heard, all of it is stored."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from satomori.bench.mqtt_raw import RawClient
from tests.ingest.town import IngestTown, record, running_broker
from tests.support import wait_until

pytestmark = [pytest.mark.services, pytest.mark.timeout(400)]

FLOOD = 100_000
OTHERS = 50
FULL_BYTES = 16_384
HELD_BYTES = 16 * 2**20
"""Twice 8,192 messages and a batch take 5 MiB; without the bounds of link and inbox it was 21."""


@pytest.fixture
def town(tmp_path: Path) -> Iterator[IngestTown]:
    with running_broker(tmp_path) as port:
        town = IngestTown(tmp_path, port=port)
        yield town
        town.close()


def memory_bytes(pid: int) -> int:
    """The resident memory of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) * 1024


def flood(device_id: str, count: int) -> list[tuple[str, bytes]]:
    return [(f"readings/v1/{device_id}", record(device_id, seq=number, at_s=number)) for number in range(1, count + 1)]


def publish(town: IngestTown, client_id: str, messages: list[tuple[str, bytes]]) -> None:
    """Return when the broker has all of them."""
    device = RawClient(town.port, client_id)
    device.publish(messages)
    device.close()


@pytest.mark.lesson(4, 16)
def test_a_flood_on_a_full_disk_is_held_within_bounds_and_stored_afterwards(town: IngestTown) -> None:
    pid = town.start_ingest()
    town.wait_for_ingest()
    before_bytes = memory_bytes(pid)
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (FULL_BYTES, unlimited[1]))
    publish(town, "loud", flood("gauge-3", FLOOD))
    publish(town, "quiet", flood("gauge-4", OTHERS))
    wait_until(lambda: "storage_fault" in town.events_logged(), what="the fault in the log")
    assert town.stored_seqs()["gauge-3"] == []
    assert memory_bytes(pid) - before_bytes < HELD_BYTES
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    wait_until(
        lambda: town.reader.counters().get("readings", 0) > FLOOD + OTHERS, 240.0, what="the flood in the journal"
    )
    stored = town.stored_seqs()
    assert stored["gauge-3"] == list(range(1, FLOOD + 1))
    assert stored["gauge-4"] == list(range(1, OTHERS + 1))
    counters = town.reader.counters()
    assert (counters["starts"], counters["storage_faults"]) == (1, 1)
    assert "step_failures" not in counters
