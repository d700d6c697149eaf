from __future__ import annotations

import json
from typing import Any

import pytest

from devices.catalog.zigbee_device import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def said(state: Any) -> Decoded:
    return DEVICE.decode(frame(DEVICE, json.dumps(state).encode()))


@pytest.mark.parametrize(
    ("state", "values"),
    [
        ({"contact": True, "voltage": 3005}, {"contact_open": 0.0, "battery_voltage": 3.005}),
        ({"contact": False, "tamper": True, "battery_low": False}, {"contact_open": 1, "tamper": 1, "battery_low": 0}),
        ({"occupancy": True, "illuminance": 83}, {"occupancy": 1, "illuminance": 83}),
        ({"linkquality": 255}, {"link_quality": 1.0}),
        ({"presence": False, "vibration": True}, {"presence": 0.0, "vibration": 1.0}),
        ({"water_leak": True, "battery": "100.00"}, {"water_leak": 1.0, "battery_level": 100.0}),
        ({"temperature": -12.5, "humidity": 80, "pressure": 1013.25}, {
            "air_temperature": -12.5, "relative_humidity": 80.0, "pressure": 101_325.0}),
        ({"state": "ON", "power": 12, "voltage": 101, "current": 0.1, "energy": 1}, {
            "switch_on": 1, "power": 12, "voltage": 101, "current": 0.1, "energy": 3.6e6}),
        ({"action": "single"}, {"button": 1.0}),
        ({"action": "hold"}, {"button": 3.0}),
        ({"action": "brightness_move_up"}, {"button": 5.0}),
        ({"action": "emergency"}, {"sos": 1.0}),
        ({"action": "", "battery": 5}, {"battery_level": 5.0}),
        ({"temperature": None, "humidity": 50}, {"relative_humidity": 50.0}),
    ],
)  # fmt: skip
def test_states(state: dict[str, Any], values: dict[str, float]) -> None:
    assert said(state).values == pytest.approx(values)


@pytest.mark.bad_input(79)
def test_twenty_presses_are_told_one_by_one() -> None:
    assert [said({"action": "emergency", "linkquality": n}).values["sos"] for n in range(20)] == [1.0] * 20
    assert "sos" not in said({"battery": 3, "linkquality": 9}).values


@pytest.mark.parametrize(
    ("seen", "observed_ns"),
    [
        ("2023-11-14T22:13:20.123Z", 1_700_000_000_123_000_000),
        ("2023-11-15T07:13:20+09:00", 1_700_000_000_000_000_000),
        (1_700_000_000_123, 1_700_000_000_123_000_000),
        ("2023-11-14T22:13:20", None),
        (None, None),
        ([], None),
    ],
)
def test_the_time_is_when_the_bridge_heard_it(seen: Any, observed_ns: int | None) -> None:
    assert said({"battery": 5, "last_seen": seen}).observed_ns == observed_ns


@pytest.mark.parametrize(
    "state",
    [{}, {"update": {}}, {"contact": "open"}, {"contact": 1}, {"temperature": "warm"}, {"occupancy": None}, [1]],
)
def test_what_the_bridge_does_not_say_is_refused(state: Any) -> None:
    with pytest.raises(PermanentError):
        said(state)


@pytest.mark.parametrize("values", [{"sos": 0.0}, {"sos": 1.0, "button": 1.0}, {"voltage": 5.0}, {"button": 0.5}])
def test_what_has_no_word_is_not_encoded(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=values))
