"""Rows and spools for tests of the gateway."""

from __future__ import annotations

import os
from pathlib import Path

from devices.model import SECOND_NS
from gateway.spool import Spool
from gateway.spool_types import Lane, NewRow, SpoolOptions, StoredRow, Want

START_NS = 1_700_000_000 * SECOND_NS
MIB = 1 << 20
ALL = Want(first=0, last=1 << 62, most_records=1 << 30, most_bytes=1 << 40)


def row(at_s: float, *, device_id: str = "snow-01", lane: Lane = Lane.SAMPLE, body: bytes = b"[]") -> NewRow:
    """Return a row received `at_s` seconds after START_NS."""
    return NewRow(lane=lane, device_id=device_id, received_ns=START_NS + int(at_s * SECOND_NS), records=1, body=body)


def open_spool(folder: Path, *, max_bytes: int = 64 * MIB, now_ns: int = START_NS) -> Spool:
    return Spool.open(SpoolOptions(path=folder / "spool-gw.db", max_bytes=max_bytes), now_ns=now_ns)


def abandon(spool: Spool) -> None:
    """Let go of the spool as a killed process does: the kernel closes its files, nothing is written."""
    if spool._db.in_transaction:
        spool._db.execute("ROLLBACK")
    spool._db.close()
    os.close(spool._lock_file)


def all_waiting(spool: Spool) -> list[StoredRow]:
    return spool.waiting(ALL)


def numbers(spool: Spool) -> list[int]:
    return [stored.number for stored in all_waiting(spool)]
