from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_d5_00_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("d50800", {"contact_open": 1.0}),
        ("d50900", {"contact_open": 0.0}),
    ],
    ids=["open", "closed"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(45)
@pytest.mark.parametrize("payload", ["d50000", "d50100"])
def test_a_teach_in_is_never_data(payload: str) -> None:
    assert values(payload) == {}


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["f60800", "d5080800", "d508", "a50000000800", ""])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"contact_open": 1.0}, "d50800"),
        ({"contact_open": 0.0}, "d50900"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"contact_open": 0.5}, {"contact_open": math.nan}, {"occupancy": 1.0}, {}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
