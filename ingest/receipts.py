"""Which rows of a gateway's spool are committed: contiguous watermark, ranges ahead of it, gaps nobody can fill.

Pure bookkeeping. A ledger belongs to one (publisher, epoch); it lives in the journal and changes only in the
transaction that commits the rows. The set it stands for: row r is committed if r <= watermark and r is in no gap, or
if r lies in `ahead`. Order and repetition of messages do not matter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Range = tuple[int, int]
"""First and last row, both inclusive."""
Ranges = tuple[Range, ...]
"""Sorted, disjoint and not touching each other."""
Heard = tuple[Ranges, int]
"""Rows of one spool, and its floor."""

MAX_AHEAD_RANGES = 1024
MAX_GAP_RANGES = 1024
MAX_SENT_RANGES = 64
_MAX_ROW = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptRows:
    """Spool rows that one message carried. What we lack below `floor` can no longer be sent; 0 = not stated."""

    publisher: str
    epoch: str
    rows: tuple[int, ...]
    floor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """What the journal has of one spool: all rows up to `watermark` but `gaps`, and `ahead` beyond it."""

    watermark: int = 0
    ahead: Ranges = ()
    gaps: Ranges = ()


def ranges_of(rows: Iterable[int]) -> Ranges:
    """Return the rows as ranges; order and repetition do not matter, rows below 1 or above 2**62 are left out."""
    return _joined(sorted((row, row) for row in set(rows) if 0 < row <= _MAX_ROW))


def union(left: Ranges, right: Ranges) -> Ranges:
    """Return the rows that are in `left` or in `right`."""
    return _joined(sorted((*left, *right)))


def subtract(left: Ranges, right: Ranges) -> Ranges:
    """Return the rows that are in `left` but not in `right`."""
    kept: list[Range] = []
    for first, last in left:
        for cut_first, cut_last in right:
            if cut_last < first:
                continue
            if cut_first > last:
                break
            if cut_first > first:
                kept.append((first, cut_first - 1))
            first = cut_last + 1
        if first <= last:
            kept.append((first, last))
    return tuple(kept)


def count_rows(ranges: Ranges) -> int:
    """Return how many rows the ranges hold."""
    return sum(last - first + 1 for first, last in ranges)


def record(ledger: Ledger, *, rows: Ranges, floor: int) -> Ledger:
    """Return the ledger after the commit of `rows`, knowing that nothing missing below `floor` will ever come.

    Rows below `floor` that were never committed become gaps; a gap closes again if its rows do come after all. Too
    many ranges ahead: the highest are forgotten (they are asked for again, and sending again is harmless). Too many
    gaps: the two oldest are told as one, so that a loss is rather over- than understated.
    """
    present = union(ledger.ahead, rows)
    gaps = subtract(ledger.gaps, rows)
    watermark = ledger.watermark
    floor = min(floor, _MAX_ROW)
    if floor - 1 > watermark:
        gaps = union(gaps, subtract(((watermark + 1, floor - 1),), present))
        watermark = floor - 1
    for first, last in present:
        if first > watermark + 1:
            break
        watermark = max(watermark, last)
    ahead = subtract(present, ((1, watermark),)) if watermark else present
    while len(gaps) > MAX_GAP_RANGES:
        gaps = ((gaps[0][0], gaps[1][1]), *gaps[2:])
    return Ledger(watermark=watermark, ahead=ahead[:MAX_AHEAD_RANGES], gaps=gaps)


def stated_floor(message: ReceiptRows) -> int:
    """Return the floor that may be believed: a message cannot carry rows below what its sender can still send."""
    lowest = min(message.rows, default=message.floor)
    return max(0, min(message.floor, lowest))


def merge(messages: Sequence[ReceiptRows]) -> dict[tuple[str, str], Heard]:
    """Return rows and floor of all messages by (publisher, epoch); messages without an epoch have no spool."""
    rows: dict[tuple[str, str], list[int]] = {}
    floors: dict[tuple[str, str], int] = {}
    for message in messages:
        if message.epoch:
            key = (message.publisher, message.epoch)
            rows.setdefault(key, []).extend(message.rows)
            floors[key] = max(floors.get(key, 0), stated_floor(message))
    return {key: (ranges_of(numbers), floors[key]) for key, numbers in rows.items()}


def encode_receipt(epoch: str, ledger: Ledger) -> bytes:
    """Return the payload of `receipts/v1/<publisher>`: JSON with epoch, watermark and at most 64 ranges ahead."""
    ahead = [list(span) for span in ledger.ahead[:MAX_SENT_RANGES]]
    return json.dumps({"epoch": epoch, "watermark": ledger.watermark, "ahead": ahead}, separators=(",", ":")).encode()


def _joined(spans: Sequence[Range]) -> Ranges:
    """Return sorted spans with those that touch or overlap made one."""
    joined: list[Range] = []
    for first, last in spans:
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)
