"""Reads the JSON state that Zigbee2MQTT publishes for a device: which fields mean which quantities, and when.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. The payload is the whole cached state of
the device, so a battery report repeats the last `occupancy`. `voltage` is in mV, `battery` in % (old captures have it
as the text "100.00"), `linkquality` 0..255, `last_seen` ISO 8601 or milliseconds since 1970 when it is switched on.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, Frame, PermanentError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_BYTES = 16_384
_MILLISECOND_NS = 1_000_000
_MOST_MS = 2**62 // _MILLISECOND_NS
_MOST = 1e9
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateField:
    """One field of the JSON state. Numbers become value / `divisor`; `is_bool` fields are true or false.

    `is_inverted` turns a truth around (`contact` true = closed, our `contact_open` true = open).
    """

    name: str
    quantity: str
    divisor: float = 1.0
    is_bool: bool = False
    is_inverted: bool = False


COMMON_FIELDS = (
    StateField(name="battery", quantity="battery_level"),
    StateField(name="voltage", quantity="battery_voltage", divisor=1000.0),
    StateField(name="linkquality", quantity="link_quality", divisor=255.0),
)


def decode_state(frame: Frame, fields: tuple[StateField, ...]) -> Decoded:
    """Return the quantities of those `fields` that the state carries, with the time of `last_seen`.

    A field that is null is absent. Raises PermanentError naming a field of the wrong type, for a state that carries
    none of the fields, and for what is no JSON object.
    """
    state = read_object(frame.payload, most_bytes=_MOST_BYTES)
    values = {f.quantity: _value(f, state[f.name]) for f in fields if state.get(f.name) is not None}
    if not values:
        raise PermanentError("state carries none of: " + ", ".join(f.name for f in fields))
    return Decoded(values=values, observed_ns=_instant_ns(state.get("last_seen")))


def _value(field: StateField, value: Any) -> float:
    if field.is_bool:
        if not isinstance(value, bool):
            raise PermanentError(f"{field.name} {value!r} is neither true nor false")
        return float(value is not field.is_inverted)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)  # old captures; other forms that Python takes for a number ("１２", "1_0") are none here
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _MOST:
        raise PermanentError(f"{field.name} {str(value)[:40]!r} is no number")
    return value / field.divisor


def _instant_ns(last_seen: Any) -> int | None:
    """Return the time, None for what is no time: the bridge's habits must not cost the device's readings."""
    if isinstance(last_seen, int) and not isinstance(last_seen, bool) and 0 < last_seen < _MOST_MS:
        return last_seen * _MILLISECOND_NS
    try:
        instant = datetime.fromisoformat(last_seen) if isinstance(last_seen, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not instant > _EPOCH:
        return None
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
            state[field.name] = round(value * field.divisor, 3)
    if decoded.observed_ns is not None:
        instant = _EPOCH + timedelta(microseconds=decoded.observed_ns // 1000)
        state["last_seen"] = instant.isoformat().replace("+00:00", "Z")
    payload = json.dumps(state).encode()
    return Frame(gateway_id="", transport="mqtt", address="", payload=payload, received_ns=0)
