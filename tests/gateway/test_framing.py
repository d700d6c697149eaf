from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.maxbotix_mb7374 import DEVICE
from gateway.sources.framing import Cut, Framer

assert DEVICE.serial is not None
LINE = DEVICE.serial


def framer() -> Framer:
    return Framer(LINE, baud=9600)


def past_first() -> Framer:
    made = framer()
    made.feed(b"R1111\r", now_s=0.0)
    return made


def test_only_the_first_frame_after_opening_is_marked() -> None:
    assert framer().feed(b"234\rR1234\r", now_s=0.0) == [
        Cut(payload=b"234\r", is_first=True),
        Cut(payload=b"R1234\r"),
    ]


@given(st.lists(st.integers(1, 7), min_size=30, max_size=60))
def test_frames_come_out_however_the_bytes_are_cut(sizes: list[int]) -> None:
    stream = b"".join(b"R%04d\r" % (1000 + i) for i in range(12))
    made, cuts, at = framer(), [], 0
    for size in sizes:
        cuts += made.feed(stream[at : at + size], now_s=0.0)
        at += size
    cuts += made.feed(stream[at:], now_s=0.0)
    assert [cut.payload for cut in cuts] == [b"R%04d\r" % (1000 + i) for i in range(12)]


def test_a_megabyte_without_an_end_gives_one_cut_and_the_next_frame_is_whole() -> None:
    made = past_first()
    cuts = [cut for _ in range(256) for cut in made.feed(b"x" * 4096, now_s=1.0)]
    cuts += made.feed(b"tail\rR1234\rR1235\r", now_s=1.0)
    assert [(cut.fault, cut.is_first) for cut in cuts] == [("oversize", False), ("", True), ("", False), ("", False)]
    assert cuts[2].payload == b"R1234\r"
    assert made.take_cut_bytes() == 255 * 4096
    assert made.take_cut_bytes() == 0


def test_a_whole_frame_that_is_too_long_is_one_fault() -> None:
    made = past_first()
    cuts = made.feed(b"y" * 500 + b"\rR1234\r", now_s=1.0)
    assert [(cut.payload[:5], cut.fault) for cut in cuts] == [(b"yyyyy", "oversize"), (b"R1234", "")]


def test_the_rest_never_grows_beyond_its_bound() -> None:
    made = framer()
    for _ in range(100):
        made.feed(bytes(random.Random(7).randbytes(4096)).replace(b"\r", b"-"), now_s=0.0)
        assert len(made._rest) <= LINE.max_frame_bytes


@pytest.mark.parametrize("wait_s", [2.5, 60.0, 86_400.0])
def test_a_frame_that_does_not_end_in_time_is_cut(wait_s: float) -> None:
    made = past_first()
    assert made.feed(b"R12", now_s=10.0) == []
    assert made.feed(b"", now_s=10.0 + wait_s) == [Cut(payload=b"R12", fault="incomplete")]
    assert made.feed(b"R1234\r", now_s=10.0 + wait_s) == [Cut(payload=b"R1234\r", is_first=True)]


def test_dribbled_bytes_do_not_push_the_deadline_away() -> None:
    made = past_first()
    cuts = []
    for tenths in range(50):
        cuts += made.feed(b"z", now_s=10.0 + tenths / 10)
    assert [cut.fault for cut in cuts] == ["incomplete"]


def test_a_slow_frame_within_its_time_is_whole() -> None:
    made = past_first()
    cuts = []
    for at, byte in enumerate(b"R1234\r"):
        cuts += made.feed(bytes([byte]), now_s=10.0 + at * 0.3)
    assert cuts == [Cut(payload=b"R1234\r")]
