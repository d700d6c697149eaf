"""What the tests of journal and consumer share: small outcomes, a town's file, a full disk."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from devices.model import Event, EventState, QuarantineRow, Reading, Severity
from ingest.batch import SeriesIndex, batch_from_readings
from ingest.journal import JournalBatch, JournalWriter
from ingest.journal_fold import fold_all
from ingest.journal_read import JournalReader
from ingest.pipeline import Outcome
from ingest.receipts import ReceiptRows

T0_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000

CONTENT_TABLES = ("series", "observations", "latest", "event_log", "state", "receipts", "gaps")
ALL_TABLES = (*CONTENT_TABLES, "quarantine", "counters", "pulse")

Dump = dict[str, list[tuple[Any, ...]]]


def reading(device_id: str = "snow-1", *, at_s: float = 0, **fields: Any) -> Reading:
    """A reading at T0 + at_s, received a second later unless told otherwise."""
    observed_ns = T0_NS + int(at_s * SECOND_NS)
    given = {"quantity": "snow_depth", "value": 1.0, "received_ns": observed_ns + SECOND_NS, **fields}
    return Reading(device_id=device_id, observed_ns=observed_ns, **given)


def event(
    event_id: str = "e1", *, state: EventState = EventState.RAISED, at_s: float = 0, detected_s: float = 0
) -> Event:
    return Event(
        event_id=event_id,
        rule_id="deep",
        subject="snow-1",
        device_id="snow-1",
        quantity="snow_depth",
        state=state,
        severity=Severity.WARNING,
        observed_ns=T0_NS + int(at_s * SECOND_NS),
        detected_ns=T0_NS + int(detected_s * SECOND_NS),
        value=1.5,
        limit=1.0,
    )


def bad_input(reason: str = "undecodable", *, at_s: float = 0, device_id: str = "", raw: bytes = b"?") -> QuarantineRow:
    return QuarantineRow(
        publisher="gw-01",
        device_id=device_id,
        reason=reason,
        detail=f"{reason} at {at_s}",
        raw=raw,
        received_ns=T0_NS + int(at_s * SECOND_NS),
    )


def outcome(
    readings: Sequence[Reading] = (),
    *,
    removed: Sequence[Reading] = (),
    events: Sequence[Event] = (),
    quarantine: Sequence[QuarantineRow] = (),
    state: Mapping[str, bytes] | None = None,
    duplicates: int = 0,
) -> Outcome:
    """An outcome that says exactly this; the series are numbered anew each time, as after a restart."""
    index = SeriesIndex()
    return Outcome(
        observations=batch_from_readings(readings, index),
        duplicates=duplicates,
        conflicts=(),
        quarantine=tuple(quarantine),
        events=tuple(events),
        changed_state=dict(state or {}),
        series=index,
        removed=batch_from_readings(removed, index),
    )


def batch(readings: Sequence[Reading] = (), *, at_s: float = 0, **fields: Any) -> JournalBatch:
    """A batch at T0 + at_s; `fields` go to the batch when it has them, else to the outcome."""
    of_batch = {name: fields.pop(name) for name in ("receipts", "batch_id", "counts") if name in fields}
    return JournalBatch(outcome=outcome(readings, **fields), now_ns=T0_NS + int(at_s * SECOND_NS), **of_batch)


def rows_of(number: int, *, floor: int = 0, epoch: str = "e1") -> ReceiptRows:
    return ReceiptRows(publisher="gw-01", epoch=epoch, rows=(number,), floor=floor)


def dump(path: Path, tables: Sequence[str] = ALL_TABLES) -> Dump:
    """All rows of the tables as if everything were folded, read from a copy."""
    with closing(sqlite3.connect(path)) as connection, closing(sqlite3.connect(":memory:")) as copy:
        connection.backup(copy)
        fold_all(copy, None, now_ns=0)
        return {table: sorted(copy.execute(f"SELECT * FROM {table}").fetchall(), key=repr) for table in tables}


def fill_disk(writer: JournalWriter, path: Path) -> None:
    """Let the file grow no further, as a full disk does."""
    pages = path.stat().st_size // 4096
    connection_of(writer).execute(f"PRAGMA max_page_count = {pages}")


def free_disk(writer: JournalWriter) -> None:
    connection_of(writer).execute("PRAGMA max_page_count = 1000000")


def connection_of(writer: JournalWriter) -> sqlite3.Connection:
    return writer._connection


def stored_readings(reader: JournalReader) -> list[Reading]:
    found: list[Reading] = []
    for series in reader.series():
        for row in reader.observations(series.device_id, series.quantity, from_ns=0, to_ns=2**62, limit=10**6):
            found.append(
                Reading(
                    device_id=series.device_id,
                    quantity=series.quantity,
                    value=row.value,
                    observed_ns=row.observed_ns,
                    received_ns=row.received_ns,
                    seq=row.seq,
                )
            )
    return found


READINGS = st.lists(
    st.builds(
        reading,
        st.sampled_from(["a", "b"]),
        at_s=st.integers(0, 5),
        seq=st.sampled_from([None, 1, 2]),
        value=st.sampled_from([0.5, 1.5, math.nan]),
        resent=st.booleans(),
        received_ns=st.integers(T0_NS, T0_NS + 20),
    ),
    max_size=8,
    unique_by=lambda r: (r.device_id, r.observed_ns, r.seq),
)
