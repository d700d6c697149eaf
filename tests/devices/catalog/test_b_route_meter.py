"""A smart meter over the B-route, with its stick."""

from __future__ import annotations

import logging
import math
import traceback
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.b_route_meter import DEVICE, configure, read_credentials, stand_in
from devices.model import Decoded, Frame, PermanentError, TransientError
from devices.polling import Session
from devices.wires.b_route import Credentials, metering, next_tid
from devices.wires.b_route_stick import BRouteStick, StickHabits
from devices.wires.echonet import METER, POWER, Echonet, frame_bytes
from devices.wires.misbehaviour import Misbehaviour
from tests.devices.wires.line import Line, line_to, scripted

RBID = "0123456789ABCDEF0123456789ABCDEF"
PASSWORD = "Secret-12345"
CREDENTIALS = Credentials(rbid=RBID, password=PASSWORD)
SAYS = Decoded(
    values={"power": 928.0, "current": 5.2, "current.2": 4.1, "energy": 1234.5 * 3.6e6, "energy.2": 0.1 * 3.6e6}
)
ADDRESS = "FE80:0000:0000:0000:9876:5432:9876:5432"
TAIL = b"FE80:0000:0000:0000:1234:5678:1234:5678 0E1A 0E1A 1234567812345678 1 "


def decoded(payload: bytes) -> dict[str, float]:
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    return dict(DEVICE.decode(frame).values)


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "b_route"
    path.write_text(f"{RBID[:8]} {RBID[8:]}\n{PASSWORD}\n", encoding="ascii")
    path.chmod(0o600)
    return path


@pytest.mark.bad_input(77)
@pytest.mark.parametrize("is_binary", [False, True])
@pytest.mark.parametrize("has_side", [False, True])
@pytest.mark.parametrize("faults", [Misbehaviour(), Misbehaviour(has_echo=True)])
def test_the_whole_session_with_every_kind_of_stick(
    password_file: Path, is_binary: bool, has_side: bool, faults: Misbehaviour
) -> None:
    polling = configure({"password_file": str(password_file)}).polling
    assert polling is not None
    line = line_to(BRouteStick(StickHabits(is_binary=is_binary, has_side=has_side, faults=faults)), SAYS)
    for payload in line.run(polling.session(""), measurements=3):
        assert decoded(payload) == pytest.approx(dict(SAYS.values))
    names = [request.split(b" ")[0].strip() for request in line.requests]
    scans = [b"SKSCAN"] * (1 + has_side)
    assert names == [
        b"SKVER", b"SKSREG", b"SKSETPWD", b"SKSETRBID", *scans, b"SKSREG", b"SKSREG", b"SKLL64", b"SKJOIN",
        b"SKSENDTO", b"SKSENDTO", b"SKSENDTO",
    ]  # fmt: skip


def test_every_step_ends_with_its_own_answer_and_not_with_patience() -> None:
    line = line_to(stand_in(), SAYS)
    line.run(metering(CREDENTIALS))
    assert line.now_s < 5


def test_at_least_20_seconds_between_requests() -> None:
    line = line_to(stand_in(), SAYS)
    line.run(metering(CREDENTIALS), measurements=3)
    assert line.rests_s == [20.0, None] * 2


@pytest.mark.bad_input(77)
def test_an_expired_session_is_joined_again() -> None:
    stick = stand_in()
    expired_after = 2

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        sent = sum(request.startswith(b"SKSENDTO") for request in line.requests)
        if request.startswith(b"SKSENDTO") and sent == expired_after:
            return [(0.01, stick.expire()), *stick.hear(request, SAYS)]
        return stick.hear(request, SAYS)

    line = Line(answer=answer)
    assert len(line.run(metering(CREDENTIALS), measurements=3)) == 3
    assert [request.split(b" ")[0] for request in line.requests].count(b"SKJOIN") == 2
    assert [request.split(b" ")[0] for request in line.requests].count(b"SKSCAN") == 1


def edit(stick: BRouteStick, change: dict[int, bytes], *, replaces: bool = True) -> Line:
    """A line on which what comes after the n-th SKSENDTO is changed."""

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        answers = stick.hear(request, SAYS)
        sent = sum(request.startswith(b"SKSENDTO") for request in line.requests)
        if request.startswith(b"SKSENDTO") and sent in change:
            return [(0.01, change[sent]), *([] if replaces else answers)]
        return answers

    line = Line(answer=answer)
    return line


@pytest.mark.bad_input(77)
def test_no_airtime_is_waited_for_minutes() -> None:
    spent = f"EVENT 32 {ADDRESS}\r\n".encode()
    line = edit(stand_in(), {1: spent, 2: spent})
    (payload,) = line.run(metering(CREDENTIALS))
    assert decoded(payload)["power"] == 928.0
    assert line.rests_s == [300.0, 300.0]


def udp(data: bytes) -> bytes:
    return f"ERXUDP {ADDRESS} ".encode() + TAIL + f"{len(data):04X} ".encode() + data + b"\r\n"


def power(tid: int, watts: int, service: int = 0x72) -> bytes:
    properties = {POWER: watts.to_bytes(4, "big") if service == 0x72 else b""}
    return frame_bytes(Echonet(tid=tid, speaker=METER, to=0x05FF01, service=service, properties=properties))


@pytest.mark.bad_input(77)
@pytest.mark.parametrize(
    "noise",
    [
        udp(power(99, 1)),
        udp(power(1, 1, service=0x52)),
        udp(power(1, 1, service=0x73)),
        udp(b"\x10\x81\x00\x01"),
        udp(power(1, 1))[:-10] + b"\r\n",
        b"EVENT 21 x 01\r\n",
        b"\xff\x00\r\n",
    ],
)
def test_what_does_not_answer_the_request_is_passed_over(noise: bytes) -> None:
    (payload,) = edit(stand_in(), {1: noise}).run(metering(CREDENTIALS))
    assert decoded(payload)["power"] == 928.0
    (payload,) = edit(stand_in(), {1: noise}, replaces=False).run(metering(CREDENTIALS))
    assert decoded(payload)["power"] == 928.0


def test_a_meter_that_never_answers_is_given_up_after_four_requests() -> None:
    line = edit(stand_in(), dict.fromkeys(range(1, 9), b"OK\r\n"))
    with pytest.raises(TransientError, match="asked 4 times"):
        line.run(metering(CREDENTIALS))
    assert line.rests_s == [20.0, 20.0, 20.0, 60.0], "and then the air is left alone for a minute"


@pytest.mark.parametrize(
    ("habits", "what"),
    [
        (StickHabits(faults=Misbehaviour(is_silent=True)), "the stick does not answer SKVER"),
        (StickHabits(hears_meter=False), "no meter was heard"),
        (StickHabits(joins=False), "the meter does not let us in"),
    ],
)
def test_what_does_not_work_is_said(habits: StickHabits, what: str) -> None:
    line = line_to(BRouteStick(habits), SAYS)
    with pytest.raises(TransientError, match=what):
        line.run(metering(CREDENTIALS))
    assert line.rests_s == ([] if habits.faults.is_silent else [60.0]), "a stick that is plugged in again is found soon"


def test_another_instrument_is_told() -> None:
    with pytest.raises(PermanentError, match="no SKSTACK-IP stick"):
        scripted({b"SKVER\r\n": [b"OK\r\n"]}).run(metering(CREDENTIALS))
    with pytest.raises(PermanentError, match="refuses SKVER"):
        scripted({b"SKVER\r\n": [b"FAIL ER04\r\n"]}).run(metering(CREDENTIALS))


def test_identification_and_password_are_in_no_error_and_no_text(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def parrot(request: bytes) -> list[tuple[float, bytes]]:
        return [(0.01, request + (b"EVER 1\r\nOK\r\n" if b"SKVER" in request else b"FAIL " + request))]

    def stubborn(command: bytes) -> Line:
        answers = {b"SKVER": b"EVER 1\r\nOK\r\n", b"SKSREG": b"OK\r\n", b"SKSETPWD": b"OK\r\n"}
        return Line(
            answer=lambda request: [(0.0, b"FAIL ER10\r\n" if command in request else answers[request.split()[0]])]
        )

    texts = [repr(CREDENTIALS), str(CREDENTIALS)]
    for line in (Line(answer=parrot), stubborn(b"SKSETPWD"), stubborn(b"SKSETRBID"), scripted({})):
        with pytest.raises((PermanentError, TransientError)) as caught:
            line.run(metering(CREDENTIALS))
        texts += [str(caught.value), *traceback.format_exception(caught.value)]
    texts.append(caplog.text)
    assert not any(secret in text for text in texts for secret in (RBID, PASSWORD))


@pytest.mark.parametrize(
    ("text", "mode", "what"),
    [
        (f"{RBID}\n{PASSWORD}\n", 0o644, "readable by others"),
        (f"{RBID}\n{PASSWORD}\n", 0o660, "readable by others"),
        (f"{RBID[1:]}\n{PASSWORD}\n", 0o600, "line 1"),
        (f"{RBID}\n{PASSWORD[1:]}\n", 0o600, "line 2"),
        (f"{RBID}\n", 0o600, "line 2"),
        ("", 0o600, "line 1"),
        (f"{PASSWORD}\n{RBID}\n", 0o600, "line 1"),
    ],
)
def test_a_password_file_that_is_not_right_is_named_but_not_quoted(
    tmp_path: Path, text: str, mode: int, what: str
) -> None:
    path = tmp_path / "b_route"
    path.write_text(text, encoding="ascii")
    path.chmod(mode)
    with pytest.raises(PermanentError, match=what) as caught:
        read_credentials(path)
    assert str(path) in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (RBID, RBID[1:], PASSWORD, PASSWORD[1:]))


def test_a_password_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        read_credentials(tmp_path / "nothing")


def test_the_password_file_may_have_blanks_as_on_the_letter(password_file: Path) -> None:
    assert read_credentials(password_file) == CREDENTIALS


@pytest.mark.parametrize("options", [{}, {"password_file": ""}, {"password": PASSWORD}, {"rbid": RBID}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="options of b_route_meter"):
        configure(options)


def test_without_credentials_or_with_an_address_nothing_is_asked(password_file: Path) -> None:
    assert DEVICE.polling is not None
    with pytest.raises(PermanentError, match="password_file is needed"):
        DEVICE.polling.session("")
    polling = configure({"password_file": str(password_file)}).polling
    assert polling is not None
    with pytest.raises(PermanentError, match="bus_address"):
        polling.session("1")


def test_a_probe_asks_for_the_version_alone() -> None:
    assert DEVICE.polling is not None
    line = line_to(stand_in(), SAYS)
    assert line.run(DEVICE.polling.probe("")) == [b"EVER 1.2.10"]
    assert line.requests == [b"SKVER\r\n"]


@pytest.mark.bad_input(78)
def test_the_stand_in_wraps_like_a_meter() -> None:
    says = Decoded(values={"energy": 100_000.2 * 3.6e6})
    (payload,) = line_to(stand_in(), says).run(metering(CREDENTIALS))
    assert decoded(payload) == {"energy": pytest.approx(0.2 * 3.6e6)}


def test_a_meter_without_data_says_nan() -> None:
    (payload,) = line_to(stand_in(), Decoded(values={"power": math.nan})).run(metering(CREDENTIALS))
    assert math.isnan(decoded(payload)["power"])


def test_the_number_of_a_request_has_no_line_ends() -> None:
    seen = [tid := 0]
    for _ in range(70_000):
        tid = next_tid(tid)
        seen.append(tid)
    assert max(seen) == 0xFFFF
    assert not any(byte in (0x0A, 0x0D) for tid in seen for byte in tid.to_bytes(2, "big"))


@given(
    st.lists(st.binary(max_size=60) | st.sampled_from([b"OK\r\n", b"EVER 1\r\nOK\r\n", b"EVENT 22 x\r\n"]), max_size=30)
)
def test_whatever_the_stick_says_the_session_ends_in_an_error(answers: list[bytes]) -> None:
    coming = iter(answers)
    line = Line(answer=lambda request: [(0.01, next(coming, b""))])
    dialogue: Session = metering(CREDENTIALS)
    with pytest.raises((TransientError, PermanentError)):
        line.run(dialogue)
