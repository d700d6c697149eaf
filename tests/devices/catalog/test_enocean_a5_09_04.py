from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_09_04 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.bad_input(46)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a5644b780e00", {"relative_humidity": 50.0, "co2": 750.0, "air_temperature": 24.0}),
        ("a5644b780800", {"co2": 750.0}),
        ("a5c900000c00", {"relative_humidity": math.nan, "co2": 0.0}),
    ],
    ids=["all", "gas only", "reserved"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a5644b780600"])
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
        ({"co2": 750.0}, "a5004b000800"),
        ({"co2": 400.0, "air_temperature": 24.0}, "a50028780a00"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"co2": 2560.0}, {"co2": math.nan}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
