"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), akenza-io/device-type-library (MIT, (c) 2021 Akenza AG)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.digital_matter import DEVICES
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model.removeprefix("digital_matter_"): spec for spec in DEVICES}
OYSTERS = ["oyster", "oyster3", "yabby"]
WEEK_S = 604_800.0


@pytest.mark.parametrize("model", OYSTERS)
def test_a_full_position(model: str) -> None:
    spec = BY_MODEL[model]
    assert spec.decode(frame(spec, "0030edec00322445950ade")).values == pytest.approx(
        {"latitude": -32.0, "longitude": 116.0, "in_trip": 1.0, "heading": math.radians(208.125),
         "speed": 10 / 3.6, "battery_voltage": 5.55}
    )  # fmt: skip


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("model", OYSTERS)
def test_a_failed_fix_is_not_the_last_known_position(model: str) -> None:
    spec = BY_MODEL[model]
    decoded = spec.decode(frame(spec, "85a8c5ebd8763f0b0301be"))
    assert all(math.isnan(decoded.values[key]) for key in ("latitude", "longitude", "heading", "speed"))
    assert (decoded.values["in_trip"], decoded.values["battery_voltage"]) == (1.0, 4.75)
    assert decoded.earlier == ()


@pytest.mark.bad_input(60)
@pytest.mark.parametrize("model", OYSTERS)
@pytest.mark.parametrize(
    ("position", "port", "rest"),
    [
        ("0000000000000000", 1, "0000de"),
        ("00322445" + "0030edec", 1, "0000de"),  # swapped: 116 degree north
        ("7f3d4736" + "00322445", 1, "0000de"),  # 91 degree north
        ("000000000000", 4, "00de00"),
        ("ffff7f" + "000010", 4, "00de00"),
    ],
)
def test_a_position_off_the_world_is_none(model: str, position: str, port: int, rest: str) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, position + rest, port=port)).values
    assert math.isnan(values["latitude"])
    assert math.isnan(values["longitude"])
    assert values["battery_voltage"] == 5.55


@pytest.mark.parametrize(("flags", "battery"), [("05", 5.55), ("0d", 10.604)])
@pytest.mark.parametrize("model", OYSTERS)
def test_a_short_position(model: str, flags: str, battery: float) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, f"30edec32244512de{flags}", port=4)).values
    assert values == pytest.approx(
        {"latitude": -0x1312D0 * 256e-7, "longitude": 0x452432 * 256e-7, "in_trip": 1.0, "alarm": 1.0,
         "heading": math.radians(90.0), "speed": 10 / 3.6, "battery_voltage": battery}
    )  # fmt: skip


def test_the_newest_position_is_read_bit_by_bit() -> None:
    spec = BY_MODEL["oyster3"]
    values = spec.decode(frame(spec, "e825f49b9e872b6a992aab", port=33)).values
    assert values == pytest.approx(
        {"latitude": -8.3333874, "longitude": -169.2850041, "in_trip": 1.0, "battery_low": 1.0, "alarm": 0.0,
         "state_age": 16 * 86_400.0 + 2 * 3600.0 + 18 * 60.0, "battery_voltage": 5.932,
         "heading": math.radians(225.0), "speed": 25.0}
    )  # fmt: skip
    failed = spec.decode(frame(spec, "e925f49b9e872b6a992aab", port=33)).values
    assert math.isnan(failed["latitude"])


@pytest.mark.bad_input(65)
def test_a_collar_that_lies_still_says_for_how_long() -> None:
    spec = BY_MODEL["oyster3"]
    values = spec.decode(frame(spec, "e825f49b9e87fcff992aab", port=33)).values
    assert (values["in_trip"], values["alarm"]) == (0.0, 1.0)
    assert values["state_age"] == 120.0 * 0x3FFF


@pytest.mark.parametrize(
    ("model", "port", "payload", "values", "has_restarted"),
    [
        ("oyster", 2, "d30102", {}, False),
        ("oyster3", 2, "d3010262010a", {}, False),
        ("oyster", 3, "8bf3dc7b9438984278b85e", {"uptime": 189 * WEEK_S}, False),
        ("oyster3", 30, "00000000010000", {}, True),
        ("oyster3", 31, "8bf3dc7b94389842780843",
         {"battery_voltage": 7.436, "battery_low": 0.0, "uptime": 664 * WEEK_S}, False),
        ("oyster3", 31, "8bf3dc7b95389842780843",
         {"battery_voltage": 7.436, "battery_low": 1.0, "uptime": 664 * WEEK_S}, False),
        ("yabby_edge", 5, "0100a4a0b3ccd358e6", {"in_trip": 0.0}, False),
        ("yabby_edge", 5, "2100a4a0b3ccd358e6", {"in_trip": 1.0}, False),
        ("yabby_edge", 1, "0102030401000000", {}, True),
        ("yabby_edge", 3, "8bf3dc7b94389842780843", {"uptime": (0x3894 >> 6 & 0x3FF) * WEEK_S}, False),
        ("yabby_edge", 110, "00000000", {}, False),
        ("guppy", 1, "c382", {"in_trip": 1.0, "battery_voltage": 3.358, "device_temperature": 25.0}, False),
        ("guppy", 1, "c23c", {"in_trip": 0.0, "battery_voltage": 3.358, "device_temperature": -10.0}, False),
        ("guppy", 1, "c3823d00", {
            "in_trip": 1.0, "battery_voltage": 3.358, "device_temperature": 25.0, "alarm": 1.0,
            "tilt": math.radians(45.0),
        }, False),
    ],
)  # fmt: skip
def test_other_messages(model: str, port: int, payload: str, values: dict[str, float], has_restarted: bool) -> None:
    spec = BY_MODEL[model]
    decoded = spec.decode(frame(spec, payload, port=port))
    assert decoded.values == pytest.approx(values)
    assert decoded.has_restarted == has_restarted


@pytest.mark.parametrize(
    ("model", "port", "payload"),
    [
        ("oyster", 1, "85a8c5ebd8763f0b0301"),
        ("oyster", 1, "85a8c5ebd8763f0b0301be00"),
        ("oyster", 9, "85a8c5ebd8763f0b0301be"),
        ("yabby_edge", 5, "0200a4a0b3ccd358e6"),
        ("guppy", 1, "c38201"),
    ],
)
def test_another_length_or_port_is_refused(model: str, port: int, payload: str) -> None:
    spec = BY_MODEL[model]
    with pytest.raises(PermanentError, match=r"no message of a|is none of a|too few for 2"):
        spec.decode(frame(spec, payload, port=port))


def test_the_simulator_says_what_the_device_would() -> None:
    spec = BY_MODEL["oyster"]
    said = {"latitude": -32.0, "longitude": 116.0, "in_trip": 0.0, "battery_voltage": 5.55}
    assert spec.encode(Decoded(values=said)).payload.hex() == "0030edec003224450000de"
    with pytest.raises(PermanentError, match="cannot say latitude"):
        spec.encode(Decoded(values={"latitude": 91.0, "longitude": 0.0}))
