"""What the readers of the journal get: plain dataclasses. All times are integer nanoseconds."""

from __future__ import annotations

from dataclasses import dataclass

from devices.model import Event
from ingest.journal_blob import Columns
from ingest.receipts import Ranges


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One line of the event log; `event_no` grows and is the cursor of alerts."""

    event_no: int
    commit_no: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestRow:
    """Newest observation of a series.

    `value` NaN: the device says it is bad. `heard_ns`: newest receive time of a reading that was not resent, 0 when
    there was none, and for hearsay (said about the device, not by it). `commit_no`: the commit that last changed this
    row.
    """

    device_id: str
    quantity: str
    value: float
    flag: int
    observed_ns: int
    received_ns: int
    heard_ns: int
    commit_no: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One quantity of one device; `series_id` is the journal's own number."""

    series_id: int
    device_id: str
    quantity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationRow:
    """One value with its quality flag; `value` NaN = bad by the device, `seq` None = no frame counter."""

    observed_ns: int
    received_ns: int
    value: float
    flag: int
    seq: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PointRow:
    """Good values of one equal part of a time span: first and last observed time, smallest, largest, mean, how many."""

    start_ns: int
    end_ns: int
    min: float
    max: float
    mean: float
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineEntry:
    """Input that became no reading; `count` equal ones (publisher, device, reason) are folded into this one."""

    id: int
    publisher: str
    device_id: str
    reason: str
    detail: str
    raw: bytes
    received_ns: int
    last_received_ns: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRow:
    """What is committed of one spool: all rows up to `watermark` except the gaps, and `ahead` beyond it."""

    publisher: str
    epoch: str
    watermark: int
    ahead: Ranges
    heard_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GapRow:
    """Spool rows, both ends inclusive, that their gateway can no longer send."""

    publisher: str
    epoch: str
    first_row: int
    last_row: int
    noted_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedRows:
    """What one commit did to the observations: `removed` first (identities only), then `rows` written or replaced."""

    commit_no: int
    rows: Columns
    removed: Columns


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Commits in their order. `last_commit_no` is the cursor for the next call.

    `is_cut`: the order of changes right after the cursor that was given is no longer known; what is wanted of the
    history must be read whole.
    """

    commits: tuple[ChangedRows, ...]
    last_commit_no: int
    is_cut: bool
