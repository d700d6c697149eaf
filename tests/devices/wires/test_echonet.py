"""ECHONET Lite frames of a smart meter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.echonet import (
    ASKED,
    COEFFICIENT,
    CURRENT,
    DIGITS,
    ENERGY,
    ENERGY_BACK,
    ENERGY_UNIT,
    METER,
    POWER,
    Echonet,
    frame_bytes,
    get_request,
    meter_properties,
    meter_values,
    read_frame,
)

CAPTURED = bytes.fromhex("1081 0001 028801 05FF01 72 01 E7 04 000003A0")


def answer(properties: dict[int, bytes], service: int = 0x72, speaker: int = METER) -> Echonet:
    return Echonet(tid=1, speaker=speaker, to=0x05FF01, service=service, properties=properties)


def values(properties: dict[int, bytes], service: int = 0x72) -> dict[str, float]:
    return meter_values(read_frame(frame_bytes(answer(properties, service))))


def test_a_captured_answer() -> None:
    frame = read_frame(CAPTURED)
    assert frame.tid == 1
    assert meter_values(frame) == {"power": 928.0}
    assert frame_bytes(frame) == CAPTURED


def test_the_request_asks_for_everything_at_once() -> None:
    request = get_request(0x1234)
    assert request == bytes.fromhex("1081 1234 05FF01 028801 62 07 E700 E800 E000 E300 E100 D300 D700")
    assert tuple(read_frame(request).properties) == ASKED


@pytest.mark.bad_input(78)
def test_power_that_is_given_back_is_negative() -> None:
    assert values({POWER: (-1500 & 0xFFFFFFFF).to_bytes(4, "big")}) == {"power": -1500.0}


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("number", [0x7FFFFFFE, 0x7FFFFFFF, 0x80000000])
def test_no_data_overflow_and_underflow_of_power(number: int) -> None:
    assert math.isnan(values({POWER: number.to_bytes(4, "big")})["power"])


@pytest.mark.parametrize(
    ("edt", "expected"),
    [
        ("0032 0014", {"current": 5.0, "current.2": 2.0}),
        ("FFCE 0014", {"current": -5.0, "current.2": 2.0}),
        ("0032 7FFE", {"current": 5.0}),
        ("0032 7FFF", {"current": 5.0, "current.2": math.nan}),
        ("7FFE 7FFE", {"current": math.nan}),
        ("8000 0000", {"current": math.nan, "current.2": 0.0}),
    ],
)
def test_currents(edt: str, expected: dict[str, float]) -> None:
    assert values({CURRENT: bytes.fromhex(edt)}) == pytest.approx(expected, nan_ok=True)


@pytest.mark.bad_input(78)
@pytest.mark.parametrize(
    ("code", "coefficient", "kwh"),
    [
        (0x00, None, 12345.0),
        (0x01, None, 1234.5),
        (0x02, 1, 123.45),
        (0x03, 10, 123.45),
        (0x04, 1, 1.2345),
        (0x0A, 1, 123450.0),
        (0x0D, 2, 246900000.0),
    ],
)
def test_energy_is_counter_times_coefficient_times_unit(code: int, coefficient: int | None, kwh: float) -> None:
    properties = {ENERGY: (12345).to_bytes(4, "big"), ENERGY_UNIT: bytes((code,))}
    if coefficient is not None:
        properties[COEFFICIENT] = coefficient.to_bytes(4, "big")
    assert values(properties) == {"energy": pytest.approx(kwh * 3.6e6)}


@pytest.mark.bad_input(78)
def test_energy_without_its_unit_is_not_reported() -> None:
    assert values({POWER: bytes(4), ENERGY: bytes(4)}) == {"power": 0.0}


@pytest.mark.bad_input(77)
def test_counters_without_data() -> None:
    properties = {ENERGY: b"\xff\xff\xff\xfe", ENERGY_BACK: bytes(4), ENERGY_UNIT: b"\x01"}
    assert values(properties) == pytest.approx({"energy": math.nan, "energy.2": 0.0}, nan_ok=True)


@pytest.mark.bad_input(77)
def test_a_meter_that_has_only_some_properties() -> None:
    assert values({POWER: bytes(4), COEFFICIENT: b"", ENERGY_BACK: b""}, service=0x52) == {"power": 0.0}


@pytest.mark.bad_input(77, 78)
@pytest.mark.parametrize(
    "frame",
    [
        answer({POWER: b"", CURRENT: b""}, service=0x52),
        answer({}),
        answer({0xEA: bytes(11)}),
        answer({POWER: bytes(4)}, service=0x73),
        answer({POWER: bytes(4)}, service=0x62),
        answer({POWER: bytes(4)}, speaker=0x0EF001),
        answer({POWER: bytes(3)}),
        answer({CURRENT: bytes(2)}),
        answer({ENERGY: bytes(4), ENERGY_UNIT: b"\x05"}),
        answer({ENERGY: bytes(4), ENERGY_UNIT: b"\x01\x01"}),
        answer({ENERGY: (1_000_000).to_bytes(4, "big"), ENERGY_UNIT: b"\x01", DIGITS: b"\x06"}),
        answer({ENERGY: bytes(4), ENERGY_UNIT: b"\x01", DIGITS: b"\x00"}),
    ],
)
def test_what_is_no_reading_of_a_meter_is_refused(frame: Echonet) -> None:
    with pytest.raises(PermanentError):
        meter_values(frame)


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("end", range(len(CAPTURED)))
def test_half_a_frame_is_refused(end: int) -> None:
    with pytest.raises(PermanentError):
        read_frame(CAPTURED[:end])


@pytest.mark.parametrize(
    "data", [CAPTURED + b"\x00", b"\x10\x82" + CAPTURED[2:], CAPTURED[:11] + b"\x02" + CAPTURED[12:] + CAPTURED[12:]]
)
def test_other_frames_are_refused(data: bytes) -> None:
    with pytest.raises(PermanentError):
        read_frame(data)


@pytest.mark.parametrize(
    "said",
    [
        {"power": -1500.0, "current": 5.0, "current.2": -0.5, "energy": 1234.5 * 3.6e6, "energy.2": 0.0},
        {"power": math.nan, "current": math.nan, "current.2": math.nan, "energy": math.nan},
        {"current.2": 1.5, "current": math.nan},
    ],
)
def test_what_a_stand_in_says_is_what_it_was_told(said: dict[str, float]) -> None:
    assert values(meter_properties(said), service=0x52) == pytest.approx(said, nan_ok=True)


@pytest.mark.parametrize("said", [{"power": 3e9}, {"current": 4000.0}, {"energy": 1e18}, {"energy": -1e6}])
def test_values_without_room_are_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        meter_properties(said)


@given(st.binary(max_size=80) | st.binary(max_size=60).map(lambda tail: CAPTURED[:10] + tail))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        assert frame_bytes(read_frame(data)) == data
        meter_values(read_frame(data))
    except PermanentError:
        pass
