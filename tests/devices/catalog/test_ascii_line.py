from __future__ import annotations

import math
from typing import Any

import pytest

from devices.catalog.ascii_line import DEVICE, LineOptions, StandIn
from devices.model import Decoded, DeviceSpec, PermanentError, TransientError
from devices.wires.misbehaviour import Misbehaviour
from tests.devices.frames import frame
from tests.devices.wires.line import Line, line_to, scripted

# a made-up gauge in the manner of Japanese road gauges: asked by address, centimetres, xor behind ETX in hexadecimal
ASKED: dict[str, Any] = {
    "framing": "stx_etx",
    "after_etx": 2,
    "pattern": r"\x0201(?P<depth>[ \d]{3}|---)(?P<state>[NE])\x03(?P<checksum>[0-9A-F]{2})",
    "values": {
        "depth": {"quantity": "snow_depth", "unit": "cm", "sentinels": ["---"], "max": 500},
        "state": {"quantity": "device_fault", "words": {"N": 0, "E": 1}},
    },
    "checksum": {"kind": "xor", "skip_first": 1},
    "examples": ["\x0201123N\x037C", "\x0201 87N\x0363", "\x0201---E\x036A"],
    "poll": "\x0501\r",
    "baud": 2400,
    "bytesize": 7,
    "parity": "E",
}


def configured(**changes: object) -> DeviceSpec:
    assert DEVICE.configure is not None
    return DEVICE.configure({**ASKED, **changes})


def test_the_profile_of_a_site_becomes_a_model() -> None:
    spec = configured()
    assert spec.quantities == ("snow_depth", "device_fault")
    assert spec.decode(frame(spec, b"\x0201123N\x037C")).values == {"snow_depth": 1.23, "device_fault": 0}
    assert math.isnan(spec.decode(frame(spec, b"\x0201---E\x036A")).values["snow_depth"])
    assert spec.serial is not None
    assert (spec.serial.baud, spec.serial.bytesize, spec.serial.parity, spec.serial.stopbits) == (2400, 7, "E", 1)
    assert spec.resolutions["snow_depth"] == 0.01
    assert spec.distance_compensated
    assert not configured(distance_compensated=False).distance_compensated


@pytest.mark.parametrize(
    "payload",
    [
        b"\x0201123N\x037D",
        b"\x0201123N\x037C\r",
        b"\x0202123N\x037F",
        b"\x0201999N\x037C",
        b"\x0201123N\x03",
        b"",
        b"x" * 300,
    ],
)
def test_what_is_no_frame_of_the_profile_is_refused(payload: bytes) -> None:
    spec = configured()
    with pytest.raises(PermanentError):
        spec.decode(frame(spec, payload))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"examples": ASKED["examples"][:2]}, ["3 different frames"]),
        ({"baud": 1, "parity": "X", "bytesize": 9, "colour": 1}, ["baud", "parity", "bytesize", "colour is unknown"]),
        ({"pattern": "("}, ["pattern"]),
        ({"pattern": None}, ["pattern"]),
    ],
)
def test_every_wrong_option_is_named(changes: dict[str, Any], told: list[str]) -> None:
    with pytest.raises(PermanentError) as caught:
        configured(**changes)
    assert [part for part in ["ascii_line", *told] if part not in str(caught.value)] == []


def test_without_a_description_there_is_no_model() -> None:
    assert DEVICE.configure is not None
    with pytest.raises(PermanentError, match=r"pattern is needed; values is needed; examples is needed"):
        DEVICE.configure({})


@pytest.mark.parametrize(
    ("said", "payload"),
    [
        ({"snow_depth": 0.07, "device_fault": 0.0}, b"\x0201007N\x037B"),
        ({"snow_depth": math.nan, "device_fault": 1.0}, b"\x0201---E\x036A"),
    ],
)
def test_the_simulator_writes_as_the_first_example(said: dict[str, float], payload: bytes) -> None:
    assert configured().encode(Decoded(values=said)).payload == payload


@pytest.mark.parametrize(
    "said",
    [
        {"snow_depth": 12.3, "device_fault": 0.0},
        {"snow_depth": -0.1, "device_fault": 0.0},
        {"snow_depth": math.inf, "device_fault": 0.0},
        {"snow_depth": 1.0, "device_fault": 2.0},
        {"snow_depth": 1.0},
        {"distance": 1.0},
        {},
    ],
)
def test_what_has_no_room_in_the_frame_is_refused(said: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        configured().encode(Decoded(values=said))


SAYS = Decoded(values={"snow_depth": 1.23, "device_fault": 0.0})
FRAME = b"\x0201123N\x037C"


def test_an_instrument_with_a_poll_text_is_asked() -> None:
    polling = configured().polling
    assert polling is not None
    line = line_to(polling.instrument(""), SAYS)
    assert line.run(polling.session(""), measurements=2) == [FRAME, FRAME]
    assert line.requests == [b"\x0501\r"] * 2
    assert line_to(polling.instrument(""), SAYS).run(polling.probe("")) == [FRAME]
    assert configured(poll="").polling is None


@pytest.mark.parametrize(
    "answer", [b"\x0501\r" + FRAME, b"OK>\r\n" + FRAME, FRAME[:5] + FRAME, b"\x0201123N\x037D" + FRAME]
)
def test_the_frame_is_found_in_what_is_heard(answer: bytes) -> None:
    polling = configured().polling
    assert polling is not None
    assert scripted({b"\x0501\r": [answer]}).run(polling.session("")) == [FRAME]


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        (Misbehaviour(is_silent=True), "does not answer"),
        (Misbehaviour(cuts_bytes=1), "without a frame of its own"),
        (Misbehaviour(is_silent=True, has_echo=True), "without a frame"),
    ],
)
def test_after_three_tries_the_fault_is_told(faults: Misbehaviour, told: str) -> None:
    polling = configured().polling
    assert polling is not None
    line = line_to(StandIn("", LineOptions.model_validate(ASKED), faults), SAYS)
    with pytest.raises(TransientError, match=told):
        line.run(polling.session(""))
    assert len(line.requests) == 3


@pytest.mark.parametrize(("poll", "address"), [("\x0501\r", "02"), ("\x05{address}\r", "")])
def test_a_bus_address_and_the_poll_text_must_fit(poll: str, address: str) -> None:
    polling = configured(poll=poll).polling
    assert polling is not None
    for begin in (polling.session, polling.probe):
        with pytest.raises(PermanentError, match="bus_address"):
            scripted({}).run(begin(address))
    with pytest.raises(PermanentError, match="bus_address"):
        polling.instrument(address)


def test_instruments_that_share_a_line_are_told_apart() -> None:
    shared = configured(
        poll="\x05{address}\r",
        pattern=ASKED["pattern"].replace("01", r"(?P<address>\d\d)"),
    ).polling
    assert shared is not None
    gauges = [shared.instrument("01"), shared.instrument("02")]
    line = Line(answer=lambda request: [answer for gauge in gauges for answer in gauge.hear(request, SAYS)])
    assert line.run(shared.session("02")) == [b"\x0202123N\x037F"]
    assert line.run(shared.session("01")) == [FRAME]
    with pytest.raises(TransientError, match="of its own"):
        scripted({b"\x0502\r": [FRAME]}).run(shared.session("02"))
    alone = configured().polling
    assert alone is not None
    assert line_to(alone.instrument("01"), SAYS).run(alone.session("01")) == [FRAME]


def test_the_stand_in_keeps_half_a_request() -> None:
    polling = configured().polling
    assert polling is not None
    instrument = polling.instrument("")
    assert instrument.hear(b"noise\x050", SAYS) == []
    assert instrument.hear(b"1\r", SAYS) == [(0.1, FRAME)]


def test_frames_are_gathered_where_the_site_wants_it() -> None:
    assert configured().gathering is None
    gathering = configured(gather_s=30, poll="").gathering
    assert gathering is not None
    assert gathering.interval_s == 30
    depths_m = [1.0, math.nan, 1.2, 5.0]
    frames = tuple(Decoded(values={"snow_depth": d, "device_fault": float(n)}) for n, d in enumerate(depths_m))
    assert gathering.combine(frames).values == {"snow_depth": 1.2, "device_fault": 3.0}
    assert math.isnan(gathering.combine((Decoded(values={"snow_depth": math.nan}),)).values["snow_depth"])


def test_the_bare_model_stands_for_its_example() -> None:
    assert DEVICE.configure is not None
    assert DEVICE.configure(DEVICE.example_options).quantities == DEVICE.quantities == ("snow_depth", "air_temperature")
    assert DEVICE.decode(frame(DEVICE, b"SD+1234 T-05.2 F2\r")).values["snow_depth"] == 1.234
