from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_f6_02_04 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("f68200", {"button": 1.0}),
        ("f68100", {"button.2": 1.0}),
        ("f68800", {"button.3": 1.0}),
        ("f68400", {"button.4": 1.0}),
        ("f68a00", {"button": 1.0, "button.3": 1.0}),
        ("f60000", {"button": 0.0}),
        ("f60800", {"button.3": 0.0}),
    ],
    ids=["AI", "A0", "BI", "B0", "AI and BI", "released", "BI released"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["f68000", "f6c200", "f69200", "f65030", "f60020", "d58200", "f682", ""])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"button": 1.0}, "f68200"),
        ({"button": 1.0, "button.3": 1.0}, "f68a00"),
        ({"button.4": 0.0}, "f60400"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize(
    "said", [{"button": 2.0}, {"button": 1.0, "button.2": 0.0}, {"button.5": 1.0}, {"button": math.nan}, {}]
)
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
