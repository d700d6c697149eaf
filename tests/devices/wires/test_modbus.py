"""Modbus RTU frames, and register maps as data."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, PermanentError
from devices.wires.modbus import (
    Read,
    Refusal,
    answer_in,
    crc_bytes,
    read_of,
    refusal_answer,
    registers_answer,
    registers_of,
    request_bytes,
    unit_of,
    why_none,
)
from devices.wires.modbus_map import Image, RegisterMap, decode_image, encode_image

READ = Read(unit=1, function=4, address=0, count=1)
GOOD = bytes.fromhex("010402FFFFB880")


@pytest.mark.parametrize(
    ("body", "crc"), [("010402FFFF", "B880"), ("010300000001", "840A"), ("018402", "C2C1")]
)  # fmt: skip
def test_the_published_checksums(body: str, crc: str) -> None:
    assert crc_bytes(bytes.fromhex(body)) == bytes.fromhex(crc)


def test_the_published_frames() -> None:
    assert request_bytes(Read(unit=1, function=3, address=0, count=1)) == bytes.fromhex("010300000001840A")
    assert registers_answer(READ, [0xFFFF]) == GOOD
    assert refusal_answer(unit=1, function=4, code=2) == bytes.fromhex("018402C2C1")
    assert registers_of(READ, GOOD) == [0xFFFF]
    refusal = registers_of(READ, bytes.fromhex("018402C2C1"))
    assert refusal == Refusal(code=2, text="illegal data address", is_lasting=True)


ECHO = request_bytes(READ)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize(
    "heard",
    [
        GOOD,
        ECHO + GOOD,
        b"\x00\xff" + GOOD,
        registers_answer(Read(unit=2, function=4, address=0, count=1), [7]) + GOOD,
        registers_answer(Read(unit=1, function=4, address=0, count=2), [7, 8]) + GOOD,
        GOOD + GOOD,
        GOOD[:4] + GOOD,
    ],
)
def test_the_answer_is_found_wherever_it_stands(heard: bytes) -> None:
    frame, end = answer_in(READ, heard)
    assert frame == GOOD
    assert heard[:end].endswith(GOOD)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize(
    ("heard", "why"),
    [
        (b"", "no answer"),
        (ECHO, "only the own echo"),
        (GOOD[:-1] + b"\x81", "wrong CRC"),
        (GOOD[:-1], "wrong CRC"),
        (GOOD[:3], "wrong CRC"),
        (registers_answer(Read(unit=2, function=4, address=0, count=1), [7]), "unit 2 answers"),
        (registers_answer(Read(unit=1, function=3, address=0, count=1), [7]), "no answer"),
        (registers_answer(Read(unit=1, function=4, address=0, count=2), [7, 8]), "not the length of 1 registers"),
        (b"\xff" * 7, "no answer"),
    ],
)
def test_what_is_no_answer_is_told(heard: bytes, why: str) -> None:
    assert answer_in(READ, heard) == (b"", 0)
    assert why in why_none(READ, heard)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize("bit", range(8 * len(GOOD)))
def test_one_wrong_bit_is_noticed(bit: int) -> None:
    spoilt = bytearray(GOOD)
    spoilt[bit // 8] ^= 1 << bit % 8
    assert answer_in(READ, bytes(spoilt)) == (b"", 0)
    with pytest.raises(PermanentError):
        registers_of(READ, bytes(spoilt))


@pytest.mark.parametrize(
    "read",
    [
        Read(unit=1, function=4, address=0, count=126),
        Read(unit=1, function=4, address=0, count=0),
        Read(unit=1, function=4, address=65535, count=2),
        Read(unit=1, function=6, address=0, count=1),
    ],
)
def test_impossible_requests_are_refused(read: Read) -> None:
    with pytest.raises(PermanentError):
        request_bytes(read)


@given(st.integers(1, 247), st.sampled_from([3, 4]), st.integers(0, 65_411), st.integers(1, 125))
def test_a_request_says_what_it_asks(unit: int, function: int, address: int, count: int) -> None:
    read = Read(unit=unit, function=function, address=address, count=count)
    assert read_of(request_bytes(read)) == read


@pytest.mark.parametrize(
    "frame", [b"", GOOD, ECHO[:-1], ECHO[:-1] + b"\x00", refusal_answer(unit=1, function=4, code=2)]
)
def test_what_is_no_request_is_refused(frame: bytes) -> None:
    with pytest.raises(PermanentError):
        read_of(frame)


@pytest.mark.parametrize("text", ["0", "248", "x", "1.0", "-1", "１", "0x1"])
def test_units_that_do_not_exist(text: str) -> None:
    with pytest.raises(PermanentError, match="no Modbus unit"):
        unit_of(text)


def test_the_usual_unit() -> None:
    assert (unit_of(""), unit_of("247")) == (1, 247)


def one(**fields: object) -> RegisterMap:
    register = {"address": 0, "quantity": "snow_depth", **fields}
    return RegisterMap.model_validate({"registers": [register]})


def read_words(register_map: RegisterMap, words: list[int]) -> float:
    image: Image = {(4, index): word for index, word in enumerate(words)}
    (value,) = decode_image(register_map, image).values.values()
    return value


@pytest.mark.parametrize(
    ("fields", "words", "expected"),
    [
        ({"unit": "mm"}, [1234], 1.234),
        ({"unit": "mm", "type": "s16"}, [0xFFFF], -0.001),
        ({"type": "u32", "unit": "mm"}, [0, 1234], 1.234),
        ({"type": "u32", "unit": "mm", "word_order": "CDAB"}, [1234, 0], 1.234),
        ({"type": "s32", "unit": "mm"}, [0xFFFF, 0xFB2E], -1.234),
        ({"type": "f32"}, [0x3F9D, 0xF3B6], 1.234),
        ({"type": "f32", "word_order": "CDAB"}, [0xF3B6, 0x3F9D], 1.234),
        ({"type": "f32", "word_order": "BADC"}, [0x9D3F, 0xB6F3], 1.234),
        ({"type": "f32", "word_order": "DCBA"}, [0xB6F3, 0x9D3F], 1.234),
        ({"quantity": "air_temperature", "type": "s16", "scale": 0.1, "offset": -40}, [100], -30.0),
        ({"quantity": "air_temperature", "unit": "degF", "type": "s16"}, [14], -10.0),
        ({"quantity": "pressure", "unit": "hPa", "scale": 0.1}, [9876], 98760.0),
        ({"sentinels": []}, [0xFFFF], 65535.0),
    ],
)
def test_types_orders_scales_and_units(fields: dict[str, object], words: list[int], expected: float) -> None:
    assert read_words(one(**fields), words) == pytest.approx(expected, rel=1e-6)


@pytest.mark.bad_input(42)
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, [0xFFFF]),
        ({"type": "s16"}, [0x7FFF]),
        ({"type": "s16"}, [0x8000]),
        ({"type": "u32"}, [0xFFFF, 0xFFFF]),
        ({"type": "s32"}, [0x7FFF, 0xFFFF]),
        ({"type": "s32", "word_order": "CDAB"}, [0x0000, 0x8000]),
        ({"type": "f32"}, [0x7FC0, 0]),
        ({"type": "f32"}, [0x7F80, 0]),
        ({"type": "f32", "sentinels": [-9999]}, list(struct.unpack(">HH", struct.pack(">f", -9999)))),
        ({"sentinels": [0, 9999]}, [9999]),
    ],
)
def test_sentinels_are_no_reading(fields: dict[str, object], words: list[int]) -> None:
    assert math.isnan(read_words(one(**fields), words))


@pytest.mark.bad_input(42)
@pytest.mark.parametrize("value", [1.5, -0.5, 14.0, 250.0, 2.25])
@pytest.mark.parametrize("order", ["CDAB", "BADC", "DCBA"])
def test_a_float_in_another_word_order_is_never_a_depth(value: float, order: str) -> None:
    image = encode_image(one(type="f32", word_order=order), Decoded(values={"snow_depth": value}))
    words = [image[4, 0], image[4, 1]]
    try:
        misread = read_words(one(type="f32", minimum=-0.5, maximum=20), words)
    except PermanentError:
        return
    assert math.isnan(misread)


@pytest.mark.parametrize("value", [1e-45, -1e-20, 1e-19])
def test_a_float_that_a_wrong_order_could_make_is_sent_as_nothing_much(value: float) -> None:
    register_map = one(quantity="air_temperature", type="f32")
    image = encode_image(register_map, Decoded(values={"air_temperature": value}))
    assert read_words(register_map, [image[4, 0], image[4, 1]]) == pytest.approx(0.0, abs=1e-18)


@pytest.mark.parametrize(("minimum", "maximum", "word"), [(1, 20, 0), (0, 2, 3)])
def test_a_value_beyond_its_limits_is_refused(minimum: float, maximum: float, word: int) -> None:
    with pytest.raises(PermanentError, match="beyond its limit"):
        read_words(one(minimum=minimum, maximum=maximum), [word])


def test_neighbours_are_read_together_and_nothing_between() -> None:
    register_map = RegisterMap.model_validate(
        {
            "first": 30001,
            "block_registers": 4,
            "registers": [
                {"address": 30001, "quantity": "snow_depth"},
                {"address": 30002, "quantity": "air_temperature", "type": "s16"},
                {"address": 30003, "quantity": "supply_voltage", "type": "f32"},
                {"address": 30005, "quantity": "voltage"},
                {"address": 30010, "quantity": "power", "type": "s32"},
                {"address": 30001, "function": 3, "quantity": "current"},
            ],
        }
    )
    assert [(read.function, read.address, read.count) for read in register_map.reads(9)] == [
        (3, 0, 1),
        (4, 0, 4),
        (4, 4, 1),
        (4, 9, 2),
    ]


def test_a_register_between_two_that_nobody_listed_is_not_read() -> None:
    registers = [{"address": 0, "quantity": "snow_depth"}, {"address": 2, "quantity": "power"}]
    reads = RegisterMap.model_validate({"registers": registers}).reads(1)
    assert [(read.address, read.count) for read in reads] == [(0, 1), (2, 1)]


def test_one_register_may_be_two_quantities() -> None:
    registers = [{"address": 5, "quantity": "snow_depth"}, {"address": 5, "quantity": "distance", "unit": "mm"}]
    register_map = RegisterMap.model_validate({"registers": registers})
    assert [read.count for read in register_map.reads(1)] == [1]
    assert decode_image(register_map, {(4, 5): 7}).values == {"snow_depth": 7.0, "distance": 0.007}


def test_a_register_that_did_not_come_is_an_error() -> None:
    with pytest.raises(PermanentError, match=r"register 0 .* is not in the answers"):
        decode_image(one(), {(3, 0): 1})


@pytest.mark.parametrize(
    "values", [{}, {"air_temperature": 1.0}, {"snow_depth": 65.536}, {"snow_depth": -0.002}, {"snow_depth": 1e9}]
)
def test_values_without_room_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        encode_image(one(unit="mm"), Decoded(values=values))


def test_no_reading_needs_a_sentinel() -> None:
    with pytest.raises(PermanentError, match="no sentinel"):
        encode_image(one(sentinels=[]), Decoded(values={"snow_depth": math.nan}))
