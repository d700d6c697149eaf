"""Sommer gauges (USH-8/9) by the generic line profile: what a terminal or a wrong CRC does to them is never a depth.

The frames are made after the maker's description (devices.md 2.7): index (2) and value (8 wide, right-aligned) between
bars. The six CRCs of commands are printed in the manual of the USH-9.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from devices.catalog.ascii_line import DEVICE
from devices.model import DeviceSpec, PermanentError
from tests.devices.frames import frame

PRINTED = (
    "#W0001$mt|BE85;",
    "#A0001ok$mt|4FA9;",
    "#R0001B|228E;",
    "#A0001B=300|F8B3;",
    "#R0001_010cv|EA62;",
    "#W0000$mt|89B5;",
)


def crc(data: bytes) -> int:
    """The ZMODEM table form that the maker uses: without the two zero bytes of a stock XMODEM routine."""
    found = 0
    for byte in data:
        rest = found & 0xFF00
        for _ in range(8):
            rest = (rest << 1 ^ (0x1021 if rest & 0x8000 else 0)) & 0xFFFF
        found = rest ^ (found << 8 & 0xFFFF) ^ byte
    return found


def line(depth: str, temperature: str = "-5.3", *, first_index: int = 1) -> str:
    body = f"#M0001G01se{first_index:02}{depth:>8}|{first_index + 1:02}{temperature:>8}|"
    return f"{body}{crc(body.encode()):04X};"


def profile(**changes: object) -> dict[str, Any]:
    return {
        "pattern": r"#M0001G01se01(?P<depth>[ \d.+-]{8})\|02(?P<temperature>[ \d.+-]{8})\|(?P<checksum>[0-9A-F]{4});",
        "values": {
            "depth": {"quantity": "snow_depth", "unit": "mm", "sentinels": [9_999_998, 9_999_999], "max": 4_000},
            "temperature": {"quantity": "air_temperature", "sentinels": [9999.998, 9999.999]},
        },
        "checksum": {"kind": "crc16_sommer"},
        "examples": [line("1234"), line("87", "-12.0"), line("0", "0.4")],
        **changes,
    }


def configured(**changes: object) -> DeviceSpec:
    assert DEVICE.configure is not None
    return DEVICE.configure(profile(**changes))


@pytest.mark.parametrize("printed", PRINTED)
def test_the_crc_is_the_one_that_the_manual_prints(printed: str) -> None:
    body, _, rest = printed.rpartition("|")
    assert f"{crc((body + '|').encode()):04X};" == rest


def test_a_whole_frame_is_read() -> None:
    spec = configured()
    assert spec.decode(frame(spec, line("1234").encode() + b"\r\n")).values == {
        "snow_depth": 1.234, "air_temperature": -5.3,
    }  # fmt: skip


@pytest.mark.bad_input(39)
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(line("1234").replace(" ", ""), id="blanks removed by a terminal"),
        pytest.param(line("1234").replace("   ", " "), id="blanks collapsed"),
        pytest.param(line("1234", first_index=0), id="index from 00 (firmware before 2)"),
        pytest.param(line("1234")[:-1], id="cut"),
    ],
)
def test_a_frame_of_another_shape_is_refused(text: str) -> None:
    spec = configured()
    with pytest.raises(PermanentError):
        spec.decode(frame(spec, text.encode() + b"\r\n"))


@pytest.mark.bad_input(39)
@pytest.mark.parametrize("number", ["9999998", "9999999"])
def test_an_exception_number_is_no_depth(number: str) -> None:
    spec = configured()
    said = spec.decode(frame(spec, line(number, "9999.998").encode() + b"\r\n")).values
    assert all(math.isnan(value) for value in said.values())


@pytest.mark.bad_input(39)
def test_a_wrong_crc_is_refused() -> None:
    spec = configured()
    good = line("1234")
    for at in range(12, len(good) - 1):
        wrong = good[:at] + chr(ord(good[at]) ^ 1) + good[at + 1 :]
        with pytest.raises(PermanentError):
            spec.decode(frame(spec, wrong.encode() + b"\r\n"))


@pytest.mark.bad_input(39)
def test_a_profile_with_the_stock_xmodem_crc_is_refused_by_the_frames_themselves() -> None:
    with pytest.raises(PermanentError, match="checksum is"):
        configured(checksum={"kind": "crc16_xmodem"})


@pytest.mark.bad_input(40)
def test_a_depth_beyond_the_bound_that_the_mount_allows_is_refused() -> None:
    """A gauge whose "distance to zero" was never set counts from 10 m: bare ground is a snowpack of 7 m."""
    spec = configured()
    with pytest.raises(PermanentError, match="is not between"):
        spec.decode(frame(spec, line("7000").encode() + b"\r\n"))
