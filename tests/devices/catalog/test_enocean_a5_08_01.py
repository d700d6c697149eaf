from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_08_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a5ff807d0b00", {"supply_voltage": 5.1, "illuminance": 256.0, "air_temperature": 25.0, "occupancy": 0.0}),
        ("a5ff807d0900", {"supply_voltage": 5.1, "illuminance": 256.0, "air_temperature": 25.0, "occupancy": 1.0}),
        (
            "a50000000a00",
            {"supply_voltage": 0.0, "illuminance": 0.0, "air_temperature": 0.0, "occupancy": 0.0, "button": 1.0},
        ),
    ],
    ids=["nobody", "movement is 0", "button is 0"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a5ff807d0300"])
def test_a_teach_in_is_never_data(payload: str) -> None:
    assert values(payload) == {}


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["d50800", "a5fa7d0a"])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"occupancy": 1.0}, "a50000000900"),
        ({"button": 1.0}, "a50000000a00"),
        ({"air_temperature": 25.0}, "a500007d0b00"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize(
    "said", [{"air_temperature": -0.2}, {"button": 0.0}, {"button": 2.0}, {"supply_voltage": math.nan}]
)
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
