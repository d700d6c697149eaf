"""Reads the JSON state that Zigbee2MQTT publishes for a device: which fields mean which quantities, and when.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. The payload is the whole cached state of
the device, so a battery report repeats the last `occupancy`. `voltage` is in mV, `battery` in % (old captures have it
as the text "100.00"), `linkquality` 0..255, `last_seen` ISO 8601 or milliseconds since 1970 when it is switched on.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.model import Decoded, Frame, PermanentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LINK_QUALITY_MOST = 255
_MOST_BYTES = 16_384
_MILLISECOND_NS = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class StateField:
    """One field of the JSON state. Numbers become `value * factor`; `is_bool` fields are true or false.

    `is_inverted` turns a truth around (`contact` true = closed, our `contact_open` true = open).
    """

    name: str
    quantity: str
    factor: float = 1.0
    is_bool: bool = False
    is_inverted: bool = False


COMMON_FIELDS = (
    StateField(name="battery", quantity="battery_level"),
    StateField(name="voltage", quantity="battery_voltage", factor=0.001),
    StateField(name="linkquality", quantity="link_quality", factor=1 / _LINK_QUALITY_MOST),
)


def _no_constant(text: str) -> float:
    raise ValueError(f"{text} is no JSON number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def read_state(payload: bytes) -> Mapping[str, Any]:
    """Return the JSON object in `payload`.

    Raises PermanentError for anything else: another encoding than UTF-8, NaN, repeated keys, too deep or too long.
    """
    if len(payload) > _MOST_BYTES:
        raise PermanentError(f"state of {len(payload)} bytes is longer than {_MOST_BYTES}")
    try:
        state = json.loads(payload.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except (ValueError, RecursionError) as error:
        raise PermanentError(f"state is no JSON object: {str(error)[:80]}") from None
    if not isinstance(state, dict):
        raise PermanentError("state is no JSON object")
    return state


def decode_state(frame: Frame, fields: tuple[StateField, ...]) -> Decoded:
    """Return the quantities of those `fields` that the state carries, with the time of `last_seen`.

    A field that is null is absent. Raises PermanentError naming a field of the wrong type, and for a state that
    carries none of the fields.
    """
    state = read_state(frame.payload)
    values = {f.quantity: _value(f, state[f.name]) for f in fields if state.get(f.name) is not None}
    if not values:
        raise PermanentError("state carries none of: " + ", ".join(f.name for f in fields))
    return Decoded(values=values, observed_ns=_instant_ns(state.get("last_seen")))


def _value(field: StateField, value: Any) -> float:
    if field.is_bool:
        if not isinstance(value, bool):
            raise PermanentError(f"{field.name} {value!r} is neither true nor false")
        return float(value is not field.is_inverted)
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise PermanentError(f"{field.name} {str(value)[:40]!r} is no number")
    return number * field.factor


def _instant_ns(last_seen: Any) -> int | None:
    if last_seen is None:
        return None
    try:
        if isinstance(last_seen, int) and not isinstance(last_seen, bool):
            return last_seen * _MILLISECOND_NS
        instant = datetime.fromisoformat(last_seen)
    except (ValueError, TypeError):
        raise PermanentError(f"last_seen {str(last_seen)[:40]!r} is no time") from None
    if instant.tzinfo is None:
        raise PermanentError(f"last_seen {last_seen!r} has no offset")
    return (instant - _EPOCH) // timedelta(microseconds=1) * 1000


def encode_state(decoded: Decoded, fields: tuple[StateField, ...]) -> Frame:
    """Return the state a bridge would publish for those quantities of `decoded` that `fields` name."""
    state: dict[str, Any] = {}
    for field in fields:
        value = decoded.values.get(field.quantity)
        if value is None or math.isnan(value):
            continue
        if field.is_bool:
            state[field.name] = bool(value) is not field.is_inverted
        else:
            state[field.name] = round(value / field.factor, 3)
    if decoded.observed_ns is not None:
        instant = _EPOCH + timedelta(microseconds=decoded.observed_ns // 1000)
        state["last_seen"] = instant.isoformat().replace("+00:00", "Z")
    payload = json.dumps(state).encode()
    return Frame(gateway_id="", transport="mqtt", address="", payload=payload, received_ns=0)
