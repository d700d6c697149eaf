from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_07_03 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.bad_input(46)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a5847d400800", {"supply_voltage": 2.64, "illuminance": 501.0, "occupancy": 0.0}),
        ("a584fa008800", {"supply_voltage": 2.64, "illuminance": 1000.0, "occupancy": 1.0}),
        ("a584fa408800", {"supply_voltage": 2.64, "illuminance": math.nan, "occupancy": 1.0}),
        ("a5fbffc08800", {"supply_voltage": math.nan, "illuminance": math.nan, "occupancy": 1.0}),
    ],
    ids=["light", "most", "over range", "all bad"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a58400008000"])
def test_a_teach_in_is_never_data(payload: str) -> None:
    assert values(payload) == {}


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["d50800", "a584007809"])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"occupancy": 1.0, "supply_voltage": 2.64, "illuminance": 501.0}, "a5847d408800"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"illuminance": 1001.0}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
