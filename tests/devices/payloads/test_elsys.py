"""The rules of Elsys' TLV that no single series owns."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, Frame, PermanentError
from devices.payloads.elsys import TYPES, Elsys

ALL = Elsys(name="a test device", types=frozenset(one.head[0] for one in TYPES))


def heard(payload: str | bytes, port: int | None = 5) -> Decoded:
    raw = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return ALL.decode(Frame(gateway_id="g", transport="lorawan", address="a", payload=raw, received_ns=0, port=port))


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("01ffce", {"air_temperature": -5.0}),
        ("017fff", {"air_temperature": math.nan}),
        ("018000", {"air_temperature": math.nan}),
        ("0cffce", {"probe_temperature": -5.0}),
        ("0cfb0a", {"probe_temperature": math.nan}),
        ("0c0352", {"probe_temperature": math.nan}),
        ("0c7fff", {"probe_temperature": math.nan}),
        ("19ffce 19fb0a", {"probe_temperature.2": -5.0, "probe_temperature.3": math.nan}),
        ("10ffceff9c", {"device_temperature": -5.0, "target_temperature": -10.0}),
        ("02ff", {"relative_humidity": math.nan}),
        ("060000", {"co2": math.nan}),
        ("0e0000", {"distance": math.nan}),
        ("0e0834", {"distance": 2.1}),
    ],
)
def test_below_zero_is_below_zero_and_a_dead_probe_is_none(payload: str, values: dict[str, float]) -> None:
    assert heard(payload).values == pytest.approx(values, nan_ok=True)


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("030127c1", {"acceleration_x": 9.80665 / 63, "acceleration_y": 39 * 9.80665 / 63, "acceleration_z": -9.80665}),
        ("0506", {"motion_count": 6.0, "occupancy": 1.0}),
        ("0500", {"motion_count": 0.0, "occupancy": 0.0}),
        ("08ffff", {"voltage": math.nan}),
        ("09 f1fb09 1e5e01", {"latitude": 65.4321, "longitude": 8.9630}),
        ("09 000000 000000", {"latitude": math.nan, "longitude": math.nan}),
        ("0b000a0011", {"count": 655_377.0}),
        ("0d01", {"digital_input": 1.0}),
        ("0f00 1102", {"vibration": 0.0, "presence": 1.0}),
        ("0f03 1100", {"vibration": 1.0, "presence": 0.0}),
        ("1211", {"analog_input": 17.0, "water_leak": 1.0}),
        ("1200", {"analog_input": 0.0, "water_leak": 0.0}),
        ("14000f5ca8", {"pressure": 100_676.0}),
        ("15 5028", {"sound_level.2": 80.0, "sound_level": 40.0}),
        ("1bfffffc18", {"voltage.3": -0.001}),
        ("1c0d62", {"tvoc": 3.426}),
        ("13" + "00" * 65 + "0229", {"relative_humidity": 41.0}),
        ("3e02abcd", {}),
        ("3d00000000 0229", {"relative_humidity": 41.0}),
    ],
)
def test_types_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = heard(payload)
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert not decoded.is_partial


@pytest.mark.bad_input(49)
@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("01", "is cut: 0 of 2"),
        ("0229 0400", "is cut: 1 of 2"),
        ("3e05ab", "is cut: 2 of 6"),
        ("3e", "is cut: 0 of 1"),
        ("40", "type 40 is not one"),
        ("0d02", "digital_input state 2"),
        ("1103", "presence state 3"),
    ],
)
def test_a_payload_of_another_shape_is_refused(payload: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        heard(payload)


def test_behind_an_unknown_type_the_payload_is_partial() -> None:
    assert heard("0229 2200b4") == Decoded(values={"relative_humidity": 41.0}, is_partial=True)


@pytest.mark.bad_input(48)
@pytest.mark.parametrize(("payload", "port"), [("", 5), ("0229", 0), ("0229", 224), ("0229", None)])
def test_a_keep_alive_and_a_port_of_the_network_say_nothing(payload: str, port: int | None) -> None:
    with pytest.raises(PermanentError, match=r"FPort|empty"):
        heard(payload, port=port)


@given(st.binary(max_size=80))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        decoded = heard(payload)
        with suppress(PermanentError):
            assert heard(ALL.encode(decoded).payload).values.keys() <= decoded.values.keys()


@pytest.mark.parametrize(
    "values",
    [
        {"motion_count": 0.0, "occupancy": 1.0},
        {"motion_count": 2.0, "occupancy": 0.0},
        {"analog_input": 3.0, "water_leak": 0.0},
        {"latitude": 1.0},
        {"device_temperature": 1.0},
        {"probe_temperature": 85.0},
    ],
)
def test_what_the_wire_cannot_say_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        ALL.encode(Decoded(values=values))


def test_movement_alone_is_one_movement() -> None:
    assert ALL.encode(Decoded(values={"occupancy": 1.0})).payload == b"\x05\x01"
    assert ALL.encode(Decoded(values={"water_leak": 1.0})).payload == b"\x12\x01"
