from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_a5_04_03 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("a58000000800", {"relative_humidity": 12800 / 255, "air_temperature": -20.0}),
        ("a5ff03ff0900", {"relative_humidity": 100.0, "air_temperature": 60.0}),
        ("a500fcff0800", {"relative_humidity": 0.0, "air_temperature": 255 * 80 / 1023 - 20}),
    ],
    ids=["coldest", "warmest", "bits above the temperature"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["a58003ff0000"])
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
        ({"relative_humidity": 100.0, "air_temperature": -20.0}, "a5ff00000800"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"air_temperature": -20.1}, {"air_temperature": math.nan}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
