"""Vector: Milesight's example as TheThingsNetwork/lorawan-devices (Apache-2.0) quotes it."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em310_udl import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.bad_input(53)
def test_a_tilted_sensor_has_no_distance() -> None:
    values = DEVICE.decode(frame(DEVICE, "01755C 03824408 040001")).values
    assert math.isnan(values["distance"])
    assert (values["battery_level"], values["is_tilted"]) == (92.0, 1.0)


@pytest.mark.parametrize(
    ("payload", "distance_m"),
    [
        ("03824408 040000", 2.116),
        ("03824408", 2.116),
        ("0382ffff 040000", math.nan),
        ("03820000 040000", math.nan),
        ("040001 03824408", math.nan),
    ],
    ids=["upright", "nothing said of tilt", "no reading", "blind zone", "tilt said first"],
)
def test_a_distance_is_metres_or_none(payload: str, distance_m: float) -> None:
    assert DEVICE.decode(frame(DEVICE, payload)).values["distance"] == pytest.approx(distance_m, nan_ok=True)


def test_a_position_that_does_not_exist_is_refused() -> None:
    with pytest.raises(PermanentError, match="is_tilted state 2"):
        DEVICE.decode(frame(DEVICE, "03824408 040002"))


def test_the_simulator_says_what_the_device_would() -> None:
    values = {"battery_level": 92.0, "distance": 2.116, "is_tilted": 0.0}
    made = DEVICE.encode(Decoded(values=values))
    assert (made.payload.hex(), made.port) == ("01755c03824408040000", 85)
    assert DEVICE.decode(made).values == values
