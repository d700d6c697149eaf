"""Messages: the example of the maker's page, and variations of it."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from devices.catalog.soracom_gps_multiunit import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

SAID: dict[str, Any] = {
    "lat": 35.0, "lon": 139.0, "bat": 3, "rs": 4, "temp": 16.0, "humi": 32.4, "x": 0.0, "y": -64.0, "z": -960.0,
    "type": 0,
}  # fmt: skip


def decode(said: Any) -> dict[str, float]:
    return dict(DEVICE.decode(frame(DEVICE, json.dumps(said).encode())).values)


def test_the_example_of_the_maker() -> None:
    assert decode(SAID) == {
        "latitude": 35.0,
        "longitude": 139.0,
        "link_quality": 1.0,
        "air_temperature": 16.0,
        "relative_humidity": 32.4,
        "acceleration_x": 0.0,
        "acceleration_y": pytest.approx(-0.6276256),
        "acceleration_z": pytest.approx(-9.414384),
        "battery_low": 0.0,
        "device_fault": 0.0,
    }


@pytest.mark.bad_input(60)
@pytest.mark.parametrize(
    "change", [{"lat": None, "lon": None}, {"lat": 0, "lon": 0}, {"lat": 0.0, "lon": 0.0}, {"lat": None}, {"lon": None}]
)
def test_no_fix_is_no_position(change: dict[str, Any]) -> None:
    found = decode(SAID | change)
    assert not {"latitude", "longitude"} & set(found)
    assert found["air_temperature"] == 16.0


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("change", [{"lat": 139.0, "lon": 35.0}, {"lat": 91}, {"lon": 181}, {"lat": 4294967295}])
def test_a_position_outside_the_globe_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(PermanentError, match="outside"):
        decode(SAID | change)


@pytest.mark.bad_input(64)
@pytest.mark.parametrize(("bars", "low"), [(1, 1.0), (2, 0.0), (3, 0.0), (-1, None), (0, None), (255, None)])
def test_a_battery_that_is_charging_says_nothing(bars: int, low: float | None) -> None:
    assert decode(SAID | {"bat": bars}).get("battery_low") == low


@pytest.mark.bad_input(87)
def test_a_keep_alive_of_zeros_is_no_measurement() -> None:
    assert decode(dict.fromkeys(SAID, 0)) == {}


def test_a_unit_with_a_fault_has_bad_values() -> None:
    found = decode({"lat": None, "lon": None, "temp": 3276.7, "humi": None, "type": -1})
    assert found.pop("device_fault") == 1.0
    assert set(found) == {"air_temperature", "relative_humidity"}
    assert all(math.isnan(value) for value in found.values())


def test_sent_by_hand_is_a_press_and_missing_keys_are_absent() -> None:
    assert decode({"lat": 35.0, "lon": 139.0, "type": 1}) == {
        "latitude": 35.0, "longitude": 139.0, "button": 1.0, "device_fault": 0.0,
    }  # fmt: skip


@pytest.mark.bad_input(69)
def test_a_trap_that_was_carried_away_arrives_as_another_position_with_its_contact_unheard() -> None:
    before, after = decode(SAID), decode(SAID | {"lat": 35.001})
    assert after["latitude"] - before["latitude"] == pytest.approx(0.001)
    assert "contact_open" not in after


@pytest.mark.parametrize("said", [{}, {"x ": 1}, SAID | {"type": 2}, SAID | {"temp": "warm"}, [SAID]])
def test_what_is_no_message_of_the_unit_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(said)


@pytest.mark.parametrize("values", [{"latitude": 35.0}, {"latitude": 0.0, "longitude": 0.0}, {"button": 2.0}])
def test_what_the_unit_cannot_say_is_not_encoded(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=values))
