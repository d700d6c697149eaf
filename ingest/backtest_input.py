"""Recorded readings in long form, `.csv` or `.csv.gz`, into columns; rows that cannot be read go to quarantine.

Header `observed_at,device_id,quantity,value[,seq][,received_at]`. Times are ISO 8601 with offset, or integer
nanoseconds since 1970. An empty value or `nan` means that the device itself said the value is bad. `received_at`
defaults to `observed_at`. Limits of quantities are those of seam 2: outside them a row is `out_of_range`.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from devices.model import PermanentError, QuarantineRow
from devices.quantities import QUANTITIES
from ingest.batch import NO_SEQ, Batch, SeriesIndex
from ingest.flags import UNKNOWN

COLUMNS = ("observed_at", "device_id", "quantity", "value")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MOST = 2**62


@dataclass(slots=True)
class Recorded:
    """What the files say. `rows` (N,) are sorted by time of receipt and hold no two rows that are the same."""

    rows: Batch
    quarantine: list[QuarantineRow]


@dataclass(slots=True)
class _Columns:
    series: list[int] = field(default_factory=list)
    observed_ns: list[int] = field(default_factory=list)
    received_ns: list[int] = field(default_factory=list)
    seq: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)


def read_recorded(paths: Iterable[Path], *, known: frozenset[str], series: SeriesIndex) -> Recorded:
    """Return all rows of `paths` whose device is `known`; the series are numbered by `series`.

    The order of files, of rows in them, and rows that stand twice make no difference; a row that cannot be read is
    therefore named by what it says, not by its line.
    Raises PermanentError naming the file when it is no CSV with the columns above.
    """
    columns, bad = _Columns(), set[tuple[str, str, str, str]]()
    for path in paths:
        for row in _rows(path):
            problem = _add(columns, row, known=known, series=series)
            if problem is not None:
                device_id = row[1] if len(row) > 1 else ""
                bad.add((problem[0], device_id, problem[1], ",".join(row)[:400]))
    return Recorded(rows=_as_batch(columns), quarantine=_quarantine(bad))


def _quarantine(bad: set[tuple[str, str, str, str]]) -> list[QuarantineRow]:
    return [
        QuarantineRow(
            publisher="backtest", device_id=device, reason=reason, detail=detail, raw=raw.encode(), received_ns=0
        )
        for reason, device, detail, raw in sorted(bad)
    ]


def _rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows with the columns in the order observed_at, device_id, quantity, value, seq, received_at."""
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise PermanentError(f"input {path.name} cannot be read: {error}") from error
    reader = csv.reader(io.StringIO(text))
    header = [name.strip() for name in next(reader, [])]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        wanted = ",".join(COLUMNS)
        raise PermanentError(
            f"input {path.name}: column {missing[0]} is missing; the header is {wanted}[,seq][,received_at]"
        )
    places = [header.index(name) if name in header else -1 for name in (*COLUMNS, "seq", "received_at")]
    if places == list(range(len(header))):
        yield from reader
        return
    for row in reader:
        yield [row[place] if 0 <= place < len(row) else "" for place in places]


def _add(columns: _Columns, row: list[str], *, known: frozenset[str], series: SeriesIndex) -> tuple[str, str] | None:
    """Add one row; return reason and detail when it cannot be."""
    try:
        observed, device_id, key, number, *more = row
        observed_ns = parse_instant(observed)
        received_ns = parse_instant(more[1]) if len(more) > 1 and more[1] else observed_ns
        seq = int(more[0]) if more and more[0] else NO_SEQ
        value = float(number) if number else math.nan
    except ValueError as error:
        return "undecodable", str(error)
    if device_id not in known:
        return "unknown_device", f"device {device_id!r} is not in the site"
    quantity = QUANTITIES.get(key)
    if quantity is None:
        return "unknown_quantity", f"quantity {key!r} is not in the table"
    if not math.isnan(value) and not quantity.lo <= value <= quantity.hi:
        return (
            "out_of_range",
            f"{device_id}/{key}: {value:g} is outside {quantity.lo:g}..{quantity.hi:g} {quantity.unit}",
        )
    if not (
        -_INT64_MOST < observed_ns < _INT64_MOST and -_INT64_MOST < received_ns < _INT64_MOST and seq < _INT64_MOST
    ):
        return "undecodable", "a time or counter is too large"
    columns.series.append(series.id_of(device_id, key))
    columns.observed_ns.append(observed_ns)
    columns.received_ns.append(received_ns)
    columns.seq.append(seq if seq >= 0 else NO_SEQ)
    columns.value.append(value)
    return None


def parse_instant(text: str) -> int:
    """Return integer nanoseconds since 1970. Raises ValueError for a time without offset, or no time at all.

    More than six digits after the point are kept to the nanosecond.
    """
    if text.lstrip("-").isdigit():
        return int(text)
    extra_ns = 0
    if "." in text:
        head, _, tail = text.partition(".")
        digits = len(tail) - len(tail.lstrip("0123456789"))
        extra_ns = int(tail[6:9].ljust(3, "0")) if digits > 6 else 0
        text = f"{head}.{tail[: min(digits, 6)]}{tail[digits:]}"
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"time {text!r} has no offset")
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000 + extra_ns


def _as_batch(columns: _Columns) -> Batch:
    count = len(columns.series)
    rows = Batch(
        series=np.array(columns.series, np.int32),
        observed_ns=np.array(columns.observed_ns, np.int64),
        received_ns=np.array(columns.received_ns, np.int64),
        seq=np.array(columns.seq, np.int64),
        value=np.array(columns.value, np.float64),
        flag=np.full(count, UNKNOWN, np.uint8),
        resent=np.zeros(count, np.bool_),
        clock=np.ones(count, np.uint8),
    )
    bits = rows.value.view(np.int64)
    order = np.lexsort((bits, rows.seq, rows.observed_ns, rows.series, rows.received_ns))
    if not count:
        return rows
    keys = (rows.received_ns, rows.series, rows.observed_ns, rows.seq, bits)
    is_new = np.ones(count, np.bool_)
    is_new[1:] = np.logical_or.reduce([np.diff(key[order]) != 0 for key in keys])
    return rows.take(order[is_new])
