"""Vectors: the maker's decoder in TheThingsNetwork/lorawan-devices (Apache-2.0), this project's notes on devices."""

from __future__ import annotations

import math

import pytest

from devices.catalog.abeeway_tracker import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

HEADER = {"battery_level": 92.0, "device_temperature": 21.7647, "in_trip": 0.0, "sos": 0.0}
PLACE = {"latitude": 47.5475712, "longitude": 8.912768, "position_accuracy": 31.3725}
GPS = "1c572f054ffb08"
LONG = "1c572f00054ffb00{altitude}{error}2328{speed}000000"


def test_a_position_was_so_when_it_says() -> None:
    decoded = DEVICE.decode(frame(DEVICE, f"03025c820006{GPS}"))
    assert decoded.values == pytest.approx(HEADER | PLACE, rel=1e-5)
    assert (decoded.age_s, decoded.is_history, decoded.earlier) == (48.0, False, ())


@pytest.mark.bad_input(61)
@pytest.mark.parametrize(
    ("age", "age_s", "is_history"), [("26", 304.0, False), ("fe", 2032.0, False), ("ff", 2040.0, True)]
)
def test_an_old_position_is_not_now(age: str, age_s: float, is_history: bool) -> None:
    decoded = DEVICE.decode(frame(DEVICE, f"03025c8200{age}{GPS}"))
    assert decoded.values == pytest.approx(HEADER, rel=1e-5)
    assert decoded.age_s == 0.0
    (place,) = decoded.earlier
    assert place.values == pytest.approx(PLACE, rel=1e-5)
    assert (place.age_s, place.is_history) == (age_s, is_history)


def test_a_call_for_help_is_now_wherever_the_position_is_from() -> None:
    decoded = DEVICE.decode(frame(DEVICE, f"03105c820006{GPS}"))
    assert (decoded.values["sos"], decoded.age_s) == (1.0, 0.0)
    assert [one.age_s for one in decoded.earlier] == [48.0]


@pytest.mark.bad_input(64)
@pytest.mark.parametrize(
    ("level", "percent"), [("00", math.nan), ("ff", math.nan), ("f9", math.nan), ("01", 1.0), ("64", 100.0)]
)
def test_a_battery_that_charges_or_is_in_error_has_no_level(level: str, percent: float) -> None:
    values = DEVICE.decode(frame(DEVICE, f"0500{level}820040020200000000")).values
    assert values["battery_level"] == pytest.approx(percent, nan_ok=True)


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("place", ["000000000000", "ffffffffffff", "7fffff054ffb", "1c572fffffff"])
def test_no_place_on_earth_is_no_fix(place: str) -> None:
    values = DEVICE.decode(frame(DEVICE, f"03025c820006{place}08")).values
    assert all(math.isnan(values[key]) for key in PLACE)


@pytest.mark.parametrize("type_", ["03", "0e"])
def test_a_gps_timeout_is_a_failed_fix(type_: str) -> None:
    values = DEVICE.decode(frame(DEVICE, f"{type_}025c820100a0a0a0a0")).values
    assert math.isnan(values["latitude"])
    assert math.isnan(values["longitude"])
    assert values["battery_level"] == 92.0


@pytest.mark.bad_input(50)
@pytest.mark.parametrize(("byte", "degrees"), [("00", -44.0), ("57", 0.0118), ("4d", -5.0471), ("ff", 85.0)])
def test_a_tracker_in_frost_is_below_zero(byte: str, degrees: float) -> None:
    values = DEVICE.decode(frame(DEVICE, f"05005c{byte}40020200000000")).values
    assert values["device_temperature"] == pytest.approx(degrees, abs=1e-4)


@pytest.mark.bad_input(62)
@pytest.mark.parametrize(
    ("fix", "altitude", "error", "expected"),
    [
        ("01", "1f40", "08", {"altitude": 80.0, "position_accuracy": 31.3725}),
        ("03", "0050", "08", {"altitude": 80.0, "position_accuracy": 8.0}),
        ("03", "ffce", "fb", {"altitude": -50.0, "position_accuracy": 500.0}),
        ("01", "1f40", "ff", {"altitude": 80.0, "position_accuracy": 1000.0}),
        ("03", "0050", "fe", {"altitude": 80.0, "position_accuracy": 4000.0}),
        ("03", "0050", "ff", {"altitude": 80.0, "position_accuracy": math.nan}),
    ],
)
def test_a_long_position_says_its_error(fix: str, altitude: str, error: str, expected: dict[str, float]) -> None:
    rest = LONG.format(altitude=altitude, error=error, speed="0064")
    decoded = DEVICE.decode(frame(DEVICE, f"0e065c8200000a{fix}{rest}"))
    said = {"latitude": 47.5475712, "longitude": 8.912768, "heading": math.radians(90.0), "speed": 1.0}
    wanted = HEADER | {"in_trip": 1.0} | said | expected
    assert decoded.values == pytest.approx(wanted, rel=1e-5, nan_ok=True)
    assert decoded.age_s == 10.0


@pytest.mark.bad_input(61)
def test_a_saturated_long_age_is_history() -> None:
    rest = LONG.format(altitude="0050", error="08", speed="0064")
    (place,) = DEVICE.decode(frame(DEVICE, f"0e065c8200ffff03{rest}")).earlier
    assert (place.is_history, place.age_s, place.values["latitude"]) == (True, 65_535.0, 47.5475712)


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("0a04538a000a01b5dffb", {"battery_level": 83.0, "device_temperature": 25.8118, "in_trip": 1.0, "sos": 0.0}),
        ("032c36844926c8675e842cd7c7", {
            "battery_level": 54.0, "device_temperature": 22.7765, "in_trip": 1.0, "sos": 0.0,
        }),
        ("07005c82000100000102", HEADER | {"count": 258.0}),
        ("09005c820001", HEADER),
    ],
)  # fmt: skip
def test_other_messages_say_what_the_header_says(payload: str, values: dict[str, float]) -> None:
    assert DEVICE.decode(frame(DEVICE, payload)).values == pytest.approx(values, rel=1e-5)


def test_an_unknown_kind_of_position_leaves_the_rest_unread() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "03025c820cffff"))
    assert decoded.is_partial
    assert decoded.values == pytest.approx(HEADER, rel=1e-5)


@pytest.mark.parametrize("payload", ["03", "03025c82", "01025c820000", "ff025c820000", f"03025c820006{GPS}00"])
def test_another_type_or_length_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="no message of a Abeeway tracker"):
        DEVICE.decode(frame(DEVICE, payload))


def test_a_pending_frame_measures_nothing() -> None:
    assert DEVICE.decode(frame(DEVICE, "00025c820001")).values == {}


def test_the_simulator_says_what_the_device_would() -> None:
    said = HEADER | PLACE
    arrived = DEVICE.decode(DEVICE.encode(Decoded(values=said))).values
    assert arrived == pytest.approx(said, abs=2e-5, rel=1e-4)
