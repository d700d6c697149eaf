"""What goes into the spool, what comes out, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from zlib import crc32

from devices.model import SECOND_NS

Ranges = Sequence[tuple[int, int]]
"""Row numbers as inclusive ranges (first, last)."""


class Lane(IntEnum):
    """How dear a row is when the spool is full: samples and old pulses go first, events and quarantine last."""

    SAMPLE = 0
    PULSE = 1
    EVENT = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolOptions:
    """Where the spool is and how many bytes it may take. `keep_done_ns`: how long rows stay that the hub has."""

    path: Path
    max_bytes: int
    keep_done_ns: int = 24 * 3_600 * SECOND_NS


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRow:
    """One frame's readings (or one quarantine record) as a SenML array, before it has a number.

    `records` is how many SenML records `body` holds; `device_id` may be empty (unknown sender).
    """

    lane: Lane
    device_id: str
    received_ns: int
    records: int
    body: bytes

    def checksum(self, number: int) -> int:
        """Return the CRC32 over all that the row says, its number included."""
        head = f"{number}|{self.lane:d}|{self.device_id}|{self.received_ns}|{self.records}|"
        return crc32(self.body, crc32(head.encode()))


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A row that waits to be sent; its checksum held when it was read."""

    number: int
    received_ns: int
    records: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class DamagedRow:
    """A row whose checksum failed; it is in the table `damaged` and will not be sent."""

    number: int
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Want:
    """Which waiting rows: numbers from `first` to `last`, at most so many SenML records and bytes in sum."""

    first: int
    last: int
    most_records: int
    most_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolState:
    """Figures for the pulse. `oldest_ns` is the receive time of the oldest unsent row, None when all is sent."""

    rows_waiting: int
    oldest_ns: int | None
    rows_dropped: int
    starts: int
    counters: Mapping[str, int]
