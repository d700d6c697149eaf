"""Tasmota: a plug, a switch or a board with sensors (`tasmota_device`), a device behind its Zigbee bridge
(`tasmota_zigbee`).

Source: https://tasmota.github.io/docs/Sensor-Configuration/ and https://tasmota.github.io/docs/Zigbee/

    tasmota_device (SENSOR, STATE, RESULT)        quantity; a second sensor of a kind is channel 2, in their order
    ENERGY.Power, .Voltage, .Current              power, voltage, current; an array has one value a phase
    ENERGY.Total (kWh)                            energy
    <sensor>.Temperature, .Humidity               air_temperature (TempUnit C or F), relative_humidity
    <sensor>.Pressure (PressureUnit)              pressure
    <sensor>.Illuminance, .CarbonDioxide          illuminance, co2
    <sensor>.Distance (cm)                        distance
    POWER, POWER1 … ON, OFF                       switch_on
    Wifi.Signal (dBm), UptimeSec                  rssi, uptime

    tasmota_zigbee (ZbReceived)                   quantity
    Contact 1 = open, Occupancy                   contact_open, occupancy
    ZoneStatusChange bit 2, bit 3                 tamper, battery_low
    Temperature, Humidity, Pressure (hPa), Illuminance   air_temperature, relative_humidity, pressure, illuminance
    BatteryPercentage, BatteryVoltage, LinkQuality       battery_level, battery_voltage, link_quality
    Click; 0006!FD 00, 01, 02; Power 2 (toggle)   button

A sensor that does not answer is null and absent; -127 and 85 of a DS18B20 are NaN. Inputs (`Switch1`) mean what is
wired to them: map them with the model `json_mapped`. Address: the device's topic; of a Zigbee device `<topic of the
bridge>/<name>` (uplink `tasmota`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import (
    MOST_BYTES,
    JsonField,
    json_frame,
    number_of,
    read_fields,
    write_fields,
)
from devices.quantities import label_value

_JOULE_KWH = 3.6e6
_MOST_CHANNELS = 99
_ENERGY = {
    "Power": ("power", 1.0),
    "Voltage": ("voltage", 1.0),
    "Current": ("current", 1.0),
    "Total": ("energy", _JOULE_KWH),
}
_SENSORS = {
    "Temperature": ("air_temperature", 1.0),
    "Humidity": ("relative_humidity", 1.0),
    "Pressure": ("pressure", 100.0),
    "Illuminance": ("illuminance", 1.0),
    "CarbonDioxide": ("co2", 1.0),
    "Distance": ("distance", 0.01),
}
_PRESSURE_UNITS = {"hPa": 1.0, "mmHg": 1.33322387415, "inHg": 33.8638866667, "psi": 68.9475729318}
_NO_PROBE = (-127.0, 85.0)
_POWER = re.compile(r"POWER[0-9]{0,2}", re.ASCII)
_ON = {"ON": 1.0, "OFF": 0.0}
_STATE = (
    JsonField(path=("Wifi", "Signal"), quantity="rssi", is_aside=True),
    JsonField(path=("UptimeSec",), quantity="uptime", is_aside=True),
)
_DEVICE_QUANTITIES = (*(q for q, _ in (*_ENERGY.values(), *_SENSORS.values())), "switch_on", "rssi", "uptime")

_CLICKS = {label: label_value("button", label) for label in ("single", "double", "long", "triple", "release")}
_SINGLE, _DOUBLE, _LONG = (_CLICKS[label] for label in ("single", "double", "long"))
_TRUTH = {"true": 1.0, "false": 0.0}
ZIGBEE_FIELDS = (
    JsonField(path=("Contact",), quantity="contact_open", words=_TRUTH),
    JsonField(path=("Occupancy",), quantity="occupancy", words=_TRUTH),
    JsonField(path=("Temperature",), quantity="air_temperature"),
    JsonField(path=("Humidity",), quantity="relative_humidity"),
    JsonField(path=("Pressure",), quantity="pressure", factor=100.0),
    JsonField(path=("Illuminance",), quantity="illuminance"),
    JsonField(
        path=("Click",), quantity="button", takes_numbers=False, is_aside=True,
        words=_CLICKS | {"hold": _LONG},
    ),
    JsonField(
        path=("0006!FD",), quantity="button", takes_numbers=False, is_aside=True,
        words={"00": _SINGLE, "01": _DOUBLE, "02": _LONG},
    ),
    JsonField(path=("BatteryPercentage",), quantity="battery_level", is_aside=True),
    JsonField(path=("BatteryVoltage",), quantity="battery_voltage", is_aside=True),
    JsonField(path=("LinkQuality",), quantity="link_quality", factor=1 / 255, is_aside=True),
)  # fmt: skip
_TAMPER_BIT, _BATTERY_BIT = 0x04, 0x08
_TOGGLE = 2.0


def decode(frame: Frame) -> Decoded:
    """Return what the message carries; nothing of a command's answer that has none of it.

    Raises PermanentError naming a value or a unit that cannot be read, and for other messages without a value.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    values: dict[str, float | None] = {**read_fields(said, _STATE)}
    for quantity, value in (*_energy(said.get("ENERGY")), *_sensors(said), *_powers(said)):
        _put(values, quantity, value)
    found = {key: value for key, value in values.items() if value is not None}
    if not found and frame.topic not in ("RESULT", "STATE"):
        raise PermanentError("message has no value of: " + ", ".join(_DEVICE_QUANTITIES))
    return Decoded(values=found)


def _put(values: dict[str, float | None], quantity: str, value: float | None) -> None:
    """Add a value in the next free channel of its quantity; an absent one (None) keeps its place."""
    channel = 1
    key = quantity
    while key in values and channel < _MOST_CHANNELS:
        channel += 1
        key = f"{quantity}.{channel}"
    values[key] = value


def _energy(table: Any) -> Iterator[tuple[str, float | None]]:
    if not isinstance(table, Mapping):
        return
    for name, (quantity, factor) in _ENERGY.items():
        phases = table.get(name, [])
        for value in phases if isinstance(phases, list) else [phases]:
            yield quantity, _scaled(value, factor, name=f"ENERGY.{name}")


def _sensors(said: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for sensor, part in said.items():
        if not isinstance(part, Mapping) or sensor == "ENERGY":
            continue
        for name, (quantity, factor) in _SENSORS.items():
            if name not in part:
                continue
            value = _scaled(part[name], factor, name=f"{sensor[:40]}.{name}")
            if value is not None and name == "Temperature":
                value = _celsius(value, said.get("TempUnit", "C"), is_probe=sensor.startswith("DS18"))
            if value is not None and name == "Pressure":
                value *= _pressure_factor(said.get("PressureUnit", "hPa"))
            yield quantity, value


def _scaled(value: Any, factor: float, *, name: str) -> float | None:
    if value is None:
        return None
    number = number_of(value)
    if number is None:
        raise PermanentError(f"{name} {str(value)[:40]!r} is no number")
    return number * factor


def _celsius(value: float, unit: Any, *, is_probe: bool) -> float:
    if unit not in ("C", "F"):
        raise PermanentError(f"TempUnit {str(unit)[:40]!r} is neither C nor F")
    celsius = value if unit == "C" else (value - 32.0) / 1.8
    return math.nan if is_probe and any(math.isclose(celsius, no, abs_tol=0.01) for no in _NO_PROBE) else celsius


def _pressure_factor(unit: Any) -> float:
    if not isinstance(unit, str) or unit not in _PRESSURE_UNITS:
        raise PermanentError(f"PressureUnit {str(unit)[:40]!r} is none of {', '.join(_PRESSURE_UNITS)}")
    return _PRESSURE_UNITS[unit]


def _powers(said: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    for name, value in said.items():
        if _POWER.fullmatch(name) and value in ("ON", "OFF"):
            yield "switch_on", _ON[value]


def encode(decoded: Decoded) -> Frame:
    """Return a SENSOR message that says the values of one sensor of each kind."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    said: dict[str, Any] = write_fields(values, _STATE)
    for group, table in (("ENERGY", _ENERGY), ("BOARD", _SENSORS)):
        part = {name: values[q] / factor for name, (q, factor) in table.items() if q in values}
        said |= {group: part} if part else {}
    if "switch_on" in values:
        said["POWER"] = "ON" if values["switch_on"] else "OFF"
    return json_frame(json.dumps(said).encode(), transport="mqtt")


def decode_zigbee(frame: Frame) -> Decoded:
    """Return what a Zigbee device said. Raises PermanentError for a report that carries none of its fields."""
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    values = read_fields(said, ZIGBEE_FIELDS)
    for key in ("contact_open", "occupancy"):
        if values.get(key, 0.0) not in (0.0, 1.0):
            raise PermanentError(f"{key} {values[key]:g} is neither 0 nor 1")
    zone = number_of(said.get("ZoneStatusChange"))
    if zone is not None and zone.is_integer() and 0 <= zone <= 0xFFFF:
        values["tamper"] = float(bool(int(zone) & _TAMPER_BIT))
        values["battery_low"] = float(bool(int(zone) & _BATTERY_BIT))
    if "button" not in values and number_of(said.get("Power")) == _TOGGLE:
        values["button"] = _SINGLE
    if not values or set(values) == {"link_quality"}:
        known = ", ".join(key for key in said if key not in ("Device", "Name", "Endpoint", "LinkQuality"))
        raise PermanentError(f"report carries nothing that is known: {known[:100]!r}")
    return Decoded(values=values)


def encode_zigbee(decoded: Decoded) -> Frame:
    """Return the part of ZbReceived that says it. Raises PermanentError for what has no words there."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    if values.keys() <= {"link_quality"}:
        raise PermanentError("a report says more than how well it was heard")
    said = write_fields(values, ZIGBEE_FIELDS)
    bits = {"tamper": _TAMPER_BIT, "battery_low": _BATTERY_BIT}
    if values.keys() & bits.keys():
        said["ZoneStatusChange"] = sum(bit for key, bit in bits.items() if values.get(key))
    return replace(json_frame(json.dumps(said).encode(), transport="mqtt"), topic="ZbReceived")


DEVICES = (
    DeviceSpec(
        model="tasmota_device",
        vendor="Tasmota",
        source_url="https://tasmota.github.io/docs/Sensor-Configuration/",
        quantities=_DEVICE_QUANTITIES,
        expected_interval_s=300,
        transport="mqtt",
        decode=decode,
        encode=encode,
    ),
    DeviceSpec(
        model="tasmota_zigbee",
        vendor="Tasmota",
        source_url="https://tasmota.github.io/docs/Zigbee/",
        quantities=(*dict.fromkeys(row.quantity for row in ZIGBEE_FIELDS), "tamper", "battery_low"),
        expected_interval_s=14_400,
        transport="mqtt",
        decode=decode_zigbee,
        encode=encode_zigbee,
    ),
)
