"""The options of a device that speaks Cayenne LPP; the format has its test in tests/devices/payloads."""

from __future__ import annotations

from typing import Any

import pytest

from devices.catalog.cayenne_lpp import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def test_without_options_channel_numbers_stay() -> None:
    assert DEVICE.decode(frame(DEVICE, "01670110056700FF")).values == {
        "air_temperature": 27.2,
        "air_temperature.5": 25.5,
    }


def test_options_say_what_the_channels_are() -> None:
    assert DEVICE.configure is not None
    spec = DEVICE.configure(
        {
            "channels": {
                "temperature_3": {"quantity": "soil_temperature"},
                "analog_in_2": {"quantity": "distance", "unit": "cm"},
                "temperature_5": {},
            }
        }
    )
    assert {"soil_temperature", "distance", "air_temperature"} <= set(spec.quantities)
    decoded = spec.decode(frame(DEVICE, "03670110056700FF02022710"))
    assert decoded == Decoded(values={"soil_temperature": 27.2, "distance": 1.0})
    assert spec.encode(decoded).payload.hex() == "0202271003670110"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"channel": {}}, "channel is unknown"),
        ({"channels": {"temperature": {"quantity": "distance"}}}, "temperature is no type and channel"),
        ({"channels": {"temperature_300": {}}}, "temperature_300 is no type and channel"),
        ({"channels": {"temperature_03": {}}}, "temperature_03 is no type and channel"),
        ({"channels": {"gps_1": {}}}, "gps_1 is no type and channel"),
        ({"channels": {"analog_in_1": {"quantity": "snow"}}}, "snow"),
        ({"channels": {"analog_in_1": {"quantity": "distance", "unit": "Cel"}}}, "Cel"),
        (
            {"channels": {"analog_in_1": {"quantity": "distance"}, "analog_in_2": {"quantity": "distance"}}},
            "distance is said of several channels",
        ),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], words: str) -> None:
    assert DEVICE.configure is not None
    with pytest.raises(PermanentError, match=words):
        DEVICE.configure(options)
