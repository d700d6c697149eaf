"""SDI-12 without a line: checksums, values, identification, transcripts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.sdi12 import (
    command_of,
    crc_of,
    crc_text,
    identification_of,
    promise_of,
    read_transcript,
    transcript_bytes,
    values_of,
)


@pytest.mark.parametrize(
    "line",
    [
        "0+3.14OqZ",
        "0+3.14+2.718+1.414Ipz",
        "0+1.11+2.22+3.33+4.44+5.55+6.66I]q",
        "0+7.77+8.88+9.99IvW",
    ],
)
def test_the_lines_of_the_specification(line: str) -> None:
    assert crc_text(line[:-3]) == line[-3:]
    assert len(values_of(line, address="0", has_crc=True)) == line.count("+")


def test_the_crc_itself() -> None:
    assert crc_of("0+3.14") == 0xFC5A


@pytest.mark.bad_input(17)
@pytest.mark.parametrize("bit", range(7))
@pytest.mark.parametrize("place", range(9))
def test_one_wrong_bit_is_noticed(place: int, bit: int) -> None:
    line = "0+3.14OqZ"
    spoilt = line[:place] + chr(ord(line[place]) ^ 1 << bit) + line[place + 1 :]
    with pytest.raises(PermanentError):
        values_of(spoilt, address="0", has_crc=True)


@pytest.mark.bad_input(17)
@given(st.lists(st.integers(-9999, 9999), min_size=1, max_size=9))
def test_whatever_characters_the_crc_has_it_is_cut_by_position(numbers: list[int]) -> None:
    text = "0" + "".join(f"{number / 1000:+.3f}" for number in numbers)
    assert values_of(text + crc_text(text), address="0", has_crc=True) == tuple(number / 1000 for number in numbers)


@pytest.mark.bad_input(17)
def test_a_crc_with_del_in_it() -> None:
    texts = (f"0+{number}" for number in range(10_000))
    text = next(text for text in texts if "\x7f" in crc_text(text))
    assert values_of(text + crc_text(text), address="0", has_crc=True) == (float(text[1:]),)


@pytest.mark.parametrize(
    ("line", "values"),
    [
        ("0+1.838+194", (1.838, 194.0)),
        ("0-0.5+.5-5.", (-0.5, 0.5, -5.0)),
        ("0+1234567", (1234567.0,)),
        ("0-999.00", (-999.0,)),
        ("0", ()),
    ],
)
def test_values(line: str, values: tuple[float, ...]) -> None:
    assert values_of(line, address="0", has_crc=False) == values


@pytest.mark.bad_input(22)
@pytest.mark.parametrize(
    "line",
    ["01.838", "0+1.8.3", "0+1,838", "0+12345678", "0+", "0+-1", "0+1.838x", "0+1 +2", "0+.", "0+1e3", "0+１"],
)
def test_what_is_no_value_is_refused(line: str) -> None:
    with pytest.raises(PermanentError):
        values_of(line, address="0", has_crc=False)


def test_more_than_75_characters_are_refused() -> None:
    values_of("0" + "+1.234" * 12, address="0", has_crc=False)
    with pytest.raises(PermanentError, match="78 characters"):
        values_of("0" + "+1.234" * 13, address="0", has_crc=False)


@pytest.mark.bad_input(16)
def test_another_address_is_refused() -> None:
    with pytest.raises(PermanentError, match="address 0 was asked, '1' answers"):
        values_of("1+1.838", address="0", has_crc=False)


@pytest.mark.parametrize(("line", "kind", "ready_s", "count"), [("00013", "M", 1, 3), ("099912", "C", 999, 12)])
def test_promises(line: str, kind: str, ready_s: int, count: int) -> None:
    promise = promise_of(line, address="0", kind=kind)
    assert (promise.ready_s, promise.count) == (ready_s, count)


@pytest.mark.parametrize(("line", "kind"), [("0001", "M"), ("000133", "M"), ("00013", "C"), ("0+013", "M"), ("0", "M")])
def test_other_promises_are_refused(line: str, kind: str) -> None:
    with pytest.raises(PermanentError):
        promise_of(line, address="0", kind=kind)


def test_identifications_of_the_manuals() -> None:
    campbell = identification_of("013CAMPBELLSR50A 2.0SN12345", address="0")
    assert (campbell.vendor, campbell.model, campbell.version, campbell.free) == ("CAMPBELL", "SR50A", "2.0", "SN12345")
    lufft = identification_of("013Lufft.deSHM31m010", address="0")
    assert (lufft.sdi12_version, lufft.vendor, lufft.model, lufft.version) == ("13", "Lufft.de", "SHM31m", "010")
    snowvue = identification_of("314CampbellSnowVU10 SN=12345", address="3")
    assert (snowvue.vendor, snowvue.model, snowvue.free) == ("Campbell", "SnowVU", "SN=12345")


@pytest.mark.parametrize("line", ["0", "0XXCAMPBELLSR50A", "013CAMPBELL", "013CAMP\x07BELLSR50A 2.0", "00013"])
def test_no_identification(line: str) -> None:
    with pytest.raises(PermanentError):
        identification_of(line, address="0")


@pytest.mark.parametrize("text", ["M", "M1", "MC9", "C", "CC1", "R0", "RC9"])
def test_commands_that_measure(text: str) -> None:
    assert command_of(text).text == text


@pytest.mark.parametrize("text", ["M0", "R", "V", "A1", "XM;1", "D0", "I", "", "M1!", "m"])
def test_commands_that_do_not_are_refused(text: str) -> None:
    with pytest.raises(PermanentError):
        command_of(text)


IDENT = ("I", "013CAMPBELLSR50A 2.0SN12345")


@pytest.mark.bad_input(23)
@pytest.mark.parametrize(
    "exchanges",
    [
        [IDENT],
        [("M3", "00013"), ("D0", "0+1+2+3")],
        [IDENT, ("M3", "00013"), ("D0", "0+1+2")],
        [IDENT, ("M3", "00013"), ("D0", "0+1+2+3+4")],
        [IDENT, ("M3", "00013"), ("D1", "0+1+2+3")],
        [IDENT, ("M3", "00013"), ("D0", "1+1+2+3")],
        [IDENT, ("MC3", "00013"), ("D0", "0+1+2+3")],
        [IDENT, ("R0", "0+1"), ("D0", "0+1")],
    ],
)
def test_a_transcript_that_is_not_whole_is_refused(exchanges: list[tuple[str, str]]) -> None:
    with pytest.raises(PermanentError):
        read_transcript(transcript_bytes("0", exchanges))


@pytest.mark.bad_input(23)
def test_values_may_stand_in_two_data_lines() -> None:
    exchanges = [IDENT, ("M3", "00013"), ("D0", "0+1.838+194"), ("D1", "0-10.25")]
    assert read_transcript(transcript_bytes("0", exchanges)).values == (1.838, 194.0, -10.25)


@given(st.binary(max_size=120) | st.text("0123456789ACDIMR+-.!\r\n", max_size=120).map(str.encode))
def test_any_bytes_are_a_transcript_or_refused(payload: bytes) -> None:
    try:
        transcript = read_transcript(payload)
    except PermanentError:
        return
    assert payload.startswith(transcript.identification.address.encode())
