"""Recorded readings in long form: `.csv` or `.csv.gz` into columns, one order whatever the files were cut into.

Header: `observed_at,device_id,quantity,value[,seq][,received_at]`, other columns are ignored. Times are ISO 8601 with
offset, or integer nanoseconds since 1970. `value` empty or `nan`: the device says the value is bad. `received_at`
defaults to `observed_at`; a row received later than the lateness after it was observed is history (`resent`): it
completes the record, but is no sign of life.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from devices.model import SECOND_NS, PermanentError
from devices.quantities import QUANTITIES
from ingest.batch import NO_SEQ, Batch, Bools, Floats, Int32s, Int64s, SeriesIndex, concat, empty_batch
from ingest.facts import value_bits
from ingest.flags import UNKNOWN
from ingest.runs import is_first

if TYPE_CHECKING:
    from _csv import Reader

COLUMNS = ("observed_at", "device_id", "quantity", "value")
_OPTIONAL = ("seq", "received_at")
_CHUNK_ROWS = 50_000
_MICRO_DIGITS = 6
_NANO_DIGITS = 9
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INT64_MOST = 2**63 - 1
_SHOWN = 1_000

_Line = tuple[int, list[str]]
"""Line number and fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that is no reading: where it stands, why, and what it says."""

    file: str
    line: int
    reason: str
    detail: str
    text: str


@dataclass(slots=True, kw_only=True)
class Refusals:
    """Rows that are no readings: the first 1,000 with their place, and all distinct texts by reason."""

    rows: list[RefusedRow] = field(default_factory=list)
    texts: dict[str, set[str]] = field(default_factory=dict)

    def add(self, row: RefusedRow) -> None:
        """Note one."""
        self.texts.setdefault(row.reason, set()).add(row.text)
        if len(self.rows) < _SHOWN:
            self.rows.append(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Rows (N,) in order of (received, observed, device, quantity, seq, value), no two the same."""

    rows: Batch
    names: SeriesIndex
    refusals: Refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """Lines of one file as columns of text."""

    file: str
    rows: Sequence[_Line]
    places: dict[str, int]

    def column(self, name: str) -> list[str]:
        place = self.places[name]
        return [row[place] for _, row in self.rows]


class RecordingReader:
    """Reads files into one Recording."""

    def __init__(self, device_ids: Sequence[str], *, lateness_s: int) -> None:
        """Accept rows of these devices."""
        self._device_ids = frozenset(device_ids)
        self._lateness_ns = lateness_s * SECOND_NS
        self._met = SeriesIndex()
        self._refusals = Refusals()
        self._parts: list[Batch] = []

    def read(self, path: Path) -> None:
        """Take in one file.

        Raises PermanentError naming the file when it cannot be read, has no such header or, with its line, a time
        without offset. Other bad rows are refused one by one.
        """
        with _opened(path) as lines:
            reader = csv.reader(lines)
            header = _more(reader, most=1)
            names = header[0][1] if header else []
            missing = [name for name in COLUMNS if name not in names]
            if missing:
                wanted = f"{','.join(COLUMNS)}[,{'][,'.join(_OPTIONAL)}]"
                raise PermanentError(f"{path.name}: column {missing[0]} is missing; the header is {wanted}")
            places = {name: place for place, name in enumerate(names)}
            while chunk := _more(reader, most=_CHUNK_ROWS):
                self._take(_Part(file=path.name, rows=self._of_known_names(chunk, path.name, places), places=places))

    def _of_known_names(self, rows: list[_Line], file: str, places: dict[str, int]) -> list[_Line]:
        """Return the rows of devices and quantities that are known; refuse the others."""
        device, quantity, least = places["device_id"], places["quantity"], len(places)
        known: list[_Line] = []
        for line in rows:
            row = line[1]
            if len(row) < least:
                if row:
                    self._refuse(file, line, reason="bad_row", detail="fewer columns than the header")
            elif row[device] not in self._device_ids:
                self._refuse(file, line, reason="unknown_device", detail=f"{row[device]!r} is not in the site")
            elif row[quantity] not in QUANTITIES:
                self._refuse(file, line, reason="unknown_quantity", detail=f"{row[quantity]!r} is not in the table")
            else:
                known.append(line)
        return known

    def _refuse(self, file: str, line: _Line, *, reason: str, detail: str) -> None:
        number, row = line
        self._refusals.add(RefusedRow(file=file, line=number, reason=reason, detail=detail, text=",".join(row)))

    def recording(self) -> Recording:
        """Return all that was read, in one order."""
        rows = concat(self._parts)
        keys = [self._met.key(number) for number in range(len(self._met))]
        names = SeriesIndex()
        number = np.empty(len(keys), dtype=np.int32)
        for place in sorted(range(len(keys)), key=keys.__getitem__):
            number[place] = names.id_of(*keys[place])
        rows = _renumbered(rows, number)
        bits = value_bits(rows.value)
        order = np.lexsort((bits, rows.seq, rows.series, rows.observed_ns, rows.received_ns))
        rows, bits = rows.take(order), bits[order]
        columns = (rows.received_ns, rows.observed_ns, rows.series, rows.seq, bits)
        is_new: Bools = np.logical_or.reduce([is_first(column) for column in columns])
        return Recording(rows=rows.take(is_new), names=names, refusals=self._refusals)

    def _take(self, part: _Part) -> None:
        """Take rows in; halve what holds a bad one until it is found."""
        if not part.rows:
            return
        try:
            self._parts.append(self._columns(part))
        except (_RefusedError, _NaiveTimeError) as error:
            if len(part.rows) > 1:
                middle = len(part.rows) // 2
                self._take(replace(part, rows=part.rows[:middle]))
                self._take(replace(part, rows=part.rows[middle:]))
            elif isinstance(error, _RefusedError):
                self._refuse(part.file, part.rows[0], reason=error.reason, detail=str(error))
            else:
                raise PermanentError(f"{part.file} line {part.rows[0][0]}: {error}") from error

    def _columns(self, part: _Part) -> Batch:
        observed_ns = _times(part.column("observed_at"))
        received_ns = observed_ns
        if "received_at" in part.places:
            pairs = zip(part.column("received_at"), part.column("observed_at"), strict=True)
            received_ns = _times([received or observed for received, observed in pairs])
        return Batch(
            series=np.fromiter(
                map(self._met.id_of, part.column("device_id"), part.column("quantity")), np.int32, len(part.rows)
            ),
            observed_ns=observed_ns,
            received_ns=received_ns,
            seq=_counters(part.column("seq")) if "seq" in part.places else np.full(len(part.rows), NO_SEQ),
            value=_values(part.column("value")),
            flag=np.full(len(part.rows), UNKNOWN, dtype=np.uint8),
            resent=received_ns - observed_ns > self._lateness_ns,
            clock=np.zeros(len(part.rows), dtype=np.uint8),
        )


class _RefusedError(Exception):
    """Says why a row is none."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class _NaiveTimeError(Exception):
    """A time without offset: the whole file is likely to be in some local time."""


@contextmanager
def _opened(path: Path) -> Iterator[io.TextIOWrapper]:
    try:
        with path.open("rb") as raw, gzip.open(raw) if path.suffix == ".gz" else raw as data:
            yield io.TextIOWrapper(data, encoding="utf-8-sig", errors="replace", newline="")
    except (OSError, EOFError, zlib.error) as error:
        raise PermanentError(f"{path.name} cannot be read: {error}") from error


def _more(reader: Reader, *, most: int) -> list[_Line]:
    """Return up to `most` further rows with the number of the line on which each ends; empty at the end."""
    first = reader.line_num + 1
    rows: list[list[str]] = []
    try:
        rows.extend(islice(reader, most))
    except csv.Error as error:
        # a field beyond the limit of the csv module; the rows before it are there
        rows.append([f"unreadable: {error}"])
    return list(enumerate(rows, first))


def _times(texts: list[str]) -> Int64s:
    cache: dict[str, int] = {}
    found = [cache.get(text) or cache.setdefault(text, instant_ns(text)) for text in texts]
    return np.array(found, dtype=np.int64)


def instant_ns(text: str) -> int:
    """Return nanoseconds since 1970 of ISO 8601 with offset, or of an integer that already is that.

    Raises ValueError for anything else, a time without offset among them.
    """
    if text.isascii() and text.removeprefix("-").isdigit():
        return _within_int64(int(text), text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise _RefusedError("bad_time", f"{text!r} is neither ISO 8601 nor integer nanoseconds") from None
    if moment.tzinfo is None:
        raise _NaiveTimeError(f"time {text!r} has no offset; write Z or +09:00 after it")
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * SECOND_NS + passed.microseconds * 1_000 + _below_micro_ns(text)


def _below_micro_ns(text: str) -> int:
    """Return the nanoseconds that stand behind the sixth digit of the fraction; datetime drops them."""
    fraction = text.partition(".")[2] or text.partition(",")[2]
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
    return int(digits[_MICRO_DIGITS:_NANO_DIGITS].ljust(_NANO_DIGITS - _MICRO_DIGITS, "0"))


def _counters(texts: list[str]) -> Int64s:
    return np.array([_counter(text) if text else NO_SEQ for text in texts], dtype=np.int64)


def _counter(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise _RefusedError("bad_seq", f"seq {text!r} is no whole number from 0")
    return _within_int64(int(text), text)


def _within_int64(number: int, text: str) -> int:
    if abs(number) > _INT64_MOST:
        raise _RefusedError("bad_number", f"{text!r} needs more than 64 bits")
    return number


def _values(texts: list[str]) -> Floats:
    joined = "".join(texts)
    # float() takes "1_000" and full-width digits, which no device means
    if not joined.isascii() or "_" in joined:
        raise _RefusedError("bad_value", f"value {joined!r} is no number")
    try:
        values = np.array([float(text) if text else np.nan for text in texts], dtype=np.float64)
    except ValueError:
        raise _RefusedError("bad_value", f"value {texts[0]!r} is no number") from None
    if np.isinf(values).any():
        raise _RefusedError("bad_value", f"value {texts[0]!r} is not finite")
    return values


def _renumbered(rows: Batch, number: Int32s) -> Batch:
    if not len(rows):
        return empty_batch()
    return Batch(
        series=number[rows.series], observed_ns=rows.observed_ns, received_ns=rows.received_ns, seq=rows.seq,
        value=rows.value, flag=rows.flag, resent=rows.resent, clock=rows.clock,
    )  # fmt: skip
