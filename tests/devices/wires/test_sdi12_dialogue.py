"""SDI-12 dialogues: retries, service requests, aborts, habits of adapters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, PermanentError, TransientError
from devices.polling import Session
from devices.wires.misbehaviour import Misbehaviour
from devices.wires.sdi12 import Identification, command_of, crc_text, read_transcript
from devices.wires.sdi12_dialogue import Sdi12Adapter, measuring, probing, talk_with
from devices.wires.sdi12_instrument import Sdi12Instrument, Sdi12StandIn
from tests.devices.wires.line import Line, line_to, scripted

IDENT = b"013CAMPBELLSR50A 2.0SN12345\r\n"
NOTHING = Decoded(values={})


def anything(identification: Identification) -> None:
    del identification


def session(command: str, adapter: Sdi12Adapter | None = None, address: str = "0") -> Session:
    return measuring(talk_with(address, adapter or Sdi12Adapter()), command_of(command), anything)


def stand_in(**changes: object) -> Sdi12StandIn:
    fields: dict[str, object] = {
        "identification": "13TESTTESTMODEL 001",
        "measure": lambda command, says: ["+1.838", "+194", "-10.25"],
        "ready_s": 3,
    }
    return Sdi12StandIn(**(fields | changes))  # type: ignore[arg-type]


def values(line: Line, command: str, adapter: Sdi12Adapter | None = None) -> tuple[float, ...]:
    (payload,) = line.run(session(command, adapter))
    return read_transcript(payload).values


@pytest.mark.parametrize("command", ["M", "MC", "C", "CC", "M1", "CC9", "R0", "RC1"])
def test_every_form_brings_the_values(command: str) -> None:
    line = line_to(Sdi12Instrument("0", stand_in()), NOTHING)
    assert values(line, command) == (1.838, 194.0, -10.25)


@pytest.mark.bad_input(20)
def test_a_service_request_ends_the_wait() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(ready_s=60)), NOTHING)
    assert values(line, "M") == (1.838, 194.0, -10.25)
    assert 59 < line.now_s < 60.5
    assert line.requests == [b"0I!", b"0M!", b"0D0!"]


@pytest.mark.bad_input(20)
def test_without_a_service_request_the_data_are_asked_for_in_time() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(ready_s=60, serves=False)), NOTHING)
    assert values(line, "M") == (1.838, 194.0, -10.25)
    assert 60 <= line.now_s < 62


@pytest.mark.bad_input(20)
@pytest.mark.parametrize("late_s", [0.011, 1.2, 1.6])
def test_a_service_request_much_too_early_or_late(late_s: float) -> None:
    def answer(request: bytes) -> list[tuple[float, bytes]]:
        script = {b"0I!": IDENT, b"0M!": b"00011\r\n", b"0D0!": b"0+1.5\r\n"}
        answers = [(0.01, script[request])]
        return [*answers, (late_s, b"0\r\n")] if request == b"0M!" else answers

    assert values(Line(answer=answer), "M") == (1.5,)


@pytest.mark.bad_input(20)
def test_a_service_request_glued_to_the_promise_is_not_lost() -> None:
    line = scripted({b"0I!": [IDENT], b"0M!": [b"00601\r\n0\r\n"], b"0D0!": [b"0+1.5\r\n"]})
    assert values(line, "M") == (1.5,)
    assert line.now_s < 1, "or else it waits for the whole minute"


@pytest.mark.bad_input(20)
def test_a_service_request_in_place_of_the_data_is_not_taken_for_an_abort() -> None:
    line = scripted({b"0I!": [IDENT], b"0M!": [b"00001\r\n"], b"0D0!": [b"0\r\n", b"0+1.5\r\n"]})
    assert values(line, "M") == (1.5,)
    assert line.requests.count(b"0M!") == 1


@pytest.mark.bad_input(18)
def test_an_aborted_measurement_is_begun_again_and_then_given_up() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(aborts=True)), NOTHING)
    with pytest.raises(TransientError, match="aborted 3 times"):
        line.run(session("M"))
    assert line.requests.count(b"0M!") == 3


@pytest.mark.bad_input(18)
@pytest.mark.parametrize(("command", "promise"), [("M", b"00000"), ("C", b"000000"), ("M7", b"00000")])
def test_no_values_promised_is_no_value(command: str, promise: bytes) -> None:
    line = scripted({b"0I!": [IDENT], f"0{command}!".encode(): [promise + b"\r\n"]})
    assert values(line, command) == ()
    assert not any(b"D0" in request for request in line.requests)


@pytest.mark.bad_input(23)
def test_data_are_collected_until_the_promise_is_kept() -> None:
    line = scripted(
        {b"0I!": [IDENT], b"0M3!": [b"00003\r\n"], b"0D0!": [b"0+1.838+194\r\n"], b"0D1!": [b"0-10.25\r\n"]}
    )
    assert values(line, "M3") == (1.838, 194.0, -10.25)
    assert line.requests[-1] == b"0D1!"


@pytest.mark.bad_input(23)
@pytest.mark.parametrize("data", [{b"0D0!": [b"0+1+2\r\n"], b"0D1!": [b"0\r\n"]}, {b"0D0!": [b"0+1+2+3+4\r\n"]}])
def test_a_promise_that_is_not_kept_is_an_error(data: dict[bytes, list[bytes]]) -> None:
    line = scripted({b"0I!": [IDENT], b"0M3!": [b"00003\r\n"], **data})
    with pytest.raises(TransientError, match="promised 3 values"):
        line.run(session("M3"))


@pytest.mark.bad_input(15)
def test_silence_is_an_error_after_three_tries() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(faults=Misbehaviour(is_silent=True))), NOTHING)
    with pytest.raises(TransientError, match=r"SDI-12 0I! after 3 tries: no answer"):
        line.run(session("M"))
    assert line.requests == [b"0I!"] * 3


@pytest.mark.bad_input(16)
def test_another_address_answers() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(faults=Misbehaviour(answers_as="1"))), NOTHING)
    with pytest.raises(TransientError, match="address 0 was asked, '1' answers"):
        line.run(session("M"))


@pytest.mark.bad_input(17)
def test_a_wrong_crc_is_asked_again_and_then_given_up() -> None:
    line = line_to(Sdi12Instrument("0", stand_in(faults=Misbehaviour(has_wrong_checksum=True))), NOTHING)
    with pytest.raises(TransientError, match="0D0! after 3 tries: CRC"):
        line.run(session("MC"))
    assert line.requests.count(b"0D0!") == 3


@pytest.mark.bad_input(17)
def test_a_crc_that_is_wrong_once_costs_one_more_request() -> None:
    crc = crc_text("0+1.5")
    data = [f"0+1.6{crc}\r\n".encode(), f"0+1.5{crc}\r\n".encode()]
    line = scripted({b"0I!": [IDENT], b"0MC!": [b"00001\r\n"], b"0D0!": data})
    assert values(line, "MC") == (1.5,)


@pytest.mark.bad_input(24)
@pytest.mark.parametrize("noise", [b"0+1.8+1.9\r\n", b"00\x7f03\r\n", b"0001+1.838\r\n", b"\xff\xfe0\x8d\n"])
def test_two_instruments_at_one_address_are_no_value(noise: bytes) -> None:
    line = scripted({b"0I!": [IDENT], b"0M!": [noise]})
    with pytest.raises(TransientError, match="0M! after 3 tries"):
        line.run(session("M"))


def with_parity(data: bytes) -> bytes:
    return bytes(byte | 0x80 * (byte.bit_count() % 2) for byte in data)


HABITS: list[tuple[str, Sdi12Adapter, Callable[[bytes, bytes], bytes]]] = [
    ("echo", Sdi12Adapter(), lambda sent, answer: sent + answer),
    ("echo on its own line", Sdi12Adapter(command_ending="crlf"), lambda sent, answer: sent + answer),
    ("line feed alone", Sdi12Adapter(), lambda sent, answer: answer.replace(b"\r\n", b"\n")),
    ("line feed first", Sdi12Adapter(), lambda sent, answer: b"\r\n" + answer),
    ("carriage return alone", Sdi12Adapter(answer_ending="cr"), lambda sent, answer: answer.replace(b"\r\n", b"\r")),
    ("carriage return, nobody said so", Sdi12Adapter(), lambda sent, answer: answer.replace(b"\r\n", b"\r")),
    ("prompt", Sdi12Adapter(prompt="SDI> "), lambda sent, answer: b"SDI> " + answer),
    ("echo behind a prompt", Sdi12Adapter(prompt="> "), lambda sent, answer: b"> " + sent + b"\r\n> " + answer),
    ("break seen as NUL", Sdi12Adapter(), lambda sent, answer: b"\0\0" + answer),
    ("parity bit", Sdi12Adapter(eighth_bit="parity"), lambda sent, answer: with_parity(answer)),
    ("eighth bit set", Sdi12Adapter(eighth_bit="ignore"), lambda sent, answer: bytes(b | 0x80 for b in answer)),
    ("command prefix", Sdi12Adapter(command_prefix="sdi "), lambda sent, answer: sent + b"\r\n" + answer),
]


@pytest.mark.bad_input(21)
@pytest.mark.parametrize(("adapter", "habit"), [row[1:] for row in HABITS], ids=[row[0] for row in HABITS])
def test_habits_of_adapters(adapter: Sdi12Adapter, habit: Callable[[bytes, bytes], bytes]) -> None:
    instrument = Sdi12Instrument("0", stand_in(ready_s=0))

    def answer(request: bytes) -> list[tuple[float, bytes]]:
        sent = request.removeprefix(adapter.command_prefix.encode())
        return [(after_s, habit(request, data)) for after_s, data in instrument.hear(sent, NOTHING)]

    assert values(Line(answer=answer), "MC", adapter) == (1.838, 194.0, -10.25)


@pytest.mark.bad_input(21)
@pytest.mark.parametrize("adapter", [Sdi12Adapter(), Sdi12Adapter(eighth_bit="parity")])
def test_an_eighth_bit_that_is_neither_is_garbage(adapter: Sdi12Adapter) -> None:
    line = scripted({b"0I!": [bytes(byte | 0x80 for byte in IDENT)]})
    with pytest.raises(TransientError, match=r"0x80|parity"):
        line.run(session("M", adapter))


def test_a_bare_converter_gets_a_break() -> None:
    steps = session("M", Sdi12Adapter(sends_break=True))
    ask = next(steps)
    assert getattr(ask, "has_break", False)


@pytest.mark.parametrize("address", ["00", "!", "é", " "])
def test_addresses_that_are_none_are_refused(address: str) -> None:
    with pytest.raises(PermanentError, match="is no SDI-12 address"):
        talk_with(address, Sdi12Adapter())


def test_a_probe_asks_once_and_only_for_the_identification() -> None:
    line = line_to(Sdi12Instrument("4", stand_in()), NOTHING)
    assert line.run(probing(talk_with("4", Sdi12Adapter()), anything)) == [b"413TESTTESTMODEL 001"]
    silent = scripted({})
    with pytest.raises(TransientError):
        silent.run(probing(talk_with("4", Sdi12Adapter()), anything))
    assert line.requests == silent.requests == [b"4I!"]


def test_the_stand_in_keeps_an_address_it_was_given() -> None:
    instrument = Sdi12Instrument("0", stand_in())
    assert instrument.hear(b"0A5!", NOTHING) == [(0.02, b"5\r\n")]
    assert instrument.hear(b"0!", NOTHING) == []
    assert instrument.hear(b"?", NOTHING) == []
    assert instrument.hear(b"!5!", NOTHING) == [(0.02, b"5\r\n"), (0.02, b"5\r\n")]


@given(st.lists(st.binary(max_size=40), max_size=30), st.sampled_from(["M", "MC3", "C", "RC0"]))
def test_whatever_is_answered_the_dialogue_ends_in_a_measurement_or_an_error(
    answers: list[bytes], command: str
) -> None:
    coming = iter(answers)
    line = Line(answer=lambda request: [(0.01, next(coming, b""))])
    try:
        (payload,) = line.run(session(command))
    except (TransientError, PermanentError):
        return
    read_transcript(payload)
