"""What stands behind `satomori decode`: payloads and captures of a model, as plain JSON objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import quantity
from devices.registry import load_catalog

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def find_model(model: str, *, codecs: Path | None = None) -> DeviceSpec:
    """Return the entry called `model` of the catalogue, or of the site's own codecs in the folder `codecs`.

    Raises PermanentError naming it and the known ones.
    """
    catalog = load_catalog()
    if model not in catalog and codecs is not None:
        from devices.codec_catalog import load_codecs

        catalog = load_codecs(codecs)
    if model not in catalog:
        raise PermanentError(f"device model {model!r} is not in the catalogue; known: {', '.join(catalog)}")
    return catalog[model]


def decode_hex(spec: DeviceSpec, *, port: int | None, text: str) -> dict[str, Any]:
    """Return `{"values", "units", "seq", "observed_at"}` of one payload written in hex (blanks and colons allowed).

    A payload that does not decode gives `{"error", "bytes"}`; a value the device calls bad is null. `age_s`,
    `is_history`, `has_restarted`, `is_partial` and `earlier` stand there only where the payload says so.
    """
    try:
        payload = read_hex(text)
    except PermanentError as error:
        return {"error": str(error), "bytes": text}
    return decode_payload(spec, port=port, payload=payload)


def read_hex(text: str) -> bytes:
    """Return the bytes written in hex, blanks and colons between them allowed. Raises PermanentError."""
    try:
        return bytes.fromhex(text.replace(":", " "))
    except ValueError:
        raise PermanentError("not hexadecimal: pairs of 0-9 and a-f are expected") from None


def decode_payload(spec: DeviceSpec, *, port: int | None, payload: bytes) -> dict[str, Any]:
    """Return what `decode_hex` does, for bytes."""
    frame = Frame(
        gateway_id="", transport=spec.transport, address="", payload=payload, received_ns=0,
        port=spec.default_port if port is None else port,
    )  # fmt: skip
    try:
        decoded = spec.decode(frame)
    except PermanentError as error:
        return {"error": str(error), "bytes": payload.hex()}
    return show(decoded)


def show(decoded: Decoded) -> dict[str, Any]:
    """Return what was decoded as `decode_hex` does."""
    values = {key: None if math.isnan(value) else value for key, value in sorted(decoded.values.items())}
    shown = {
        "values": values,
        "units": {key: quantity(key).unit for key in values},
        "seq": decoded.seq,
        "observed_at": _iso(decoded.observed_ns),
    }
    rare = {
        "age_s": decoded.age_s,
        "is_history": decoded.is_history,
        "has_restarted": decoded.has_restarted,
        "is_partial": decoded.is_partial,
        "earlier": [show(one) for one in decoded.earlier],
    }
    return shown | {key: said for key, said in rare.items() if said}


def decode_stream(spec: DeviceSpec, capture: bytes) -> Iterator[dict[str, Any]]:
    """Yield one object for each frame of a serial capture, bad frames as `{"error", "bytes"}` (their front only).

    What is left without a frame end counts as a bad frame. Raises PermanentError for a model without a serial line.
    """
    if spec.serial is None:
        raise PermanentError(f"device model {spec.model!r} does not speak on a serial line; give HEX payloads")
    most = spec.serial.max_frame_bytes
    frames, rest = spec.serial.split(capture)
    for payload in frames:
        if len(payload) > most:
            message = f"{len(payload)} bytes without a frame end, at most {most} are a frame"
            yield {"error": message, "bytes": payload[:most].hex()}
        else:
            yield decode_payload(spec, port=None, payload=payload)
    if rest:
        yield {"error": "the capture ends inside a frame", "bytes": rest[:most].hex()}


def _iso(observed_ns: int | None) -> str | None:
    if observed_ns is None:
        return None
    instant = _EPOCH + timedelta(microseconds=observed_ns // 1000)
    return instant.isoformat().replace("+00:00", "Z")
