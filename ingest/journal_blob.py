"""One batch of rows as bytes with a checksum: what the journal writes for a commit, and reads until it is folded.

    crc32 u32 of all that follows | version u8 | columns

A column of integers is `count u32, width u8, lowest i64` and the differences from the lowest, unsigned, of 0, 1, 2, 4
or 8 bytes each; values are 8-byte floats, NaN included; flag, resent and clock share one byte (bits 0-3, 4, 5). All
little-endian. Columns: series_id, observed_ns, received_ns, seq, marks, value; then series_id, observed_ns and seq of
the removed rows. Nothing here needs numpy: alerts reads the journal and is to stay small. Written by
`ingest.journal_encode`.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from devices.model import PermanentError

VERSION = 1
CRC = struct.Struct("<I")
COLUMN = struct.Struct("<IBq")
CODES = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""Array type codes by width in bytes."""
FLAG_BITS, RESENT_BIT, CLOCK_BIT = 0x0F, 0x10, 0x20


class DamagedBatchError(PermanentError):
    """The bytes of a batch are not those that were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Rows as parallel sequences; `seq` -1 = no frame counter, `value` NaN = bad by the device, `clock` 1 = device's.

    Of removed rows only `series_id`, `observed_ns` and `seq` are filled.
    """

    series_id: Sequence[int]
    observed_ns: Sequence[int]
    seq: Sequence[int]
    received_ns: Sequence[int] = ()
    value: Sequence[float] = ()
    flag: Sequence[int] = ()
    resent: Sequence[int] = ()
    clock: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.series_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """The rows of one commit: `removed` go first, then `rows` are written."""

    rows: Columns
    removed: Columns


NOTHING = Columns(series_id=(), observed_ns=(), seq=())
"""No rows."""


class Tools(Protocol):
    """How columns are computed: with the standard library (`PLAIN`), or with numpy where there is much to do."""

    def shifted(self, differences: Any, lowest: int) -> Any:
        """Return the sums (N,) as signed 64-bit integers."""

    def bits(self, marks: Any, mask: int) -> Any:
        """Return `marks` & `mask`, shifted so that the lowest bit of the mask is bit 0."""

    def array(self, code: str, content: memoryview) -> Any:
        """Return little-endian bytes as an array of that type code."""


class _Plain:
    def shifted(self, differences: Any, lowest: int) -> Any:
        return array("q", [lowest + difference for difference in differences])

    def bits(self, marks: Any, mask: int) -> Any:
        shift = (mask & -mask).bit_length() - 1
        return array("B", [(mark & mask) >> shift for mark in marks])

    def array(self, code: str, content: memoryview) -> Any:
        column = array(code, bytes(content))
        if sys.byteorder != "little":
            column.byteswap()
        return column


PLAIN: Tools = _Plain()


def decode(blob: bytes, tools: Tools = PLAIN) -> Block:
    """Return the rows of one commit. Raises DamagedBatchError when the bytes are not those that were written."""
    if len(blob) < CRC.size or zlib.crc32(memoryview(blob)[CRC.size :]) != CRC.unpack_from(blob)[0]:
        raise DamagedBatchError(f"batch of {len(blob)} bytes: checksum differs")
    if blob[CRC.size] != VERSION:
        raise DamagedBatchError(f"batch has version {blob[CRC.size]}, known is {VERSION}")
    content = _Content(blob, tools)
    series_id, observed_ns, received_ns, seq, marks = (content.integers() for _ in range(5))
    rows = Columns(
        series_id=series_id, observed_ns=observed_ns, received_ns=received_ns, seq=seq,
        value=content.take("d", len(series_id)), flag=tools.bits(marks, FLAG_BITS),
        resent=tools.bits(marks, RESENT_BIT), clock=tools.bits(marks, CLOCK_BIT),
    )  # fmt: skip
    removed = Columns(series_id=content.integers(), observed_ns=content.integers(), seq=content.integers())
    return Block(rows=rows, removed=removed)


class _Content:
    """The columns of a blob one after the other."""

    def __init__(self, blob: bytes, tools: Tools) -> None:
        self._blob = memoryview(blob)
        self._tools = tools
        self._place = CRC.size + 1

    def take(self, code: str, count: int) -> Any:
        start, self._place = self._place, self._place + count * array(code).itemsize
        return self._tools.array(code, self._blob[start : self._place])

    def integers(self) -> Any:
        count, width, lowest = COLUMN.unpack_from(self._blob, self._place)
        self._place += COLUMN.size
        differences = self.take(CODES[width], count) if width else array("B", bytes(count))
        return self._tools.shifted(differences, lowest)
