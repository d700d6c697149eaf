from __future__ import annotations

import math

import pytest

from devices.catalog.maxbotix_mb7374 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


def distance(payload: bytes) -> float:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert set(decoded.values) == {"distance"}
    assert (decoded.seq, decoded.observed_ns) == (None, None)
    return decoded.values["distance"]


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"R1234\r", 1.234),
        (b"R0501\r", 0.501),
        (b"R4999\r", 4.999),
        (b"R1234 \r", 1.234),
        (b"\nR1234\r", 1.234),
        (b"R5000\r", math.nan),
        (b"R0500\r", math.nan),
        (b"R0300\r", math.nan),
    ],
    ids=["plain", "nearest", "farthest", "blank of the USB models", "LF before", "no target", "clipped", "clipped WR"],
)
def test_a_frame_is_a_distance_or_no_reading(payload: bytes, expected: float) -> None:
    assert distance(payload) == pytest.approx(expected, nan_ok=True, abs=0)


@pytest.mark.parametrize(
    "payload",
    [
        b"R12\r",
        b"R123\r",
        b"R12345\r",
        b"R1234R1235\r",
        b"R1234  \r",
        b" R1234\r",
        b"r1234\r",
        b"R-123\r",
        b"R12.4\r",
        b"R008 P1\r",
        b"R0000\r",
        b"R9999\r",
        b"R5001\r",
        b"HRXL-MaxSonar-WRL\r",
        b"PN:MB7386\r",
        b"Copyright 2011-2013 MaxBotix Inc.\r",
        b"RoHS 1.8b090\r",
        b"0713 TempI\r",
        "R１２３４\r".encode(),
        b"\xad\xcd\xcf\xcf\xcb\xf2\r",
        b"\x00R1234\r",
        b"R1234\r\r",
        b"\r",
        b"",
    ],
)
def test_what_is_not_exactly_a_frame_is_refused(payload: bytes) -> None:
    with pytest.raises(PermanentError):
        distance(payload)


@pytest.mark.parametrize(
    ("buffer", "frames", "rest"),
    [
        (b"R1234\rR1235\rR12", [b"R1234\r", b"R1235\r"], b"R12"),
        (b"R1234\r\nR1235\r\n", [b"R1234\r", b"\nR1235\r"], b"\n"),
        (b"\r\r", [], b""),
        (b"", [], b""),
        (b"x" * 1_000_000, [], b"x" * 1_000_000),
    ],
    ids=["two and a half", "CR LF", "empty", "nothing", "no end"],
)
def test_a_line_is_cut_at_cr(buffer: bytes, frames: list[bytes], rest: bytes) -> None:
    assert DEVICE.serial is not None
    assert DEVICE.serial.split(buffer) == (frames, rest)


def test_the_bound_of_a_frame_has_room_for_every_banner_line() -> None:
    assert DEVICE.serial is not None
    assert len(b"Copyright 2011-2013 MaxBotix Inc.\r") <= DEVICE.serial.max_frame_bytes <= 256


@pytest.mark.parametrize(
    ("value", "payload"),
    [(1.2344, b"R1234\r"), (math.nan, b"R5000\r"), (7.0, b"R5000\r"), (0.2, b"R0500\r"), (4.9999, b"R5000\r")],
)
def test_the_simulator_says_what_the_sensor_would(value: float, payload: bytes) -> None:
    assert DEVICE.encode(Decoded(values={"distance": value})).payload == payload


def test_nothing_to_say_is_refused() -> None:
    with pytest.raises(PermanentError, match="distance"):
        DEVICE.encode(Decoded(values={"snr": 1.0}))
