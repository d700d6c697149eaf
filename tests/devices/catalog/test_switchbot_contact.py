"""Contexts: the samples of the maker's pages, and variations of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from devices.catalog.switchbot_contact import DEVICES
from devices.model import PermanentError
from tests.devices.frames import frame

MODELS = {spec.model: spec for spec in DEVICES}
CONTACT = {
    "deviceType": "WoContact", "deviceMac": "D5E5F5A5B5C5", "detectionState": "NOT_DETECTED", "doorMode": "OUT_DOOR",
    "brightness": "dim", "openState": "open", "battery": 100, "timeOfSample": 123456789,
}  # fmt: skip


def decode(model: str, said: Any) -> dict[str, float]:
    spec = MODELS[model]
    return dict(spec.decode(frame(spec, json.dumps(said).encode())).values)


@pytest.mark.parametrize(
    ("model", "said", "values"),
    [
        (
            "switchbot_contact",
            CONTACT,
            {"contact_open": 1.0, "occupancy": 0.0, "is_dark": 1.0, "battery_level": 100.0},
        ),
        ("switchbot_contact", {"openState": "close"}, {"contact_open": 0.0}),
        ("switchbot_contact", {"openState": "timeOutNotClose"}, {"contact_open": 1.0}),
        ("switchbot_motion", {"detectionState": "DETECTED", "brightness": "bright"}, {"occupancy": 1, "is_dark": 0}),
        ("switchbot_meter", {"temperature": -3.5, "scale": "CELSIUS", "humidity": 31, "CO2": 1203}, {
            "air_temperature": -3.5, "relative_humidity": 31.0, "co2": 1203.0}),
        ("switchbot_meter", {"temperature": 14, "scale": "FAHRENHEIT"}, {"air_temperature": -10.0}),
        ("switchbot_meter", {"humidity": 31, "CO2": 0}, {"relative_humidity": 31.0}),
        ("switchbot_hub", {"temperature": 13, "humidity": 18, "lightLevel": 19}, {
            "air_temperature": 13.0, "relative_humidity": 18.0}),
        ("switchbot_plug", {"powerState": "ON", "online": True}, {"switch_on": 1.0, "online": 1.0}),
        ("switchbot_plug", {"powerState": "OFF", "online": False}, {"switch_on": 0.0, "online": 0.0}),
        ("switchbot_leak", {"detectionState": 1, "battery": 90}, {"water_leak": 1.0, "battery_level": 90.0}),
        ("switchbot_leak", {"detectionState": 0}, {"water_leak": 0.0}),
    ],
)  # fmt: skip
def test_samples(model: str, said: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(model, said) == pytest.approx(values)


@pytest.mark.bad_input(76)
def test_a_presence_sensor_that_calls_itself_a_contact_is_read_by_its_fields() -> None:
    presence = {"deviceType": "WoContact", "detectionState": "DETECTED", "battery": 100, "lightLevel": 19}
    assert decode("switchbot_motion", presence) == {"occupancy": 1.0, "battery_level": 100.0}


@pytest.mark.bad_input(80)
def test_what_a_motion_sensor_says_is_movement_and_no_more() -> None:
    """A pet, a robot cleaner, the sun or a heater trigger it too; it cannot say who moved.

    The watch rules therefore never take movement for an all-clear of a person who called, they only count hours
    without any; homes with animals or robots need a contact (refrigerator, lavatory door) as well.
    """
    assert set(decode("switchbot_motion", {"detectionState": "DETECTED"})) == {"occupancy"}


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("switchbot_contact", {"deviceType": "WoMeter", "temperature": 5}),
        ("switchbot_contact", CONTACT | {"openState": "ajar"}),
        ("switchbot_contact", CONTACT | {"openState": 1}),
        ("switchbot_motion", {"detectionState": 1}),
        ("switchbot_motion", {"detectionState": True}),
        ("switchbot_leak", {"detectionState": 2}),
        ("switchbot_leak", {"detectionState": True}),
        ("switchbot_leak", {"detectionState": "DETECTED"}),
        ("switchbot_meter", {"temperature": 280, "scale": "KELVIN"}),
        ("switchbot_meter", {"temperature": None}),
        ("switchbot_plug", {}),
        ("switchbot_plug", [1]),
    ],
)
def test_what_the_model_does_not_say_is_refused(model: str, said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(model, said)


@pytest.mark.parametrize("battery", ["full", None, []])
def test_a_door_is_not_lost_for_the_sake_of_its_battery(battery: Any) -> None:
    assert decode("switchbot_contact", {"openState": "open", "battery": battery}) == {"contact_open": 1.0}
