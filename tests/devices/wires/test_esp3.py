"""The vectors are byte lists of the tests of kipe/enocean (MIT), and the worked frames of the device notes."""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.esp3 import (
    LINE,
    MOST_BODY_BYTES,
    RESPONSE,
    VERSION_REQUEST,
    Packet,
    crc8,
    read_packet,
    read_version,
    split,
    write_packet,
)
from tests.devices.frames import shared_vectors

FOUR_BS = bytes.fromhex("55000a0701eba5000055080181b7440001ffffffff2d0075")
CONTACT = bytes.fromhex("55000707017ad50801825dab0001ffffffff360053")


def vectors() -> list[dict[str, object]]:
    return shared_vectors("serial_enocean/esp3_telegrams.jsonl")


def test_the_crc_is_the_worked_one() -> None:
    assert crc8(bytes.fromhex("000a0701")) == 0xEB
    assert crc8(FOUR_BS[6:-1]) == 0x75


def test_every_vector_is_read_or_refused_as_its_source_says() -> None:
    records = vectors()
    assert len(records) == 16
    for record in records:
        raw = bytes.fromhex(str(record["frame_hex"]))
        frames, rest = split(raw)
        if record["crc_ok"]:
            assert (frames, rest) == ([raw], b""), record["id"]
            packet = read_packet(raw)
            assert write_packet(packet) == raw
        else:
            with pytest.raises(PermanentError):
                read_packet(raw)


def test_data_and_optional_data_are_told_apart() -> None:
    packet = read_packet(FOUR_BS)
    assert packet == Packet(
        kind=1, data=bytes.fromhex("a5000055080181b74400"), optional=bytes.fromhex("01ffffffff2d00")
    )


@pytest.mark.bad_input(43)
@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (FOUR_BS + CONTACT, [FOUR_BS, CONTACT], b""),
        (b"\x55" + CONTACT, [b"\x55", CONTACT], b""),
        (b"\x00\x12" + CONTACT, [b"\x00\x12", CONTACT], b""),
        (FOUR_BS[:9] + CONTACT + FOUR_BS, [FOUR_BS[:9], CONTACT, FOUR_BS], b""),
        (CONTACT[:-1] + b"\x00" + FOUR_BS, [CONTACT[:-1] + b"\x00", FOUR_BS], b""),
        (CONTACT + CONTACT[:7], [CONTACT], CONTACT[:7]),
        (b"\x55\xff\xff\x07\x01" + bytes([crc8(b"\xff\xff\x07\x01")]) + CONTACT, None, b""),
        (b"\x55\x00\x00\x00\x00\x00" + CONTACT, [b"\x55\x00\x00\x00\x00\x00", CONTACT], b""),
        (b"\x55" + bytes(9) + CONTACT, [b"\x55" + bytes(9), CONTACT], b""),
        (CONTACT + b"\x0d\x0a", [CONTACT], b"\x0d\x0a"),
        (b"", [], b""),
    ],
    ids=[
        "two",
        "a sync too many",
        "noise before",
        "a cut packet before",
        "wrong data CRC",
        "half",
        "length 65,535",
        "length 0",
        "no data with right checksums",
        "bytes behind",
        "nothing",
    ],
)
def test_packets_are_found_again_after_anything(buffer: bytes, frames: list[bytes] | None, rest: bytes) -> None:
    expected = [buffer[: -len(CONTACT)], CONTACT] if frames is None else frames
    assert split(buffer) == (expected, rest)


@pytest.mark.bad_input(43)
def test_a_packet_with_sync_bytes_inside_is_one() -> None:
    packet = Packet(kind=1, data=b"\x55" * 10 + b"\x55\x00\x07\x07\x01\x7a", optional=b"\x55")
    raw = write_packet(packet)
    assert split(raw + CONTACT) == ([raw, CONTACT], b"")
    assert split(raw[1:] + CONTACT)[0][-1] == CONTACT


@given(
    pieces=st.lists(
        st.sampled_from(
            [FOUR_BS, CONTACT, CONTACT[:-1], b"\x55", FOUR_BS[1:], VERSION_REQUEST, b"\x55\x00\x07\x07\x01"]
        )
        | st.binary(max_size=12)
    ),
    cuts=st.lists(st.integers(0, 400), max_size=8),
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


@given(noise=st.binary(max_size=40).filter(lambda noise: b"\x55" not in noise))
def test_a_packet_after_noise_without_a_sync_byte_is_always_found(noise: bytes) -> None:
    assert split(noise + CONTACT)[0][-1] == CONTACT


@pytest.mark.parametrize(
    "raw", [b"", CONTACT[:-1], CONTACT + b"\x00", b"\x00" + CONTACT, CONTACT * 2, b"\x54" + CONTACT[1:]]
)
def test_what_is_not_exactly_one_packet_is_refused(raw: bytes) -> None:
    with pytest.raises(PermanentError):
        read_packet(raw)


@given(kind=st.integers(0, 255), data=st.binary(min_size=1, max_size=200), optional=st.binary(max_size=56))
def test_what_is_written_is_read_again(kind: int, data: bytes, optional: bytes) -> None:
    packet = Packet(kind=kind, data=data, optional=optional)
    assert read_packet(write_packet(packet)) == packet


@pytest.mark.parametrize(
    "packet", [Packet(kind=1, data=b""), Packet(kind=1, data=bytes(MOST_BODY_BYTES), optional=b"1")]
)
def test_an_empty_or_endless_packet_is_not_written(packet: Packet) -> None:
    with pytest.raises(PermanentError):
        write_packet(packet)


def test_the_line_has_room_for_the_longest_packet_after_noise() -> None:
    assert LINE.baud == 57_600
    assert LINE.max_frame_bytes > len(write_packet(Packet(kind=1, data=bytes(MOST_BODY_BYTES))))


def version_answer(*, code: int = 0, size: int = 33) -> bytes:
    data = bytes([code, 2, 11, 1, 0, 2, 6, 3, 0]) + bytes.fromhex("0183ABCD454f0103") + b"GATEWAYCTRL\0\0\0\0\0"
    return write_packet(Packet(kind=RESPONSE, data=data[:size]))


def test_a_stick_says_who_it_is() -> None:
    assert read_packet(VERSION_REQUEST) == Packet(kind=5, data=b"\x03")
    version = read_version(version_answer())
    assert (version.app_version, version.api_version) == ("2.11.1.0", "2.6.3.0")
    assert (version.chip_id, version.description) == ("0183abcd", "GATEWAYCTRL")


@pytest.mark.parametrize("raw", [version_answer(code=2), version_answer(size=32), CONTACT, VERSION_REQUEST, b""])
def test_another_answer_is_no_version(raw: bytes) -> None:
    with pytest.raises(PermanentError):
        read_version(raw)


@given(raw=st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    for piece in split(raw)[0]:
        with suppress(PermanentError):
            read_packet(piece)
        with suppress(PermanentError):
            read_version(piece)
