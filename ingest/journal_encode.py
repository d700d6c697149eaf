"""Writes the bytes of one commit, as `ingest.journal_blob` describes them; reads them with numpy."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np

from ingest.batch import Batch
from ingest.journal_blob import CLOCK_BIT, CODES, COLUMN, CRC, RESENT_BIT, VERSION, Tools

Column = np.ndarray[Any, Any]


def encode(rows: Batch, removed: Batch, *, series_ids: Column, removed_ids: Column) -> bytes:
    """Return the bytes of one commit; `series_ids` (N,) and `removed_ids` (M,) are the journal's numbers."""
    marks = rows.flag | (rows.resent * RESENT_BIT).astype("u1") | (rows.clock * CLOCK_BIT).astype("u1")
    parts = [bytes([VERSION])]
    for column in (series_ids, rows.observed_ns, rows.received_ns, rows.seq, marks):
        parts += _packed(column)
    parts.append(rows.value.astype("<f8", copy=False).tobytes())
    for column in (removed_ids, removed.observed_ns, removed.seq):
        parts += _packed(column)
    body = b"".join(parts)
    return CRC.pack(zlib.crc32(body)) + body


def _packed(column: Column) -> tuple[bytes, bytes]:
    if not len(column):
        return COLUMN.pack(0, 0, 0), b""
    lowest, spread = int(column.min()), int(column.max()) - int(column.min())
    width = next(width for width in CODES if spread < 1 << 8 * width) if spread else 0
    head = COLUMN.pack(len(column), width, lowest)
    if not width:
        return head, b""
    # modulo 2**64: the difference of two int64 may need all 64 bits
    differences = column.astype(np.int64).view(np.uint64) - np.uint64(lowest % 2**64)
    return head, differences.astype(f"<u{width}").tobytes()


class _Numpy:
    def shifted(self, differences: Any, lowest: int) -> Any:
        return (np.asarray(differences).astype(np.uint64) + np.uint64(lowest % 2**64)).view(np.int64)

    def bits(self, marks: Any, mask: int) -> Any:
        return ((marks & mask) // (mask & -mask)).astype(np.uint8)

    def array(self, code: str, content: memoryview) -> Any:
        return np.frombuffer(content, np.dtype(code).newbyteorder("<"))


WITH_NUMPY: Tools = _Numpy()
"""For `ingest.journal_blob.decode`: the columns are numpy arrays (N,)."""
