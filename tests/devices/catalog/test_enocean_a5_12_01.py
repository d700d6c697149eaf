from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_12_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a500009c0900", {"energy": 15.6 * 3.6e6}),
        ("a500009c0800", {"energy": 156 * 3.6e6}),
        ("a500009c1b00", {"energy.2": 0.156 * 3.6e6}),
        ("a500009cf800", {"energy.16": 156 * 3.6e6}),
        ("a500009c0c00", {"power": 156.0}),
        ("a500009c1e00", {"power": 1.56}),
        ("a5ffffff0800", {"energy": 16777215 * 3.6e6}),
    ],
    ids=["tenths of kWh", "kWh", "tariff 1, thousandths", "tariff 15", "W", "hundredths of W", "full"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a500009c0000"])
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
        ({"energy": 15.6 * 3.6e6}, "a5003cf00b00"),
        ({"energy.2": 1e6 * 3.6e6}, "a59896801900"),
        ({"power": 156.0}, "a50261600f00"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize(
    "said",
    [
        {"energy": -1.0},
        {"energy": math.nan},
        {"energy": 1e18},
        {"power": 1.0, "energy": 1.0},
        {"power.2": 1.0},
        {"energy.17": 1.0},
        {"co2": 1.0},
        {},
    ],
)
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
