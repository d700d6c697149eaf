"""What each quantity is in Home Assistant, by the keys, classes and units that its documentation allows."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.ha_entities import UNKNOWN, component, is_binary, payload
from devices.quantities import QUANTITIES, quantity

# device classes and the units they allow, from the documentation of sensor (those that are used here)
CLASSES: dict[str, set[str]] = {
    "atmospheric_pressure": {"hPa"}, "pressure": {"Pa"}, "battery": {"%"}, "carbon_dioxide": {"ppm"},
    "current": {"A"}, "data_size": {"B"}, "distance": {"m", "cm"}, "duration": {"s"}, "energy": {"kWh"},
    "humidity": {"%"}, "illuminance": {"lx"}, "irradiance": {"W/m²"}, "moisture": {"%"}, "power": {"W"},
    "precipitation": {"mm"}, "signal_strength": {"dBm"}, "sound_pressure": {"dB"}, "speed": {"m/s"},
    "temperature": {"°C"}, "voltage": {"V"}, "volatile_organic_compounds_parts": {"ppm"}, "wind_speed": {"m/s"},
}  # fmt: skip
BINARY_CLASSES = {
    "battery", "connectivity", "door", "moisture", "motion", "moving", "occupancy", "power", "safety", "smoke",
    "tamper", "vibration",
}  # fmt: skip
SENSOR_KEYS = {
    "p", "name", "device_class", "unit_of_measurement", "state_class", "suggested_display_precision", "options",
    "entity_category",
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(QUANTITIES))
def test_every_quantity_is_a_component_that_is_documented(key: str) -> None:
    found = component(quantity(key))

    assert found.keys() <= SENSOR_KEYS
    if found["p"] == "binary_sensor":
        assert found.get("device_class", "door") in BINARY_CLASSES
        assert "unit_of_measurement" not in found
        assert "state_class" not in found
    elif found.get("device_class") == "enum":
        assert found["options"] == list(quantity(key).labels)
        assert found.keys().isdisjoint({"unit_of_measurement", "state_class"})
    elif "device_class" in found:
        assert found["unit_of_measurement"] in CLASSES[str(found["device_class"])]


@pytest.mark.parametrize(
    ("key", "value", "written", "device_class", "unit"),
    [
        ("snow_depth", 1.523, "152.3", "distance", "cm"),
        ("air_temperature", -12.34, "-12.3", "temperature", "°C"),
        ("air_temperature.2", 3.0, "3.0", "temperature", "°C"),
        ("pressure", 101_325.0, "1013.25", "atmospheric_pressure", "hPa"),
        ("energy", 3.6e6, "1.0000", "energy", "kWh"),
        ("wind_direction", math.pi, "180.00", None, "°"),
        ("link_quality", 0.5, "50.0", None, "%"),
        ("count", 16_777_215.0, "16777215", None, None),
        ("contact_open", 1.0, "ON", "door", None),
        ("contact_open", 0.0, "OFF", "door", None),
        ("contact_open", 0.5, UNKNOWN, "door", None),
        ("trap_state", 1.0, "sprung", "enum", None),
        ("trap_state", 9.0, UNKNOWN, "enum", None),
        ("line_fault", 2.0, "no_answer", "enum", None),
        ("device_fault", 513.0, "513", None, None),
        ("snow_depth", math.nan, UNKNOWN, "distance", "cm"),
    ],
)
def test_how_a_value_is_written(
    key: str, value: float, written: str, device_class: str | None, unit: str | None
) -> None:
    assert payload(quantity(key), value) == written
    assert component(quantity(key)).get("device_class") == device_class
    assert component(quantity(key)).get("unit_of_measurement") == unit


@given(st.sampled_from(sorted(QUANTITIES)), st.floats())
@example("wind_direction", 3e306)  # finite here, not in degrees
def test_any_value_has_a_text(key: str, value: float) -> None:
    text = payload(quantity(key), value)

    if is_binary(quantity(key)):
        assert text in ("ON", "OFF", UNKNOWN)
    elif quantity(key).labels:
        assert text in (*quantity(key).labels, UNKNOWN)
    else:
        assert text == UNKNOWN or math.isfinite(float(text))
    assert (text == UNKNOWN) >= (not math.isfinite(value))
