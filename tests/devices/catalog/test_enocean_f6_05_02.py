from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_f6_05_02 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("f61030", {"smoke": 1.0}),
        ("f60020", {"smoke": 0.0, "battery_low": 0.0}),
        ("f63030", {"battery_low": 1.0}),
    ],
    ids=["smoke", "over", "battery"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["f62030", "f61100", "d51000", "f610", ""])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"smoke": 1.0}, "f61000"),
        ({"smoke": 0.0}, "f60000"),
        ({"battery_low": 1.0}, "f63000"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"smoke": 0.0, "battery_low": 1.0}, {"smoke": math.nan}, {"sos": 1.0}, {}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
