from __future__ import annotations

import math

import pytest

from devices.catalog.enocean_d2_14_41 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def values(payload: str) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, payload)).values)


def test_the_example_of_another_decoder() -> None:
    """The telegram and its values of the tests of reelyActive advlib-eep-vld (MIT)."""
    said = values("d29165c02963e4f5d80080")
    assert said == pytest.approx(
        {
            "air_temperature": 18.1,
            "relative_humidity": 75.5,
            "illuminance": 331.0,
            "acceleration_x": -0.01 * 9.80665,
            "acceleration_y": -0.045 * 9.80665,
            "acceleration_z": 1.02 * 9.80665,
            "contact_open": 1.0,
        }
    )


@pytest.mark.bad_input(46)
@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (
            "d200000000000000001000",
            {
                "air_temperature": -40.0,
                "relative_humidity": 0.0,
                "illuminance": 0.0,
                "acceleration_x": -24.516625,
                "acceleration_y": -24.516625,
                "acceleration_z": -24.516625,
                "contact_open": 0.0,
            },
        ),
        (
            "d2ffffffffffffffffff00",
            {
                "air_temperature": math.nan,
                "relative_humidity": math.nan,
                "illuminance": math.nan,
                "acceleration_x": math.nan,
                "acceleration_y": math.nan,
                "acceleration_z": math.nan,
                "contact_open": 0.0,
            },
        ),
    ],
    ids=["lowest, closed", "all bad"],
)
def test_a_telegram_says(payload: str, expected: dict[str, float]) -> None:
    assert values(payload) == pytest.approx(expected, nan_ok=True, abs=1e-9)


@pytest.mark.bad_input(44)
@pytest.mark.parametrize("payload", ["d29165c02963e4f5d880", "d29165c02963e4f5d8000080", "d50800"])
def test_a_telegram_of_another_kind_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError):
        values(payload)


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"contact_open": 0.0}, "d2fa7270d427d3f4fd3000"),
    ],
)
def test_the_simulator_says_it_as_the_device(said: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=said)).payload.hex() == payload


@pytest.mark.parametrize("said", [{"air_temperature": 60.1}, {"acceleration_x": 24.6}, {"contact_open": math.nan}])
def test_what_has_no_place_on_the_wire_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=said))
