"""The newest row of each series, commit by commit: the same rule for the table `latest` and for what is not in it yet.

The newest is the highest by (observed_ns, seq); an equal one replaces, because its flag or derived value may have been
corrected. `commit_no` is the last commit that changed anything, `heard_ns` the newest receive time of what was not
resent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from ingest.journal_blob import Columns


@dataclass(slots=True, kw_only=True)
class Newest:
    """A row of `latest`; `value` None = bad by the device."""

    value: float | None
    flag: int
    observed_ns: int
    seq: int
    received_ns: int
    heard_ns: int
    commit_no: int


class Candidate(NamedTuple):
    """A row that may be the newest of its series; `heard_ns` 0 = it is no fresh sign of life."""

    series_id: int
    observed_ns: int
    seq: int
    received_ns: int
    value: float | None
    flag: int
    heard_ns: int


def advance(newest: dict[int, Newest], candidates: Iterable[Candidate], *, commit_no: int) -> None:
    """Let `newest`, by series, take in the rows of one commit."""
    for row in candidates:
        known = newest.get(row.series_id)
        if known is None:
            newest[row.series_id] = Newest(
                value=row.value, flag=row.flag, observed_ns=row.observed_ns, seq=row.seq, received_ns=row.received_ns,
                heard_ns=row.heard_ns, commit_no=commit_no,
            )  # fmt: skip
            continue
        if (row.observed_ns, row.seq) >= (known.observed_ns, known.seq) and _differs(row, known):
            known.observed_ns, known.seq, known.received_ns = row.observed_ns, row.seq, row.received_ns
            known.value, known.flag, known.commit_no = row.value, row.flag, commit_no
        if row.heard_ns > known.heard_ns:
            known.heard_ns, known.commit_no = row.heard_ns, commit_no


def candidates_of(rows: Columns) -> list[Candidate]:
    """Return all rows of a commit as candidates."""
    return [
        Candidate(series_id, observed_ns, seq, received_ns, value if value == value else None, flag,
                  0 if resent else received_ns)
        for series_id, observed_ns, seq, received_ns, value, flag, resent in zip(
            rows.series_id, rows.observed_ns, rows.seq, rows.received_ns, rows.value, rows.flag, rows.resent,
            strict=True,
        )
    ]  # fmt: skip


def _differs(row: Candidate, known: Newest) -> bool:
    return (row.observed_ns, row.seq, row.received_ns, row.value, row.flag) != (
        known.observed_ns, known.seq, known.received_ns, known.value, known.flag,
    )  # fmt: skip
