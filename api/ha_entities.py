"""What a quantity is in Home Assistant: platform, device class, unit, state class, and how a value is written. Pure.

| ours | there |
|---|---|
| contact_open 1 = open | binary_sensor `door`, ON = open (Zigbee2MQTT's `contact` is the other way round) |
| other states 0/1 | binary_sensor with the class that says the same, else without a class |
| enumerations (trap_state, button, line_fault) | sensor `enum` with our words as `options` |
| gauges | sensor, `state_class: measurement`, in the unit Home Assistant expects |
| counters | sensor, `state_class: total_increasing` (falls back to 0 are resets there too) |
| latitude with longitude | device_tracker, by attributes |

Source: Home Assistant documentation, integrations `mqtt`, `sensor.mqtt`, `binary_sensor.mqtt`, `device_tracker.mqtt`,
and the device classes and units of `sensor` and `binary_sensor`
(https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery); device notes 4.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from devices.model import Quantity
from devices.quantities import base_key

Json = dict[str, object]

UNKNOWN = "None"
"""The payload that makes a sensor or binary sensor `unknown`."""

POSITION = frozenset({"latitude", "longitude"})
_DEGREES = 180.0 / math.pi


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How a quantity is shown: device class ("" none), unit ("" none), factor from our unit to it."""

    device_class: str = ""
    unit: str = ""
    factor: float = 1.0
    is_diagnostic: bool = False


_SENSORS: Mapping[str, Shown] = MappingProxyType(
    {
        "snow_depth": Shown(device_class="distance", unit="cm", factor=100.0),
        "precipitation": Shown(device_class="precipitation", unit="mm", factor=1000.0),
        "precipitation_total": Shown(device_class="precipitation", unit="mm", factor=1000.0),
        "pressure": Shown(device_class="atmospheric_pressure", unit="hPa", factor=0.01),
        "relative_humidity": Shown(device_class="humidity", unit="%"),
        "device_humidity": Shown(device_class="humidity", unit="%", is_diagnostic=True),
        "soil_moisture": Shown(device_class="moisture", unit="%"),
        "device_temperature": Shown(device_class="temperature", unit="°C", is_diagnostic=True),
        "irradiance": Shown(device_class="irradiance", unit="W/m²"),
        "wind_speed": Shown(device_class="wind_speed", unit="m/s"),
        "wind_gust": Shown(device_class="wind_speed", unit="m/s"),
        "co2": Shown(device_class="carbon_dioxide", unit="ppm"),
        "tvoc": Shown(device_class="volatile_organic_compounds_parts", unit="ppm"),
        "sound_level": Shown(device_class="sound_pressure", unit="dB"),
        "battery_level": Shown(device_class="battery", unit="%", is_diagnostic=True),
        "battery_voltage": Shown(device_class="voltage", unit="V", is_diagnostic=True),
        "supply_voltage": Shown(device_class="voltage", unit="V", is_diagnostic=True),
        "energy": Shown(device_class="energy", unit="kWh", factor=1 / 3.6e6),
        "rssi": Shown(device_class="signal_strength", unit="dBm", is_diagnostic=True),
        "snr": Shown(unit="dB", is_diagnostic=True),
        "link_quality": Shown(unit="%", factor=100.0, is_diagnostic=True),
        "disk_free": Shown(device_class="data_size", unit="B", is_diagnostic=True),
        "speed": Shown(device_class="speed", unit="m/s"),
    }
)
_BY_UNIT: Mapping[str, Shown] = MappingProxyType(
    {
        "m": Shown(device_class="distance", unit="m"),
        "Cel": Shown(device_class="temperature", unit="°C"),
        "V": Shown(device_class="voltage", unit="V"),
        "A": Shown(device_class="current", unit="A"),
        "W": Shown(device_class="power", unit="W"),
        "Pa": Shown(device_class="pressure", unit="Pa"),
        "lx": Shown(device_class="illuminance", unit="lx"),
        "s": Shown(device_class="duration", unit="s"),
        "rad": Shown(unit="°", factor=_DEGREES),
        "%": Shown(unit="%"),
        "[ppm]": Shown(unit="ppm"),
        "dB": Shown(unit="dB"),
        "m/s": Shown(unit="m/s"),
        "m/s2": Shown(unit="m/s²"),
        "deg": Shown(unit="°"),
        "ug/m3": Shown(unit="µg/m³"),
        "1": Shown(),
    }
)
_BINARY: Mapping[str, str] = MappingProxyType(
    {
        "contact_open": "door", "occupancy": "motion", "presence": "occupancy", "vibration": "vibration",
        "tamper": "tamper", "water_leak": "moisture", "smoke": "smoke", "in_trip": "moving", "battery_low": "battery",
        "online": "connectivity", "sos": "safety", "switch_on": "power",
    }
)  # fmt: skip
_DIAGNOSTIC = frozenset({"battery_low", "online", "line_fault", "device_fault", "tamper", "uptime", "restarts"})


def is_binary(quantity: Quantity) -> bool:
    """Return whether a quantity is told as ON and OFF."""
    return quantity.kind in ("state", "event") and not quantity.labels and quantity.hi <= 1.0


def shown(quantity: Quantity) -> Shown:
    """Return how a number is shown."""
    known = _SENSORS.get(base_key(quantity.key)) or _BY_UNIT.get(quantity.unit)
    return known or Shown(unit=quantity.unit)


def component(quantity: Quantity, *, language: str = "ja") -> Json:
    """Return the part of a component's configuration that follows from its quantity alone."""
    base = base_key(quantity.key)
    found: Json = {"p": "binary_sensor" if is_binary(quantity) else "sensor"}
    found["name"] = quantity.title_en if language == "en" else quantity.title_ja
    is_diagnostic = quantity.is_hearsay or base in _DIAGNOSTIC
    if is_binary(quantity):
        found |= {"device_class": _BINARY[base]} if base in _BINARY else {}
    elif quantity.labels:
        found |= {"device_class": "enum", "options": list(quantity.labels)}
    else:
        how = shown(quantity)
        is_diagnostic = is_diagnostic or how.is_diagnostic
        found |= {"device_class": how.device_class} if how.device_class else {}
        found |= {"unit_of_measurement": how.unit} if how.unit else {}
        if quantity.kind != "state":
            found["state_class"] = "total_increasing" if quantity.kind == "counter" else "measurement"
        found["suggested_display_precision"] = _decimals(quantity.resolution * how.factor)
    return found | ({"entity_category": "diagnostic"} if is_diagnostic else {})


def payload(quantity: Quantity, value: float) -> str:
    """Return how a value is written; `UNKNOWN` for NaN and for a state that has no word."""
    if not math.isfinite(value):
        return UNKNOWN
    if is_binary(quantity):
        return {0.0: "OFF", 1.0: "ON"}.get(value, UNKNOWN)
    if quantity.labels:
        is_word = value.is_integer() and 0 <= value < len(quantity.labels)
        return quantity.labels[int(value)] if is_word else UNKNOWN
    how = shown(quantity)
    given = value * how.factor
    return f"{given:.{_decimals(quantity.resolution * how.factor)}f}" if math.isfinite(given) else UNKNOWN


def _decimals(resolution: float) -> int:
    """Return with how many decimals a number of this resolution is written."""
    return max(0, min(4, -math.floor(math.log10(resolution) + 1e-9)))
