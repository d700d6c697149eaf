"""What the hub says it has: `receipts/v1/<publisher>`, and the arithmetic of row ranges."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from gateway.spool_types import Ranges

RANGES_MOST = 64
"""The hub lists at most this many ranges; a full list may be cut, so nothing is known beyond its end."""

_BYTES_MOST = 16_384
_NUMBER_MOST = (1 << 62) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """All rows up to `watermark` are committed by the hub, and those in `ahead` (ascending inclusive ranges)."""

    epoch: str
    watermark: int
    ahead: Ranges

    @property
    def highest(self) -> int:
        """The highest row the hub says it has."""
        return max(self.watermark, self.ahead[-1][1] if self.ahead else 0)

    def has(self) -> list[tuple[int, int]]:
        """Return the rows that the hub has."""
        first = [(1, self.watermark)] if self.watermark else []
        return [*first, *self.ahead]

    def lacks(self) -> list[tuple[int, int]]:
        """Return the rows that the hub does not have, as far as the receipt tells (an open end for the last range)."""
        last = _NUMBER_MOST if len(self.ahead) < RANGES_MOST else self.highest
        return gaps(self.ahead, first=self.watermark + 1, last=last)


class _Shape(msgspec.Struct):
    epoch: str
    watermark: int
    ahead: list[tuple[int, int]] = []


def parse_receipt(payload: bytes) -> Receipt | None:
    """Return the receipt in `payload`, None when it is not one (too long, no JSON, ranges that make no sense)."""
    if len(payload) > _BYTES_MOST:
        return None
    try:
        shape = msgspec.json.decode(payload, type=_Shape)
    except (msgspec.DecodeError, RecursionError):
        return None
    end = shape.watermark
    if not 0 <= end <= _NUMBER_MOST:
        return None
    for first, last in shape.ahead:
        if not end < first <= last <= _NUMBER_MOST:
            return None
        end = last
    return Receipt(epoch=shape.epoch, watermark=shape.watermark, ahead=tuple(shape.ahead))


def gaps(spans: Iterable[tuple[int, int]], *, first: int, last: int) -> list[tuple[int, int]]:
    """Return what of `first`..`last` the ascending inclusive `spans` leave free."""
    free = []
    for start, end in spans:
        if start > first:
            free.append((first, min(start - 1, last)))
        first = max(first, end + 1)
        if first > last:
            return free
    free.append((first, last))
    return free
