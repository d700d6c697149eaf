"""SORACOM GPS multiunit: position, temperature, humidity and acceleration of an animal, a trap or a thing.

Source: https://users.soracom.io/ja-jp/guides/iot-devices/gps-multiunit/format

    JSON field   quantity
    lat, lon     latitude, longitude, deg; null = no fix
    bat          battery_low: 1 of 3 bars; 2 and 3 are not low; -1 = charging (nothing is known)
    rs           link_quality: 0 to 4 bars of 4; -1 = out of range
    temp, humi   air_temperature, Cel; relative_humidity, %
    x, y, z      acceleration_x, _y, _z in mG
    type         0 periodic or moved, 1 sent by hand (button single), -1 fault (device_fault 1, the values are bad)

Keys may be missing. All zero (a keep-alive that a parser made of nothing) is no position.
Address: the IMSI (uplink `soracom`).
"""

from __future__ import annotations

import json
import math
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import (
    MOST_BYTES,
    JsonField,
    json_frame,
    needs_position,
    number_of,
    read_fields,
    with_position,
    write_fields,
)
from devices.quantities import label_value

_MILLI_G = 0.00980665
_LOW_BARS = 1.0
_MOST_BARS = 3.0
FIELDS = (
    JsonField(path=("lat",), quantity="latitude"),
    JsonField(path=("lon",), quantity="longitude"),
    JsonField(path=("rs",), quantity="link_quality", factor=0.25, unknown=(-1.0,), is_aside=True),
    JsonField(path=("temp",), quantity="air_temperature"),
    JsonField(path=("humi",), quantity="relative_humidity"),
    JsonField(path=("x",), quantity="acceleration_x", factor=_MILLI_G),
    JsonField(path=("y",), quantity="acceleration_y", factor=_MILLI_G),
    JsonField(path=("z",), quantity="acceleration_z", factor=_MILLI_G),
)
_KEYS = (*(row.path[0] for row in FIELDS), "bat")


def decode(frame: Frame) -> Decoded:
    """Return what the unit says. Raises PermanentError for a message that has none of its fields."""
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    kind = number_of(said.get("type"))
    if kind not in {None, -1.0, 0.0, 1.0}:
        raise PermanentError(f"type {kind:g} is none of -1, 0, 1")
    if kind is None and not any(key in said for key in _KEYS):
        raise PermanentError("message has none of: type, " + ", ".join(_KEYS))
    if all(number_of(said.get(key)) == 0.0 for key in _KEYS):
        return Decoded(values={})  # a keep-alive of which a parser made zeros
    if kind == -1.0:
        values = {row.quantity: math.nan for row in FIELDS if row.path[0] in said}
        return Decoded(values=with_position(values) | {"device_fault": 1.0})
    values = with_position(read_fields(said, FIELDS))
    bars = number_of(said.get("bat"))
    if bars is not None and _LOW_BARS <= bars <= _MOST_BARS:
        values["battery_low"] = float(bars == _LOW_BARS)
    if kind == 1.0:
        values["button"] = label_value("button", "single")
    if kind is not None:
        values["device_fault"] = 0.0
    return Decoded(values=values)


def encode(decoded: Decoded) -> Frame:
    """Return the JSON the unit sends. Raises PermanentError for what it has no words for."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    needs_position(values)
    said: dict[str, Any] = write_fields(values, FIELDS) | {"type": _type(values)}
    if "battery_low" in values:
        said["bat"] = _LOW_BARS if values["battery_low"] else _MOST_BARS
    if said["type"] == -1 and len(said) > 1:
        raise PermanentError("a unit with a fault has no values")
    return json_frame(json.dumps(said).encode())


def _type(values: dict[str, float]) -> int:
    fault, button = values.get("device_fault", 0.0), values.get("button")
    if fault not in {0.0, 1.0} or button not in {None, label_value("button", "single")} or (fault and button):
        raise PermanentError("the unit says device_fault 0 or 1 and a single press, not both")
    return 1 if button else -round(fault)


DEVICE = DeviceSpec(
    model="soracom_gps_multiunit",
    vendor="SORACOM",
    source_url="https://users.soracom.io/ja-jp/guides/iot-devices/gps-multiunit/format",
    quantities=(*(row.quantity for row in FIELDS), "battery_low", "button", "device_fault"),
    expected_interval_s=3_600,
    transport="http",
    decode=decode,
    encode=encode,
)
