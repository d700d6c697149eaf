"""What the envelopes of LoRaWAN network servers have in common: EUI, payload text, counters, radio levels, times.

What is ambiguous is refused and named; what concerns only the radio is left out when it is no number, because a
gateway's habits must not cost the device's readings.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.lorawan import MOST_PORT
from devices.model import PermanentError

MOST_BYTES = 65_536
FRAME_COUNTER_MOST = 2**32 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHOWN_CHARS = 40
_EUI = re.compile(r"[0-9A-Fa-f]{16}", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2} ?)*", re.ASCII)
_LONG_FRACTION = re.compile(r"(\.[0-9]{6})[0-9]+", re.ASCII)
_MOST_NUMBER = 1e6


def dev_eui(text: Any, *, name: str) -> str:
    """Return the DevEUI in lower case. Raises PermanentError naming the field when it is not 16 hex digits."""
    if not isinstance(text, str) or not _EUI.fullmatch(text):
        raise PermanentError(f"{name} {_shown(text)} is not 16 hexadecimal digits")
    return text.lower()


def base64_bytes(text: Any, *, name: str) -> bytes:
    """Accept the standard and the URL alphabet, with or without padding; raises PermanentError for anything else."""
    try:
        plain = str(text).replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PermanentError(f"{name} {_shown(text)} is not base64") from None


def hex_bytes(text: Any, *, name: str) -> bytes:
    """Accept pairs of hex digits, single blanks between them; raises PermanentError for anything else."""
    if not isinstance(text, str) or not _HEX.fullmatch(text):
        raise PermanentError(f"{name} {_shown(text)} is not hexadecimal")
    return bytes.fromhex(text)


def integer(value: Any, *, name: str, most: int) -> int | None:
    """Return an integer from 0 to `most`, None for null. Raises PermanentError naming the field for anything else."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise PermanentError(f"{name} {_shown(value)} is not an integer from 0 to {most}")
    return value


def application_port(value: Any, *, name: str) -> int:
    """Return the FPort. Raises PermanentError for 0 and for none: such a payload is not an application's."""
    port = integer(value, name=name, most=MOST_PORT)
    if not port:
        raise PermanentError(f"{name} is 0 or absent: the payload is not an application's")
    return port


def table(value: Any, *, name: str) -> Mapping[str, Any]:
    """Return a JSON object that must be there. Raises PermanentError naming it."""
    if not isinstance(value, dict):
        raise PermanentError(f"{name} is no JSON object")
    return value


def best_radio(receptions: Any, *, rssi: str = "rssi", snr: str = "snr") -> dict[str, float]:
    """Return rssi (dBm) and snr (dB) of the reception with the best rssi, as far as they are numbers."""
    heard: Iterable[Any] = receptions if isinstance(receptions, list) else ()
    tables = [r for r in heard if isinstance(r, dict)]
    best = max(tables, key=lambda r: _number(r.get(rssi), -math.inf), default={})
    found = {"rssi": _number(best.get(rssi), math.nan), "snr": _number(best.get(snr), math.nan)}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def instant_ns(text: Any) -> int | None:
    """Return an RFC 3339 time with its offset, to the microsecond; None for what is none."""
    if not isinstance(text, str) or not text.isascii():
        return None
    try:
        instant = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text))
    except ValueError:
        return None
    if instant.tzinfo is None or not instant > _EPOCH:
        return None
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1_000


def instant_text(instant_ns: int) -> str:
    """Return the time as RFC 3339 in UTC, to the microsecond, for the simulator."""
    return (_EPOCH + timedelta(microseconds=instant_ns // 1_000)).isoformat().replace("+00:00", "Z")


def _number(value: Any, default: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < _MOST_NUMBER else default


def _shown(value: Any) -> str:
    return repr(str(value)[:_SHOWN_CHARS])
