from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from devices.catalog.shelly_gen2 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def decode(said: Any, *, topic: str = "NotifyStatus") -> dict[str, float]:
    sent = replace(frame(DEVICE, json.dumps(said).encode()), topic=topic)
    return dict(DEVICE.decode(sent).values)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        (
            {"ts": 1.5, "switch:0": {"id": 0, "output": True, "apower": 8.9, "voltage": 237.5, "current": 0.05}},
            {"switch_on": 1.0, "power": 8.9, "voltage": 237.5, "current": 0.05},
        ),
        (
            {"switch:1": {"aenergy": {"total": 1.0, "by_minute": [0, 0, 0]}, "temperature": {"tC": 41.3, "tF": 106.3}}},
            {"energy.2": 3_600.0, "device_temperature.2": 41.3},
        ),
        ({"input:0": {"state": True}, "input:1": {"state": False}}, {"digital_input": 1, "digital_input.2": 0}),
        ({"input:0": {"id": 0, "state": None}}, {}),
        ({"temperature:100": {"tC": -12.5}}, {"air_temperature": -12.5}),
        ({"temperature:101": {"tC": 3}}, {"air_temperature.2": 3.0}),
        ({"temperature:0": {"tC": None, "errors": ["read"]}}, {}),
        ({"humidity:0": {"rh": 55.5}, "illuminance:0": {"lux": 8}}, {"relative_humidity": 55.5, "illuminance": 8.0}),
        ({"flood:0": {"alarm": True}, "smoke:0": {"alarm": False}}, {"water_leak": 1.0, "smoke": 0.0}),
        ({"devicepower:0": {"battery": {"V": 5.3, "percent": 99}}}, {"battery_voltage": 5.3, "battery_level": 99.0}),
        ({"sys": {"uptime": 20}, "wifi": {"rssi": -61}}, {"uptime": 20.0, "rssi": -61.0}),
    ],
)  # fmt: skip
def test_components(said: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(said) == values


@pytest.mark.bad_input(75)
@pytest.mark.parametrize("said", [{}, {"ts": None}, {"ts": 1, "cloud": {"connected": True}}, {"switch:0": {"id": 0}}])
def test_a_delta_without_the_field_of_interest_says_nothing(said: dict[str, Any]) -> None:
    assert decode(said) == {}


@pytest.mark.parametrize(
    ("event", "component", "values"),
    [
        ("single_push", "input:0", {"button": 1.0}),
        ("double_push", "input:1", {"button.2": 2.0}),
        ("triple_push", "input:0", {"button": 4.0}),
        ("long_push", "input:0", {"button": 3.0}),
        ("btn_down", "input:0", {}),
        ("config_changed", "sys", {}),
        ("single_push", "input:x", {}),
        ({}, "input:0", {}),
    ],
)
def test_presses(event: Any, component: str, values: dict[str, float]) -> None:
    said = {"ts": 1.0, "events": [{"component": component, "id": 0, "event": event, "ts": 1.0}, 5]}
    assert decode(said, topic="NotifyEvent") == values


def test_the_state_of_one_component() -> None:
    assert decode({"id": 0, "output": False}, topic="status/switch:0") == {"switch_on": 0.0}


@pytest.mark.parametrize(
    "said", [{"switch:0": {"output": 1}}, {"switch:0": {"apower": "much"}}, {"temperature:0": {"tC": True}}, [1]]
)
def test_what_cannot_be_read_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(said)


def test_a_press_is_a_notification_of_its_own() -> None:
    with pytest.raises(PermanentError, match="press"):
        DEVICE.encode(Decoded(values={"button": 1.0, "switch_on": 1.0}))
