from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from devices.model import PermanentError
from devices.wires.line_profile import Checksum, Profile, Value, split

MAXBOTIX: dict[str, Any] = {
    "pattern": r"R(?P<mm>\d{4})",
    "values": {"mm": {"quantity": "distance", "unit": "mm", "sentinels": [5000], "min": 300, "max": 5000}},
    "examples": ["R1234\r", "R0480\r", "R5000\r"],
    "ignored": [r"PN:MB\d{4}"],
}
# the worked packet of the SR50A manual, and two made like it
SR50A: dict[str, Any] = {
    "framing": "stx_etx",
    "pattern": r"\x0233;(?P<d>\d{4}|-999);(?P<q>\d{1,3});[01]{5};(?P<checksum>[0-9A-Fa-f]{2})\r\n\x03",
    "values": {"d": {"quantity": "distance", "unit": "mm", "sentinels": ["-999"]}, "q": {"quantity": "echo_quality"}},
    "checksum": {"kind": "neg_sum8", "range": "all_but"},
    "examples": [
        "\x0233;1838;194;11011;2C\r\n\x03",
        "\x0233;1839;194;11011;2B\r\n\x03",
        "\x0233;1840;194;11011;33\r\n\x03",
    ],
}


def profile(base: dict[str, Any] | None = None, **changes: object) -> Profile:
    return Profile.model_validate({**(MAXBOTIX if base is None else base), **changes})


def said(frame: bytes) -> dict[str, float]:
    return dict(profile().read(frame).values)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("xor", "31"),
        ("sum8", "DD"),
        ("neg_sum8", "23"),
        ("crc16_arc", "BB3D"),
        ("crc16_modbus", "4B37"),
        ("crc16_xmodem", "31C3"),
        ("crc16_ccitt_false", "29B1"),
    ],
)
def test_the_checksums_have_the_check_values_of_the_catalogue_of_crcs(kind: str, expected: str) -> None:
    digits = len(expected)
    checksum = Checksum.model_validate({"kind": kind})
    assert checksum.text_of("123456789" + "0" * digits, (9, 9 + digits)) == expected


@pytest.mark.bad_input(39)
@pytest.mark.parametrize("command", ["#W0001$mt|BE85;", "#A0001ok$mt|4FA9;", "#R0001B|228E;", "#R0001_010cv|EA62;"])
def test_the_checksum_of_the_sommer_bus_is_that_of_the_commands_in_its_manual(command: str) -> None:
    start = command.index("|") + 1
    wanted = Checksum.model_validate({"kind": "crc16_sommer"}).text_of(command, (start, start + 4))
    assert wanted == command[start:-1]
    assert Checksum.model_validate({"kind": "crc16_xmodem"}).text_of(command, (start, start + 4)) != wanted


@pytest.mark.parametrize(
    ("options", "frame", "span", "expected"),
    [
        ({"skip_first": 1, "skip_last": 1}, "$GPGGA*00", (7, 9), "56"),
        ({"form": "decimal"}, "AB000", (2, 5), "003"),
        ({"form": "bytes", "skip_first": 1}, "\x02AB\x03?", (4, 5), "\x00"),
        ({"kind": "crc16_modbus", "byte_order": "little"}, "1234567890000", (9, 13), "374B"),
        ({"range": "all_but", "kind": "sum8"}, "AB00C", (2, 4), "C6"),
        ({"range": "all_but", "kind": "sum8", "skip_first": 1, "skip_last": 1}, "AB00C", (2, 4), "42"),
        ({"skip_first": 5}, "AB00", (2, 4), "00"),
    ],
)
def test_what_is_summed_and_how_it_is_written(
    options: dict[str, Any], frame: str, span: tuple[int, int], expected: str
) -> None:
    assert Checksum.model_validate({"kind": "xor", **options}).text_of(frame, span) == expected


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"R1234\r", {"distance": 1.234}),
        (b"R1234\r\n", {"distance": 1.234}),
        (b"\nR1234\r", {"distance": 1.234}),
        (b"PN:MB7386\r", {}),
    ],
)
def test_a_line_is_read_from_end_to_end(frame: bytes, expected: dict[str, float]) -> None:
    assert said(frame) == expected
    assert math.isnan(said(b"R5000\r")["distance"])


@pytest.mark.parametrize(
    "frame",
    [b"R12345\r", b"R123\r", b" R1234\r", b"R1234 \r", b"xR1234\r", b"R1234R1235\r", b"R0299\r", b"R5001\r", b"\r", b"",
     b"PN:MB738\r", b"\xd21234\r", "R１２３４\r".encode()],
)  # fmt: skip
def test_what_does_not_match_completely_is_refused(frame: bytes) -> None:
    with pytest.raises(PermanentError):
        said(frame)


def test_a_packet_with_its_checksum_inside_is_read() -> None:
    described = profile(SR50A)
    assert described.read(b"\x0233;1838;194;11011;2C\r\n\x03").values == {"distance": 1.838, "echo_quality": 194}
    assert described.read(b"\x0233;1838;194;11011;2c\r\n\x03").values["distance"] == 1.838
    for damaged in (b"\x0233;1838;194;11011;2D\r\n\x03", b"\x0233;1837;194;11011;2C\r\n\x03"):
        with pytest.raises(PermanentError, match="checksum"):
            described.read(damaged)


def test_a_bare_checksum_byte_may_be_anything_and_no_other_byte_may() -> None:
    described = profile(
        framing="stx_etx",
        after_etx=1,
        pattern=r"\x02(?P<mm>[0-9.]{4})(?P<flag>.)\x03(?P<checksum>[\s\S])",
        values={
            "mm": {"quantity": "distance", "unit": "mm"},
            "flag": {"quantity": "battery_low", "words": {"L": 1, "-": 0}},
        },
        checksum={"kind": "xor", "form": "bytes", "skip_first": 1},
        examples=["\x021234L\x03\x4b", "\x021234-\x03\x2a", "\x021235L\x03\x4a"],
        ignored=[],
    )  # fmt: skip
    assert described.read(b"\x021234L\x03\x4b").values == {"distance": 1.234, "battery_low": 1}
    frame = b"\x021234\xcc\x03"
    with pytest.raises(PermanentError, match="0x80"):
        described.read(frame + bytes([0xCB]))


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        ("1234", {}, 1234.0),
        ("-05.2", {}, -5.2),
        ("+ 5", {}, 5.0),
        ("-  5", {}, -5.0),
        (" 12.5 ", {}, 12.5),
        (".5", {}, 0.5),
        ("12.", {}, 12.0),
        ("123", {"scale": 0.1}, 12.3),
        ("123", {"scale": 0.1, "offset": -40}, -27.7),
        ("-9999", {"sentinels": [-9999]}, math.nan),
        ("-9999.0", {"sentinels": [-9999]}, math.nan),
        ("----", {"sentinels": ["----"]}, math.nan),
        (" ERR ", {"sentinels": ["ERR"]}, math.nan),
        ("LOW", {"words": {"LOW": -1}}, -1.0),
        ("-30", {"min": -30, "max": 50}, -30.0),
    ],
)
def test_the_text_of_a_group_is_a_number(text: str, options: dict[str, Any], expected: float) -> None:
    value = Value.model_validate({"quantity": "air_temperature", **options})
    assert value.value_of(text) == pytest.approx(expected, nan_ok=True, abs=0)


@pytest.mark.parametrize(
    "text", ["", " ", "-", "1,5", "1.2.3", "1e3", "0x10", "nan", "inf", "--5", "1 2", "１２", "51", "-31"]
)
def test_what_is_no_number_or_beyond_its_bounds_is_refused(text: str) -> None:
    value = Value.model_validate({"quantity": "air_temperature", "min": -30, "max": 50})
    with pytest.raises(PermanentError, match="air_temperature"):
        value.value_of(text)


@pytest.mark.parametrize(
    ("quantity", "unit", "text", "expected"),
    [
        ("snow_depth", "cm", "123.4", 1.234),
        ("snow_depth", "mm", "-12", -0.012),
        ("pressure", "hPa", "1013.2", 101_320.0),
        ("air_temperature", "K", "280.15", 7.0),
        ("air_temperature.2", "Cel", "7", 7.0),
        ("wind_speed", "km/h", "36", 10.0),
    ],
)
def test_units_are_converted_to_those_of_the_quantity(quantity: str, unit: str, text: str, expected: float) -> None:
    assert Value.model_validate({"quantity": quantity, "unit": unit}).value_of(text) == expected


def refused(base: dict[str, Any] | None = None, **changes: object) -> str:
    with pytest.raises(ValidationError) as caught:
        profile(base, **changes)
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"examples": ["R1234", "R1235"]}, ["3 different frames", "not 2"]),
        ({"examples": ["R1234"] * 5}, ["3 different frames", "not 1"]),
        ({"examples": ["R1234", "R1235", "R123", "X"]}, ["example 3 is not read", "example 4 is not read"]),
        ({"examples": ["R1234", "R1235", "R123６"]}, ["example 3 is not read"]),
        ({"examples": ["R1234", "R1235", "PN:MB7386"]}, ["example 3 is a line that is ignored"]),
        ({"examples": ["R5000", "R5000\r", "R5000\n"]}, ["no example says a value of distance"]),
        ({"pattern": r"R(?P<mm>\d{4}"}, ["pattern"]),
        ({"pattern": r"R(?P<cm>\d{4})"}, ["no group 'mm'", "group 'cm'"]),
        ({"pattern": r"R(?P<mm>\d{4})(?P<checksum>..)"}, ["group 'checksum'"]),
        ({"checksum": {"kind": "xor"}}, ["no group 'checksum'"]),
        ({"checksum": {"kind": "md5"}}, ["kind"]),
        ({"ignored": ["("]}, ["pattern '('"]),
        ({"values": {}}, ["values"]),
        ({"values": {"mm": {"quantity": "colour"}}}, ["'colour' is not in the table"]),
        ({"values": {"mm": {"quantity": "distance", "unit": "Pa"}}}, ["'Pa' does not measure distance", "mm"]),
        ({"values": {"mm": {"quantity": "distance", "scale": 0}}}, ["scale of 0"]),
        ({"values": {"mm": {"quantity": "distance", "scale": math.nan}}}, ["scale"]),
        ({"framing": "magic", "after_etx": 9, "colour": 1}, ["framing", "after_etx", "colour"]),
    ],
)
def test_a_description_that_does_not_fit_its_frames_is_refused(changes: dict[str, Any], told: list[str]) -> None:
    message = refused(**changes)
    assert [part for part in told if part not in message] == []


def test_two_groups_cannot_say_the_same() -> None:
    message = refused(
        pattern=r"R(?P<mm>\d{4})(?P<b>\d)", values={"mm": {"quantity": "distance"}, "b": {"quantity": "distance"}}
    )
    assert "two groups say distance" in message


def test_a_checksum_that_does_not_fit_the_examples_is_refused() -> None:
    assert "example 1 is not read: checksum" in refused(SR50A, checksum={"kind": "neg_sum8", "range": "before"})


def test_a_group_that_takes_no_part_says_nothing() -> None:
    described = profile(
        pattern=r"R(?P<mm>\d{4})(?: T(?P<t>-?\d+))?",
        values={**MAXBOTIX["values"], "t": {"quantity": "air_temperature"}},
        examples=["R1234", "R1235 T-5", "R1236"],
    )
    assert described.read(b"R1234\r").values == {"distance": 1.234}
    assert described.read(b"R1234 T-7\r").values == {"distance": 1.234, "air_temperature": -7.0}


@pytest.mark.parametrize(
    ("after_etx", "buffer", "frames", "rest"),
    [
        (0, b"\x02A\x03\x02B\x03", [b"\x02A\x03", b"\x02B\x03"], b""),
        (1, b"\x02A\x03\x02\x02B\x03\x03", [b"\x02A\x03\x02", b"\x02B\x03\x03"], b""),
        (1, b"\x02A\x03", [], b"\x02A\x03"),
        (0, b"\x02A\x02B\x03", [b"\x02A", b"\x02B\x03"], b""),
        (0, b"\x02A\x03\r\n\x02B\x03\r\n", [b"\x02A\x03", b"\x02B\x03"], b"\r\n"),
        (0, b"junk\x02A\x03", [b"junk", b"\x02A\x03"], b""),
    ],
)
def test_blocks_are_cut_at_stx_and_etx(after_etx: int, buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    assert split(buffer, profile(SR50A).model_copy(update={"after_etx": after_etx})) == (frames, rest)


@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (b"A\rB\r", [b"A\r", b"B\r"], b""),
        (b"A\r\nB\r\nC", [b"A\r", b"B\r"], b"C"),
        (b"\n\n\r ", [], b" "),
        (b"x" * 1_000_000, [], b"x" * 1_000_000),
    ],
)
def test_lines_are_cut_at_any_line_end(buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    began_s = time.monotonic()
    assert split(buffer, profile()) == (frames, rest)
    assert time.monotonic() - began_s < 1


@pytest.mark.parametrize("base", [MAXBOTIX, SR50A], ids=["line", "block"])
@given(
    pieces=st.lists(st.sampled_from([b"R1234\r\n", b"\x0233;1838;194;11011;2C\r\n\x03", b"\x02", b"\x03", b"\n"])
                    | st.binary(max_size=8)),
    cuts=st.lists(st.integers(0, 100), max_size=5),
    after_etx=st.integers(0, 2),
)  # fmt: skip
def test_however_a_line_is_read_the_frames_are_the_same(
    base: dict[str, Any], pieces: list[bytes], cuts: list[int], after_etx: int
) -> None:
    described = profile(base).model_copy(update={"after_etx": after_etx})
    cut = partial(split, profile=described)
    data = b"".join(pieces)
    found, rest = [], b""
    edges = [0, *sorted(min(edge, len(data)) for edge in cuts), len(data)]
    for start, end in pairwise(edges):
        frames, rest = cut(rest + data[start:end])
        found += frames
    assert (found, rest) == cut(data)
    for piece in found:
        with suppress(PermanentError):
            described.read(piece)
