"""Lufft UMB: the frames of the manuals, and what is none."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import PermanentError
from devices.wires.umb import (
    TYPE_FLOAT,
    TYPE_U8,
    UmbFrame,
    answer_payload,
    channel_answer,
    channel_request,
    crc_of,
    frame_at,
    frame_bytes,
    frames_in,
    requested_channel,
)

ASK = bytes.fromhex("011001B001F00402 2310 5C02 03 3059 04")
REPLY = bytes.fromhex("011001F001B00A02 2310 00 5C02 16 B1FF0D42 03 DEBC 04")
TO_ASCII = bytes.fromhex("011001B001F00602 2210 75000109 03 7125 04")
RESET = bytes.fromhex("011001B001F00302 2510 10 03 EC44 04")
# OttHydromet/node-red-umbparser, test/test.js (MIT)
STATUS_OK = bytes.fromhex("011001F001500302 2610 00 03 4DF7 04")
STATUS_55 = bytes.fromhex("011001F001500302 2610 55 03 025A 04")
TWO_CHANNELS = bytes.fromhex("011001F001501402 2F10 0002 0800C800160000C841 0600A00F12FF00 03 45E6 04")
FIVE_CHANNELS = bytes.fromhex(
    "011001F009703102 2F10 0005 0800C80016ABF82942 0C005802170000000000000000 08005C1214D3000000 0600205712 0F05"
    "0600245E120000 03 F424 04"
)
FRAMES = [ASK, REPLY, TO_ASCII, RESET, STATUS_OK, STATUS_55, TWO_CHANNELS, FIVE_CHANNELS]


@pytest.mark.parametrize("data", FRAMES)
def test_the_frames_of_the_maker(data: bytes) -> None:
    found = frame_at(data, 0)
    assert found is not None
    frame, end = found
    assert end == len(data)
    assert frame_bytes(frame) == data


def test_the_checksums_of_the_manual() -> None:
    assert [crc_of(data[:-3]) for data in (ASK, REPLY)] == [0x5930, 0xBCDE]


def test_channel_604_of_the_manual() -> None:
    assert channel_request(address=0xB001, channel=604) == ASK
    answer = channel_answer(frames_in(REPLY)[0][0], address=0xB001, channel=604, value_type=TYPE_FLOAT)
    assert answer.value == pytest.approx(35.4997, abs=1e-4)
    assert requested_channel(frames_in(ASK)[0][0]) == 604


@pytest.mark.bad_input(33)
@given(st.lists(st.sampled_from([0x01, 0x02, 0x03, 0x04, 0x10]), max_size=40).map(bytes))
def test_framing_bytes_inside_the_payload(payload: bytes) -> None:
    frame = UmbFrame(to=0x0102, sender=0x0304, command=0x03, payload=payload)
    assert frame_at(frame_bytes(frame), 0) == (frame, len(payload) + 14)


@pytest.mark.bad_input(34)
@pytest.mark.parametrize("length", [0, 1, 9, 11, 200, 243, 244, 255])
def test_a_length_that_is_not_true(length: int) -> None:
    data = REPLY[:6] + bytes((length,)) + REPLY[7:]
    assert frame_at(data + bytes(300), 0) is None


@pytest.mark.parametrize("place", range(len(REPLY)))
@pytest.mark.parametrize("bit", range(8))
def test_one_wrong_bit_is_noticed(place: int, bit: int) -> None:
    data = REPLY[:place] + bytes((REPLY[place] ^ 1 << bit,)) + REPLY[place + 1 :]
    assert frames_in(data) == []


@pytest.mark.bad_input(34)
@pytest.mark.parametrize("end", range(len(REPLY)))
def test_half_a_frame_is_none_yet(end: int) -> None:
    assert frames_in(REPLY[:end]) == []


@pytest.mark.bad_input(37)
def test_an_ascii_telegram_around_and_between_frames_is_passed_over() -> None:
    telegram = b"\x02B001:4E:SS;1=085;003.0117;+02.1253;185;+15;17.8;15:00:8E\r\n\x04"
    changed = telegram.replace(b":", b"|").replace(b";", b",")
    data = telegram + ASK + changed + REPLY + telegram
    assert [frame_bytes(frame) for frame, _ in frames_in(data)] == [ASK, REPLY]


def reply(payload: bytes, *, sender: int = 0xB001, to: int = 0xF001, command: int = 0x23) -> UmbFrame:
    return UmbFrame(to=to, sender=sender, command=command, payload=payload)


GOOD = b"\x00\x5c\x02\x16" + struct.pack("<f", 35.5)


@pytest.mark.bad_input(32, 34)
@pytest.mark.parametrize(
    "frame",
    [
        reply(GOOD, sender=0xB002),
        reply(GOOD, to=0x0000),
        reply(GOOD, to=0xF000),
        reply(GOOD, command=0x26),
        reply(b""),
        reply(b"\x00"),
        reply(GOOD[:-1]),
        reply(GOOD + b"\x00"),
        reply(b"\x00\x5d" + GOOD[2:]),
        reply(GOOD[:3] + b"\x14" + GOOD[4:]),
        reply(GOOD[:3] + b"\x18" + GOOD[4:]),
        reply(answer_payload(channel=604, value_type=TYPE_U8, value=35)),
    ],
)
def test_another_device_channel_type_or_length_is_refused(frame: UmbFrame) -> None:
    with pytest.raises(PermanentError):
        channel_answer(frame, address=0xB001, channel=604, value_type=TYPE_FLOAT)


@pytest.mark.bad_input(31)
@pytest.mark.parametrize("status", [0x10, 0x24, 0x28, 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0xFF])
@pytest.mark.parametrize("rest", [b"", b"\x5c\x02", GOOD[1:]])
def test_a_status_brings_no_value_whatever_follows(status: int, rest: bytes) -> None:
    frame = reply(bytes((status,)) + rest)
    answer = channel_answer(frame, address=0xB001, channel=604, value_type=TYPE_FLOAT)
    assert answer.status == status
    assert math.isnan(answer.value)


@pytest.mark.bad_input(35)
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (b"\x00\x00\xc0\x7f", math.nan),
        (b"\x00\x00\x80\x7f", math.nan),
        (b"\x00\x00\x80\xff", math.nan),
        (b"\x01\x00\x00\x00", math.nan),
        (b"\xff\xff\x7f\x80", math.nan),
        (b"\x00\x00\x00\x80", 0.0),
        (b"\x00\x00\x00\x00", 0.0),
        (b"\x00\x00\x80\x00", 1.1754943508222875e-38),
    ],
)
def test_odd_floats(number: bytes, expected: float) -> None:
    value = channel_answer(
        reply(GOOD[:4] + number), address=0xB001, channel=604, value_type=TYPE_FLOAT
    ).value  # fmt: skip
    assert math.isnan(value) if math.isnan(expected) else (value, math.copysign(1, value)) == (expected, 1)


@pytest.mark.parametrize(("value_type", "value"), [(TYPE_U8, 256.0), (TYPE_U8, -1.0), (TYPE_FLOAT, 1e39)])
def test_a_value_without_room_is_refused(value_type: int, value: float) -> None:
    with pytest.raises(PermanentError, match="no room"):
        answer_payload(channel=1, value_type=value_type, value=value)


def test_a_payload_without_room_is_refused() -> None:
    with pytest.raises(PermanentError, match="have room"):
        frame_bytes(reply(bytes(242)))


@given(st.binary(max_size=100), st.sampled_from(FRAMES), st.binary(max_size=100))
def test_noise_does_not_hide_a_frame(before: bytes, data: bytes, after: bytes) -> None:
    frame = frame_at(data, 0)
    assert frame is not None
    assert frame[0] in [found for found, _ in frames_in(before + data + after)] or b"\x01\x10" in before
