from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.campbell import Packet, checked_address, checksum, read_packet, split, write_packet

WORKED = b"\x0233;1838;194;11011;2C\r\n\x03"


def test_the_worked_packet_of_the_manual() -> None:
    assert checksum(b"\x0233;1838;194;11011;\r\n\x03") == 0x2C
    assert read_packet(WORKED) == Packet(address="33", fields=("1838", "194", "11011"))
    assert write_packet(Packet(address="33", fields=("1838", "194", "11011"))) == WORKED


def with_sum_of(summed: bytes) -> bytes:
    return b"\x0233;1838;194;11011;%02X\r\n\x03" % (-sum(summed) & 0xFF)


@pytest.mark.bad_input(29)
def test_a_checksum_in_lower_case_is_read() -> None:
    assert read_packet(WORKED.replace(b"2C", b"2c")).fields[0] == "1838"


@pytest.mark.bad_input(29, 30)
@pytest.mark.parametrize(
    "raw",
    [
        with_sum_of(b"33;1838;194;11011;"),
        with_sum_of(b"\x0233;1838;194;11011;\r\n"),
        with_sum_of(b"\x0233;1838;194;11011;\r\n\x03\x03"),
        WORKED.replace(b"2C", b"2B"),
        WORKED.replace(b"2C", b"2D"),
        WORKED.replace(b"2C", b"C"),
        WORKED[:-1],
        WORKED[1:],
        WORKED + WORKED,
        WORKED[:-1] + WORKED,
        WORKED.replace(b"\r\n", b""),
        WORKED.replace(b"33;", b"3;"),
        WORKED.replace(b"1838", b""),
        WORKED.replace(b"1838", b"1836"),
        b"\x0233;2C\r\n\x03",
        b"",
    ],
    ids=[
        "sum without STX and ETX",
        "sum without ETX",
        "sum with two ETX",
        "one less",
        "one more",
        "one digit",
        "no ETX",
        "no STX",
        "two",
        "no ETX, next STX",
        "no line end",
        "short address",
        "no distance",
        "one bit",
        "no field",
        "nothing",
    ],
)
def test_a_damaged_packet_is_refused(raw: bytes) -> None:
    with pytest.raises(PermanentError):
        read_packet(raw)


@pytest.mark.bad_input(30)
@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (WORKED + WORKED, [WORKED, WORKED], b""),
        (WORKED[:-1] + WORKED, [WORKED[:-1], WORKED], b""),
        (WORKED[:9] + WORKED + WORKED[:4], [WORKED[:9], WORKED], WORKED[:4]),
        (b"noise" + WORKED, [b"noise", WORKED], b""),
        (b"\x03" + WORKED, [b"\x03", WORKED], b""),
        (b"\x02" * 3, [b"\x02", b"\x02"], b"\x02"),
        (b"", [], b""),
    ],
)
def test_packets_are_found_again_after_anything(buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    assert split(buffer) == (frames, rest)


@given(
    pieces=st.lists(st.sampled_from([WORKED, WORKED[:9], WORKED[1:], b"\x02", b"\x03"]) | st.binary(max_size=6)),
    cuts=st.lists(st.integers(0, 200), max_size=6),
)
def test_no_byte_is_lost_however_the_line_is_read(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    whole, whole_rest = split(data)
    assert b"".join(whole) + whole_rest == data
    found, rest = [], b""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        frames, rest = split(rest + data[start:end])
        found += frames
    assert (found, rest) == (whole, whole_rest)


@given(raw=st.binary(max_size=80), at=st.integers(0, len(WORKED) - 1), bit=st.integers(0, 7))
def test_any_bytes_are_read_or_refused_and_one_wrong_bit_is_always_noticed(raw: bytes, at: int, bit: int) -> None:
    with suppress(PermanentError):
        read_packet(raw)
    damaged = WORKED[:at] + bytes([WORKED[at] ^ 1 << bit]) + WORKED[at + 1 :]
    if damaged.upper() != WORKED:
        with pytest.raises(PermanentError):
            read_packet(damaged)


@pytest.mark.parametrize("address", ["3", "333", "3;", "３３", "\x0233", " 3"])
def test_an_address_is_two_ascii_characters(address: str) -> None:
    with pytest.raises(PermanentError, match="bus_address"):
        checked_address(address, default="33")
    assert checked_address("", default="33") == "33"
    assert checked_address("aZ", default="33") == "aZ"
