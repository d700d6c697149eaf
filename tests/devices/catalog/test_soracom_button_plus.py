from __future__ import annotations

import json
from typing import Any

import pytest

from devices.catalog.soracom_button_plus import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

PRESS = {"clickType": 1, "clickTypeName": "SINGLE", "batteryLevel": 0.25, "binaryParserEnabled": True}


def decode(said: Any) -> Decoded:
    return DEVICE.decode(frame(DEVICE, json.dumps(said).encode()))


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({}, {"button": 1.0, "battery_level": 25.0}),
        ({"clickType": 2, "clickTypeName": "DOUBLE", "batteryLevel": 1}, {"button": 2.0, "battery_level": 100.0}),
        ({"clickType": "3", "clickTypeName": "LONG", "batteryLevel": "0.5"}, {"button": 3.0, "battery_level": 50.0}),
        ({"clickTypeName": None}, {"button": 1.0, "battery_level": 25.0}),
        ({"clickType": 9}, {"button": 1.0, "battery_level": 25.0}),
        ({"clickType": 2}, {"button": 5.0, "battery_level": 25.0}),
    ],
)
def test_presses(change: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(PRESS | change) == Decoded(values=values)


@pytest.mark.bad_input(64)
@pytest.mark.parametrize("battery", [0, -1, 2.55, 255, "full", None, True])
def test_a_battery_that_says_nothing_costs_only_itself(battery: Any) -> None:
    assert decode(PRESS | {"batteryLevel": battery}).values == {"button": 1.0}


@pytest.mark.bad_input(79)
@pytest.mark.parametrize(
    "said", [{"batteryLevel": 0.25, "binaryParserEnabled": True}, {}, PRESS | {"clickType": 0, "clickTypeName": ""}]
)
def test_what_tells_of_no_press_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError, match="clickType"):
        decode(said)
