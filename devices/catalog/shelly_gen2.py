"""Shelly, second generation and later: what the components of a notification say.

Source: https://shelly-api-docs.shelly.cloud/gen2/

    component            field                        quantity; the component's number is the channel (input:1 = .2)
    switch:n, pm1:n      output                       switch_on
    …                    apower, voltage, current     power, voltage, current
    …                    aenergy.total (Wh)           energy
    …                    temperature.tC               device_temperature
    input:n              state                        digital_input; null for a button
    temperature:n        tC                           air_temperature; add-ons count from 100
    humidity:n           rh                           relative_humidity
    illuminance:n        lux                          illuminance
    smoke:n, flood:n     alarm                        smoke, water_leak
    devicepower:n        battery.V, battery.percent   battery_voltage, battery_level
    voltmeter:n          voltage                      voltage
    em:n                 total_act_power              power
    sys, wifi            uptime, rssi                 uptime, rssi
    NotifyEvent          events[].event               button: single_push, double_push, triple_push, long_push

A notification is a delta: what it does not name has not changed, and one without any of the fields says nothing. A
sensor that fails has null or `errors`: absent. Address: the device's MQTT prefix, such as shellyplus1-a8032abe54dc.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import MOST_BYTES, JsonField, json_frame, read_fields, write_fields
from devices.quantities import label_value

_TRUTH = {"true": 1.0, "false": 0.0}
_METER = (
    JsonField(path=("output",), quantity="switch_on", words=_TRUTH, takes_numbers=False),
    JsonField(path=("apower",), quantity="power"),
    JsonField(path=("voltage",), quantity="voltage"),
    JsonField(path=("current",), quantity="current"),
    JsonField(path=("aenergy", "total"), quantity="energy", factor=3_600.0),
    JsonField(path=("temperature", "tC"), quantity="device_temperature"),
)
_COMPONENTS: Mapping[str, tuple[JsonField, ...]] = {
    "switch": _METER,
    "pm1": _METER,
    "input": (JsonField(path=("state",), quantity="digital_input", words=_TRUTH, takes_numbers=False),),
    "temperature": (JsonField(path=("tC",), quantity="air_temperature"),),
    "humidity": (JsonField(path=("rh",), quantity="relative_humidity"),),
    "illuminance": (JsonField(path=("lux",), quantity="illuminance"),),
    "smoke": (JsonField(path=("alarm",), quantity="smoke", words=_TRUTH, takes_numbers=False),),
    "flood": (JsonField(path=("alarm",), quantity="water_leak", words=_TRUTH, takes_numbers=False),),
    "devicepower": (
        JsonField(path=("battery", "V"), quantity="battery_voltage", is_aside=True),
        JsonField(path=("battery", "percent"), quantity="battery_level", is_aside=True),
    ),
    "voltmeter": (JsonField(path=("voltage",), quantity="voltage"),),
    "em": (JsonField(path=("total_act_power",), quantity="power"),),
    "sys": (JsonField(path=("uptime",), quantity="uptime", is_aside=True),),
    "wifi": (JsonField(path=("rssi",), quantity="rssi", is_aside=True),),
}
_PUSHES = {
    f"{word}_push": label_value("button", label)
    for word, label in (("single", "single"), ("double", "double"), ("triple", "triple"), ("long", "long"))
}
_ADD_ON = 100
_MOST_CHANNELS = 99
_STATUS = "status/"


def decode(frame: Frame) -> Decoded:
    """Return what the notification or the component's state says; nothing when that is none of the table.

    Raises PermanentError for a value of the wrong form.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    if frame.topic.startswith(_STATUS):
        said = {frame.topic.removeprefix(_STATUS): said}
    values: dict[str, float] = {}
    for component, part in said.items():
        if isinstance(part, Mapping):
            values |= _component(component, part)
    for key, value in _events(said.get("events")):
        values.setdefault(key, value)
    return Decoded(values=values)


def _component(name: str, part: Mapping[str, Any]) -> dict[str, float]:
    kind, _, number = name.partition(":")
    channel = _channel(number)
    fields = _COMPONENTS.get(kind)
    if fields is None or channel is None:
        return {}
    return {row if channel == 1 else f"{row}.{channel}": value for row, value in read_fields(part, fields).items()}


def _channel(number: str) -> int | None:
    if not number:
        return 1
    if not (number.isascii() and number.isdigit() and len(number) < 4):
        return None
    channel = int(number) % _ADD_ON + 1
    return channel if channel <= _MOST_CHANNELS else None


def _events(events: Any) -> Iterator[tuple[str, float]]:
    for event in events if isinstance(events, list) else []:
        word = str(event.get("event")) if isinstance(event, Mapping) else ""
        if word in _PUSHES:
            channel = _channel(str(event.get("component")).partition(":")[2])
            if channel is not None:
                yield "button" if channel == 1 else f"button.{channel}", _PUSHES[word]


def encode(decoded: Decoded) -> Frame:
    """Return a notification that says it. Raises PermanentError for a press the device has no word for."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    said: dict[str, Any] = {}
    for kind, fields in _COMPONENTS.items():
        rows = tuple(row for row in fields if row.quantity in values)
        part = write_fields({row.quantity: values.pop(row.quantity) for row in rows}, rows)
        said |= {kind if kind in ("sys", "wifi") else f"{kind}:0": part} if part else {}
    if "button" not in values:
        return replace(json_frame(json.dumps(said).encode(), transport="mqtt"), topic="NotifyStatus")
    word = {value: name for name, value in _PUSHES.items()}.get(values["button"])
    if word is None or said:
        raise PermanentError("a press is a notification of its own, and has a word")
    said["events"] = [{"component": "input:0", "id": 0, "event": word}]
    return replace(json_frame(json.dumps(said).encode(), transport="mqtt"), topic="NotifyEvent")


DEVICE = DeviceSpec(
    model="shelly_gen2",
    vendor="Shelly",
    source_url="https://shelly-api-docs.shelly.cloud/gen2/",
    quantities=(*dict.fromkeys(row.quantity for fields in _COMPONENTS.values() for row in fields), "button"),
    expected_interval_s=3_600,
    transport="mqtt",
    decode=decode,
    encode=encode,
)
