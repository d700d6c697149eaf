"""SORACOM LTE-M Button Plus: a button with a contact input; pressing and closing the contact say the same.

Source: https://users.soracom.io/ja-jp/guides/iot-devices/lte-m-button-plus/format/

    JSON field      quantity
    clickType       button: 1 single, 2 double, 3 long (the contact input counts as single)
    clickTypeName   SINGLE, DOUBLE, LONG: the same in words
    batteryLevel    battery_level: 0.25, 0.5, 0.75 or 1 of the whole
    binaryParserEnabled   true, always

There is neither a frame counter nor a time: the platform's envelope dates a press (uplink `soracom`). Address: the
IMSI.
"""

from __future__ import annotations

import json
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import MOST_BYTES, JsonField, json_frame, number_of, read_fields, write_fields
from devices.quantities import label_value

_NAMES = ("SINGLE", "DOUBLE", "LONG")
FIELDS = (JsonField(path=("batteryLevel",), quantity="battery_level", factor=100.0, is_aside=True),)


def decode(frame: Frame) -> Decoded:
    """Return the press and the battery. A press of which number and name differ is the button `other`.

    Raises PermanentError for a message that tells of no press.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    clicks = {click for click in (_by_number(said.get("clickType")), _by_name(said.get("clickTypeName"))) if click}
    if not clicks:
        raise PermanentError("message has neither clickType nor clickTypeName of a press")
    label = clicks.pop().lower() if len(clicks) == 1 else "other"
    values = {"button": label_value("button", label)}
    battery = read_fields(said, FIELDS)
    if 0.0 < battery.get("battery_level", 0.0) <= 100.0:
        values |= battery
    return Decoded(values=values)


def _by_number(value: Any) -> str:
    number = number_of(value)
    return _NAMES[int(number) - 1] if number in {1.0, 2.0, 3.0} and number is not None else ""


def _by_name(value: Any) -> str:
    return value if value in _NAMES else ""


def encode(decoded: Decoded) -> Frame:
    """Return the JSON the platform makes. Raises PermanentError when there is no press to tell."""
    clicks = {label_value("button", name.lower()): number for number, name in enumerate(_NAMES, start=1)}
    number = clicks.get(decoded.values.get("button", -1.0))
    if number is None:
        raise PermanentError("this button says nothing but a single, double or long press")
    if not 0.0 < decoded.values.get("battery_level", 100.0) <= 100.0 and "battery_level" in decoded.values:
        raise PermanentError(f"battery_level {decoded.values['battery_level']:g} is outside 0..100")
    said = {"clickType": number, "clickTypeName": _NAMES[number - 1], **write_fields(decoded.values, FIELDS)}
    return json_frame(json.dumps(said | {"binaryParserEnabled": True}).encode())


DEVICE = DeviceSpec(
    model="soracom_button_plus",
    vendor="SORACOM",
    source_url="https://users.soracom.io/ja-jp/guides/iot-devices/lte-m-button-plus/format/",
    quantities=("button", "battery_level"),
    expected_interval_s=86_400,
    transport="http",
    decode=decode,
    encode=encode,
)
