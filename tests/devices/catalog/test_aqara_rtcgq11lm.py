from __future__ import annotations

import json

from devices.catalog.aqara_rtcgq11lm import DEVICE
from devices.model import Decoded
from tests.devices.frames import frame

STATE = {
    "battery": 100,
    "illuminance": 83,
    "linkquality": 102,
    "occupancy": True,
    "voltage": 3015,
    "last_seen": "2023-11-14T22:13:20.500Z",
}


def test_a_state_is_decoded() -> None:
    decoded = DEVICE.decode(frame(DEVICE, json.dumps(STATE).encode()))
    assert decoded == Decoded(
        values={
            "occupancy": 1.0,
            "illuminance": 83.0,
            "battery_level": 100.0,
            "battery_voltage": 3.015,
            "link_quality": 0.4,
        },
        observed_ns=1_700_000_000_500_000_000,
    )


def test_the_simulator_says_what_the_bridge_would() -> None:
    decoded = DEVICE.decode(frame(DEVICE, json.dumps(STATE).encode()))
    said = json.loads(DEVICE.encode(decoded).payload)
    assert said == STATE | {"last_seen": "2023-11-14T22:13:20.500000Z"}
    assert DEVICE.decode(DEVICE.encode(decoded)) == decoded
