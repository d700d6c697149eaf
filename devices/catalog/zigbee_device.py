"""Any Zigbee device by Zigbee2MQTT, by the names that the bridge gives to what devices expose.

Source: https://www.zigbee2mqtt.io/guide/usage/exposes.html

    JSON field                             quantity
    occupancy, presence, vibration         occupancy, presence, vibration: true = 1
    contact                                contact_open: true = closed = 0
    water_leak, smoke, tamper, battery_low   the same, true = 1
    action                                 button: single, double, hold and long, release, triple; other words: other
    action: emergency, panic, sos          sos
    temperature, device_temperature        air_temperature, device_temperature, Cel
    humidity, soil_moisture                relative_humidity, soil_moisture, %
    pressure                               pressure, hPa
    illuminance, illuminance_lux           illuminance, lx
    co2                                    co2, ppm
    state                                  switch_on: ON, OFF
    power, current, energy                 power, W; current, A; energy, kWh
    voltage                                voltage, V, of what has power or current; else battery_voltage, mV
    battery, linkquality                   battery_level, %; link_quality, 0 to 255
    last_seen                              when it was heard: ISO 8601 with offset, or ms since 1970

Address: the friendly name in Zigbee2MQTT (uplink `zigbee2mqtt`).
"""

from __future__ import annotations

import json
import math
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.network_server import instant_ns, instant_text
from devices.payloads.json_fields import (
    MOST_BYTES,
    JsonField,
    decoded_or_refused,
    json_frame,
    read_fields,
    write_fields,
)
from devices.payloads.json_time import unix_ns
from devices.quantities import label_value

_TRUTH = {"true": 1.0, "false": 0.0}
_STATES = ("occupancy", "presence", "vibration", "water_leak", "smoke", "tamper", "battery_low")
_MAINS = ("power", "current")
_ACTIONS = {label: label_value("button", label) for label in ("single", "double", "long", "release", "triple")}
_SOS = ("emergency", "panic", "sos")

FIELDS = (
    *(JsonField(path=(name,), quantity=name, words=_TRUTH, takes_numbers=False) for name in _STATES),
    JsonField(path=("contact",), quantity="contact_open", words={"true": 0.0, "false": 1.0}, takes_numbers=False),
    JsonField(path=("temperature",), quantity="air_temperature"),
    JsonField(path=("device_temperature",), quantity="device_temperature"),
    JsonField(path=("humidity",), quantity="relative_humidity"),
    JsonField(path=("soil_moisture",), quantity="soil_moisture"),
    JsonField(path=("pressure",), quantity="pressure", factor=100.0),
    JsonField(path=("illuminance",), quantity="illuminance"),
    JsonField(path=("illuminance_lux",), quantity="illuminance"),
    JsonField(path=("co2",), quantity="co2"),
    JsonField(path=("state",), quantity="switch_on", words={"ON": 1.0, "OFF": 0.0}, takes_numbers=False, is_aside=True),
    JsonField(path=("power",), quantity="power"),
    JsonField(path=("current",), quantity="current"),
    JsonField(path=("energy",), quantity="energy", factor=3.6e6),
    JsonField(path=("battery",), quantity="battery_level", is_aside=True),
    JsonField(path=("linkquality",), quantity="link_quality", factor=1 / 255, is_aside=True),
)
_MAINS_VOLTAGE = (JsonField(path=("voltage",), quantity="voltage"),)
_BATTERY_VOLTAGE = (JsonField(path=("voltage",), quantity="battery_voltage", factor=0.001, is_aside=True),)


def decode(frame: Frame) -> Decoded:
    """Return what the state carries. Raises PermanentError for a field of the wrong type and for a state of none."""
    state = read_object(frame.payload, most_bytes=MOST_BYTES)
    is_mains = any(key in state for key in _MAINS)
    values = read_fields(state, FIELDS) | read_fields(state, _MAINS_VOLTAGE if is_mains else _BATTERY_VOLTAGE)
    values |= _action(state.get("action"))
    seen = state.get("last_seen")
    observed_ns = instant_ns(seen) if isinstance(seen, str) else unix_ns(seen, per_second=1000)
    return decoded_or_refused(values, FIELDS, observed_ns=observed_ns)


def _action(word: Any) -> dict[str, float]:
    if not isinstance(word, str) or not word:
        return {}
    if word in _SOS:
        return {"sos": 1.0}
    label = "long" if word == "hold" else word
    return {"button": _ACTIONS.get(label, label_value("button", "other"))}


def encode(decoded: Decoded) -> Frame:
    """Return the state that the bridge would publish. Raises PermanentError for a press it has no word for."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    is_mains = bool(values.keys() & set(_MAINS))
    voltage = _MAINS_VOLTAGE if is_mains else _BATTERY_VOLTAGE
    if ("battery_voltage" if is_mains else "voltage") in values or ("sos" in values and "button" in values):
        raise PermanentError("the field voltage is of mains or of a battery, and an action is one word")
    said = write_fields(values, (*FIELDS, *voltage))
    if "button" in values:
        words = {value: word for word, value in _ACTIONS.items()} | {label_value("button", "other"): "other"}
        if values["button"] not in words:
            raise PermanentError(f"button {values['button']:g} has no word")
        said["action"] = words[values["button"]]
    if "sos" in values:
        if values["sos"] != 1.0:
            raise PermanentError("an emergency is told, its absence is not")
        said["action"] = "emergency"
    if decoded.observed_ns is not None:
        said["last_seen"] = instant_text(decoded.observed_ns)
    return json_frame(json.dumps(said).encode(), transport="mqtt")


DEVICE = DeviceSpec(
    model="zigbee_device",
    vendor="Zigbee2MQTT",
    source_url="https://www.zigbee2mqtt.io/guide/usage/exposes.html",
    quantities=(*dict.fromkeys(row.quantity for row in FIELDS), "voltage", "battery_voltage", "button", "sos"),
    expected_interval_s=14_400,
    transport="mqtt",
    decode=decode,
    encode=encode,
)
