from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_14_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.bad_input(46)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a58400000800", {"supply_voltage": 2.64, "contact_open": 0.0}),
        ("a58400000900", {"supply_voltage": 2.64, "contact_open": 1.0}),
        ("a5fc00000900", {"supply_voltage": math.nan, "contact_open": 1.0}),
    ],
    ids=["closed", "open", "error code"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a58400000100"])
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
        ({"contact_open": 1.0, "supply_voltage": 2.64}, "a58400000900"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"supply_voltage": 5.1}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
