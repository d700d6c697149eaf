"""SenML taken out of the inner loop: messages travel as objects. The codec has its own tests, and its own fuzzing."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import gateway.uplink
import ingest.packs
from devices.senml import Pack
from tests.simulation.parts import Body, Packet

Patch = tuple[object, str, Any]
"""Owner, name, what stands there instead."""


@contextmanager
def replaced(patches: Iterable[Patch]) -> Iterator[None]:
    """Have names replaced while inside."""
    with ExitStack() as stack:
        for owner, name, replacement in patches:
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, replacement)
        yield


@contextmanager
def modelled() -> Iterator[None]:
    """Let uplink and consumer hand objects to each other while inside; nothing is logged."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with replaced([(gateway.uplink, "encode_rows", _encode), (ingest.packs, "decode_pack", _decode)]):
            yield
    finally:
        logging.disable(level)


def _encode(rows: Sequence[tuple[int, Body]], *, epoch: str, floor: int, resent: bool) -> Packet:
    return Packet(epoch, floor, tuple(row for row, _ in rows), tuple(body for _, body in rows), resent)


def _decode(payload: Packet, *, publisher: str, arrived_ns: int) -> Pack:
    readings = tuple(body.resent if payload.is_resent else body.reading for body in payload.bodies)
    return Pack(readings=readings, rows=payload.rows, epoch=payload.epoch, floor=payload.floor)
