"""Loads the test vectors of others, in place and as they stand, into one form."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.shared_data import data_folder

_FILES = {
    "ttn": "lorawan_vectors/ttn_uplink.jsonl",
    "chirpstack": "lorawan_vectors/chirpstack_uplink.jsonl",
    "akenza": "lorawan_vectors/akenza_uplink.jsonl",
    "network_server": "mqtt_lorawan/network_server_uplinks.jsonl.gz",
}
NETWORK_FIELDS = frozenset({"rssi", "snr"})
"""What the network says of the radio, in records of no payload at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Instant:
    """What a source expects of one instant; `at_ms` only where the source gives a time of its own."""

    fields: Mapping[str, Any]
    at_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """Bytes and what their source expects of them.

    `is_complete`: the source names all that its decoder gives (akenza's tests name a part). `is_error`: the source
    expects an error. `agrees`: whether the vendor's own decoder gave the expected output (None: not run).
    """

    source: str
    name: str
    vendor: str
    model: str
    port: int | None
    payload: bytes
    instants: tuple[Instant, ...]
    is_complete: bool
    is_error: bool = False
    agrees: bool | None = None
    fault_note: str = ""

    @property
    def key(self) -> str:
        """`source:id`, unique."""
        return f"{self.source}:{self.name}"

    @property
    def device(self) -> tuple[str, str]:
        """Vendor and model as the source writes them, lower case."""
        return self.vendor.lower(), self.model.lower()


def is_here() -> bool:
    """Return whether all four files are on this machine."""
    return all((data_folder() / name).is_file() for name in _FILES.values())


@cache
def all_vectors() -> tuple[Vector, ...]:
    """Return every uplink vector, none where the recorded data are not beside the checkout."""
    if not is_here():
        return ()
    return tuple(_vector(source, record) for source, name in _FILES.items() for record in _records(name))


def _records(name: str) -> Iterator[dict[str, Any]]:
    path: Path = data_folder() / name
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    for line in raw.decode("utf-8").splitlines():
        yield json.loads(line)


def _vector(source: str, record: dict[str, Any]) -> Vector:
    expected = record.get("expected")
    is_error = isinstance(expected, dict) and bool(expected.get("errors"))
    port, payload = _on_the_air(record)
    return Vector(
        source=source,
        name=record["id"],
        vendor=record["vendor"],
        model=record["model"],
        port=port,
        payload=payload,
        instants=() if is_error else _instants(source, record),
        is_complete=source != "akenza",
        is_error=is_error,
        agrees=record.get("vendor_codec_agrees"),
        fault_note=record.get("fault_note") or "",
    )


def _on_the_air(record: dict[str, Any]) -> tuple[int | None, bytes]:
    """Return port and payload; plain gateway JSON has them inside its message, in base64 (some without padding)."""
    if record["bytes_hex"] is not None:
        return record["fport"], bytes.fromhex(record["bytes_hex"])
    message = record["message"]
    inside = message.get("data") or message.get("uplink_message", {}).get("frm_payload") or ""
    with suppress(binascii.Error):
        return message.get("fPort"), base64.b64decode(inside + "=" * (-len(inside) % 4))
    return message.get("fPort"), b""


def _instants(source: str, record: dict[str, Any]) -> tuple[Instant, ...]:
    if source == "akenza":
        merged: dict[str, Any] = {}
        for sample in record["expected_samples"]:
            merged |= flat(sample.get("values") or {}, is_leaf=_is_approximate)
        return (Instant(fields=merged),)
    if source == "network_server":
        return tuple(_telemetry(record["expected"]))
    return (Instant(fields=flat(record["expected"]["data"])),)


def _telemetry(expected: Any) -> Iterator[Instant]:
    """Yield the instants of a converter's result; the first is that of the uplink, records of the radio are none."""
    for result in expected if isinstance(expected, list) else [expected]:
        telemetry = result["telemetry"]
        for item in telemetry if isinstance(telemetry, list) else [telemetry]:
            values = item["values"]
            if values and set(values) <= NETWORK_FIELDS:
                continue
            yield Instant(fields=flat(values), at_ms=item.get("ts"))


def _is_approximate(value: Any) -> bool:
    return isinstance(value, dict) and "close_to" in value


def flat(value: Any, prefix: str = "", *, is_leaf: Any = None) -> dict[str, Any]:
    """Return nested objects and lists as one table, names joined by dots."""
    if is_leaf is not None and is_leaf(value):
        return {prefix: value}
    items: Iterator[tuple[Any, Any]]
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, inner in items:
        found |= flat(inner, f"{prefix}.{name}" if prefix else str(name), is_leaf=is_leaf)
    return found
