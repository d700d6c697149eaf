from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_f6_02_01 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("f65030", {"button.3": 1.0}),
        ("f61030", {"button": 1.0}),
        ("f63030", {"button.2": 1.0}),
        ("f67030", {"button.4": 1.0}),
        ("f61530", {"button": 1.0, "button.3": 1.0}),
        ("f61430", {"button": 1.0}),
        ("f60020", {"button": 0.0}),
        ("f64030", {"button.3": 0.0}),
        ("f67020", {"button": 5.0}),
        ("f66020", {"button": 0.0}),
    ],
    ids=[
        "BI",
        "AI",
        "A0",
        "B0",
        "AI and BI",
        "second one not valid",
        "released",
        "BI released",
        "three or four",
        "three or four released",
    ],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["f6d030", "f61930", "f65020", "f65000", "f68400", "d50830", "f650", ""])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"button": 1.0}, "f61030"),
        ({"button.4": 1.0}, "f67030"),
        ({"button": 0.0}, "f60020"),
        ({"button": 5.0}, "f67020"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize(
    "said", [{"button": 2.0}, {"button.5": 1.0}, {"button.2": 0.0}, {"button": math.nan}, {}, {"sos": 1.0}]
)
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))


def test_press_and_release_of_the_recorded_switch() -> None:
    """Telegrams of the tests of kipe/enocean (MIT): button BI pressed, then released."""
    assert values("f65030") == {"button.3": 1.0}
    assert values("f60020") == {"button": 0.0}
