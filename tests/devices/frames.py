"""Frames and messages for tests, and the shared vectors where this machine has them."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.model import DeviceSpec, Frame, Options, UplinkMessage

RECEIVED_NS = 1_700_000_000_000_000_000


def frame(spec: DeviceSpec, payload: bytes | str, *, port: int | None = None) -> Frame:
    """Return a frame of the device; text is hexadecimal."""
    raw = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return Frame(
        gateway_id="gw", transport=spec.transport, address="a", payload=raw, received_ns=RECEIVED_NS,
        port=spec.default_port if port is None else port,
    )  # fmt: skip


def configured(spec: DeviceSpec, options: Options) -> DeviceSpec:
    """Return the model as a site with these options has it."""
    assert spec.configure is not None
    return spec.configure(options)


def message(topic: str, payload: bytes, *, is_retained: bool = False) -> UplinkMessage:
    return UplinkMessage(
        gateway_id="gw", topic=topic, payload=payload, received_ns=RECEIVED_NS, is_retained=is_retained
    )  # fmt: skip


def shared_vectors(name: str) -> list[dict[str, Any]]:
    """Return the records of a JSON-lines file of the shared data folder; skip the test by name where it is absent.

    `SATOMORI_SHARED_DATA` names the folder; without it the one beside the checkout is looked for.
    """
    given = os.environ.get("SATOMORI_SHARED_DATA")
    folder = Path(given) if given else Path(__file__).parents[3] / "shared" / "data"
    path = folder / name
    if not path.is_file():
        pytest.skip(f"shared data {name} is not on this machine")
    return list(_records(path))


def _records(path: Path) -> Iterator[dict[str, Any]]:
    text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in text.decode("utf-8").splitlines():
        yield json.loads(line)
