"""Recorded rows in long form, gathered into what a device would have sent at one instant."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

from devices.model import PermanentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BELOW_MICROSECOND = re.compile(r"[.,]\d{6}(\d{1,3})")
_COLUMNS = ("observed_at", "device_id", "quantity", "value")


@dataclass(slots=True, kw_only=True)
class Uttering:
    """What one device says at one instant: `values` by quantity key, in the quantities' own units."""

    observed_ns: int
    device_id: str
    seq: int | None = None
    values: dict[str, float] = field(default_factory=dict)


def find_input(name: str) -> Path:
    """Return the file called `name`: a path, or the name of a scene that ships with Satomori.

    Raises PermanentError naming what was looked for.
    """
    path = Path(name)
    if path.is_file():
        return path
    scene = Path(str(files("firmware_sim"))) / "scenes" / name / "readings.csv.gz"
    if scene.is_file():
        return scene
    raise PermanentError(f"input {name!r} is neither a file nor a scene")


def read_utterings(path: Path) -> list[Uttering]:
    """Return the rows of a long-form .csv or .csv.gz, gathered by device and instant, in order of time.

    Raises PermanentError naming file and line of the first row that is not what the header says.
    """
    gathered: dict[tuple[int, str, int | None], Uttering] = {}
    for number, row in _rows(path):
        try:
            observed_ns = instant_ns(row["observed_at"])
            seq = int(row["seq"]) if row.get("seq") else None
            value = float(row["value"])
        except (ValueError, TypeError, KeyError) as error:
            raise PermanentError(f"{path.name} line {number}: {error}") from error
        key = (observed_ns, row["device_id"], seq)
        uttering = gathered.setdefault(key, Uttering(observed_ns=observed_ns, device_id=row["device_id"], seq=seq))
        uttering.values[row["quantity"]] = value
    return sorted(gathered.values(), key=lambda u: (u.observed_ns, u.device_id, -1 if u.seq is None else u.seq))


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise PermanentError(f"{path.name} cannot be read: {error}") from error
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise PermanentError(f"{path.name}: column {missing[0]} is missing; the header is {','.join(_COLUMNS)}[,seq]")
    for row in reader:
        yield reader.line_num, row


def instant_ns(text: str) -> int:
    """Return integer nanoseconds since 1970 for ISO 8601 with offset, or for an integer that already is that.

    Raises ValueError for a time without offset.
    """
    if text.lstrip("-").isdigit():
        return int(text)
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"time {text!r} has no offset")
    fine = _BELOW_MICROSECOND.search(text)  # fromisoformat drops these digits
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000 + (int(fine[1].ljust(3, "0")) if fine else 0)


def iso_time(instant: int) -> str:
    """Return integer nanoseconds since 1970 as ISO 8601 in UTC with `Z`, as exact as they are."""
    microseconds, rest_ns = divmod(instant, 1000)
    text = (_EPOCH + timedelta(microseconds=microseconds)).isoformat(timespec="microseconds" if rest_ns else "auto")
    return text.replace("+00:00", f"{rest_ns:03d}Z" if rest_ns else "Z")
