"""What every LoRaWAN payload has in common: a port of its application, something in it, numbers that fit."""

from __future__ import annotations

import math
from collections.abc import Mapping

from devices.model import Decoded, Frame, PermanentError

MOST_PORT = 223


def application_payload(frame: Frame) -> bytes:
    """Return the payload of a frame that an application sent.

    Raises PermanentError for an empty payload (a keep-alive) and for FPort 0 (MAC commands) or above 223 (reserved).
    """
    if frame.port is None or not 1 <= frame.port <= MOST_PORT:
        raise PermanentError(f"FPort {frame.port} is no application's, those are 1 to {MOST_PORT}")
    if not frame.payload:
        raise PermanentError("payload is empty")
    return frame.payload


def frame_of(payload: bytes, *, port: int) -> Frame:
    """Return `payload` as a frame, for the simulator; address and times are the sender's business."""
    return Frame(gateway_id="", transport="lorawan", address="", payload=payload, received_ns=0, port=port)


def steps(decoded: Decoded, key: str, *, per_unit: float, limits: tuple[int, int]) -> int:
    """Return the value of `key` as the whole number `value x per_unit` that goes on the wire.

    Raises PermanentError naming value and limits when the format has no room for it.
    """
    lo, hi = limits
    value = decoded.values[key]
    number = round(value * per_unit) if math.isfinite(value) else None
    if number is None or not lo <= number <= hi:
        raise PermanentError(f"{key} {value:g} is outside {lo / per_unit:g}..{hi / per_unit:g}")
    return number


def has_number(values: Mapping[str, float], key: str) -> bool:
    """Return whether `key` is given and no NaN: formats without a sign for "bad" leave such a value out."""
    return key in values and not math.isnan(values[key])
