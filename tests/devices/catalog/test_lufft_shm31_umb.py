"""Lufft SHM 31 on the UMB bus."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.lufft_shm31_umb import DEVICE, configure, probe, session, stand_in
from devices.model import Decoded, Frame, PermanentError, TransientError
from devices.wires.misbehaviour import Misbehaviour
from devices.wires.umb import TYPE_FLOAT, TYPE_U8, UmbFrame, answer_payload, channel_request, frame_bytes
from tests.devices.wires.line import Line, line_to, scripted

SAYS = Decoded(values={"snow_depth": 0.354997, "device_fault": 0.0, "device_temperature": -7.5})


def depth(value_cm: float) -> bytes:
    return answer_payload(channel=604, value_type=TYPE_FLOAT, value=value_cm)


def code(channel: int, value: int) -> bytes:
    return answer_payload(channel=channel, value_type=TYPE_U8, value=value)


def frame(answers: dict[int, bytes]) -> Frame:
    payload = b""
    for channel, answer in answers.items():
        reply = frame_bytes(UmbFrame(to=0xF001, sender=0xB001, command=0x23, payload=answer))
        payload += channel_request(address=0xB001, channel=channel) + reply
    return Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)


def measured(answers: dict[int, bytes]) -> dict[str, float]:
    return dict(DEVICE.decode(frame(answers)).values)


def test_a_depth_and_no_error() -> None:
    answer = bytes.fromhex("00 5C02 16 B1FF0D42")
    values = measured({604: answer, 4100: code(4100, 0), 4101: code(4101, 0)})
    assert values == {"snow_depth": pytest.approx(0.354997, abs=1e-6), "device_fault": 0.0}


@pytest.mark.bad_input(36)
@pytest.mark.parametrize("channel", [4100, 4101])
@pytest.mark.parametrize("number", [1, 15, 70, 255])
def test_a_depth_beside_an_error_code_may_be_the_last_one_repeated(channel: int, number: int) -> None:
    codes = {4100: code(4100, 0), 4101: code(4101, 0)} | {channel: code(channel, number)}
    values = measured({604: depth(35.5), **codes})
    assert math.isnan(values["snow_depth"])
    assert values["device_fault"] == number


@pytest.mark.bad_input(36)
def test_a_code_that_the_site_calls_usable_does_not_spoil_the_depth() -> None:
    spec = configure({"usable_codes": [15]})
    for number, is_reading in ((15, True), (16, False)):
        answers = {604: depth(35.5), 4100: code(4100, number), 4101: code(4101, 0)}
        values = spec.decode(frame(answers)).values
        assert values["device_fault"] == number
        assert math.isnan(values["snow_depth"]) is not is_reading


@pytest.mark.bad_input(31)
@pytest.mark.parametrize(("status", "fault"), [(0x28, 0.0), (0x54, 340.0), (0x55, 341.0), (0xFF, 511.0)])
def test_no_depth_while_defrosting_is_no_fault_but_other_statuses_are(status: int, fault: float) -> None:
    values = measured({604: bytes((status,)), 4100: code(4100, 0), 4101: code(4101, 0)})
    assert math.isnan(values["snow_depth"])
    assert values["device_fault"] == fault


@pytest.mark.bad_input(35)
@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 1e-40])
def test_no_number_is_no_depth(number: float) -> None:
    answer = depth(0.0)[:4] + struct.pack("<f", number)
    assert math.isnan(measured({604: answer, 4100: code(4100, 0), 4101: code(4101, 0)})["snow_depth"])


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {604: depth(35.5)},
        {604: depth(35.5), 4100: b"\x24", 4101: b"\x24"},
        {604: b"\x24", 4100: code(4100, 0)},
        {4100: code(4100, 0)},
        {604: depth(35.5), 4100: code(4100, 0), 601: depth(1.0)},
    ],
)
def test_without_depth_or_any_error_code_nothing_is_said(answers: dict[int, bytes]) -> None:
    with pytest.raises(PermanentError):
        measured(answers)


def read(line: Line, address: str = "") -> dict[str, float]:
    (payload,) = line.run(session(address))
    return dict(
        DEVICE.decode(Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)).values
    )


@pytest.mark.parametrize("address", ["B001", "b00a", "BFFF"])
def test_the_dialogue_with_its_stand_in(address: str) -> None:
    line = line_to(stand_in(address), SAYS)
    assert read(line, address) == pytest.approx(dict(SAYS.values), abs=1e-6)
    assert len(line.requests) == 4


@pytest.mark.parametrize(
    "faults",
    [Misbehaviour(has_echo=True), Misbehaviour(garbage=b"\x01\x10\x00\xff"), Misbehaviour(garbage=b"\x02SS;1\r\n\x04")],
)
def test_echo_and_noise_do_not_disturb(faults: Misbehaviour) -> None:
    assert read(line_to(stand_in("", faults), SAYS))["snow_depth"] == pytest.approx(0.354997)


@pytest.mark.bad_input(32, 38)
@pytest.mark.parametrize(
    ("faults", "what"),
    [
        (Misbehaviour(is_silent=True), "no answer; is it set to another protocol"),
        (Misbehaviour(is_silent=True, has_echo=True), "no whole frame"),
        (Misbehaviour(has_wrong_checksum=True), "no whole frame with a good CRC"),
        (Misbehaviour(answers_as="B002"), "0xB002 speaks instead"),
        (Misbehaviour(cuts_bytes=3), "no whole frame"),
    ],
)
def test_faults_are_named_after_three_tries(faults: Misbehaviour, what: str) -> None:
    line = line_to(stand_in("", faults), SAYS)
    with pytest.raises(TransientError, match=what):
        line.run(session(""))
    assert len(line.requests) == 3


@pytest.mark.bad_input(37)
def test_the_answer_to_an_older_request_is_dropped() -> None:
    late = frame_bytes(UmbFrame(to=0xF001, sender=0xB001, command=0x23, payload=code(4100, 0)))
    good = frame_bytes(UmbFrame(to=0xF001, sender=0xB001, command=0x23, payload=depth(35.5)))
    line = scripted({channel_request(address=0xB001, channel=604): [late, good]})
    with pytest.raises(TransientError, match="channel 4100"):
        line.run(session(""))
    assert line.requests[:3] == [channel_request(address=0xB001, channel=604)] * 2 + [
        channel_request(address=0xB001, channel=4100)
    ]


def test_a_device_without_channel_604_is_another_one() -> None:
    answer = frame_bytes(UmbFrame(to=0xF001, sender=0xB001, command=0x23, payload=b"\x24"))
    for dialogue in (session(""), probe("")):
        line = scripted({channel_request(address=0xB001, channel=604): [answer]})
        with pytest.raises(PermanentError, match="has no channel 604"):
            line.run(dialogue)


def test_a_probe_reads_one_channel_once() -> None:
    line = line_to(stand_in("B002"), SAYS)
    line.run(probe("B002"))
    assert line.requests == [channel_request(address=0xB002, channel=604)]


@pytest.mark.parametrize("address", ["F001", "1", "B0010", "B00g", "0xB1"])
def test_addresses_of_other_classes_are_refused(address: str) -> None:
    with pytest.raises(PermanentError, match="bus_address"):
        session(address)


@pytest.mark.parametrize("options", [{"usable_codes": [0]}, {"usable_codes": [256]}, {"codes": []}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="options of lufft_shm31_umb"):
        configure(options)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_whatever_is_answered_the_dialogue_ends_in_a_measurement_or_an_error(answers: list[bytes]) -> None:
    coming = iter(answers)
    line = Line(answer=lambda request: [(0.01, next(coming, b""))])
    with pytest.raises((TransientError, PermanentError)):
        line.run(session(""))
