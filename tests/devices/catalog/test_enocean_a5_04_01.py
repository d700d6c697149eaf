from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_04_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.bad_input(46)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a500fa7d0a00", {"relative_humidity": 100.0, "air_temperature": 20.0}),
        ("a5007d7d0800", {"relative_humidity": 50.0}),
        ("a500fbff0a00", {"relative_humidity": math.nan, "air_temperature": math.nan}),
        ("a50000000a00", {"relative_humidity": 0.0, "air_temperature": 0.0}),
        ("a50099990b00", {"relative_humidity": 61.2, "air_temperature": 24.48}),
    ],
    ids=["both", "no temperature", "reserved", "zero", "unused bit"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a500fa7d0200"])
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
        ({"relative_humidity": 50.0}, "a5007d000800"),
        ({"air_temperature": 20.0}, "a500fb7d0a00"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"air_temperature": -1.0}, {"air_temperature": 40.2}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
