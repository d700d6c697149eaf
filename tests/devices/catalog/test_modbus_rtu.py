"""A Modbus RTU device by its register map."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.modbus_rtu import DEVICE, ModbusDevice, configure
from devices.model import Decoded, Frame, PermanentError, TransientError
from devices.wires.misbehaviour import Misbehaviour
from devices.wires.modbus import Read, refusal_answer, request_bytes
from devices.wires.modbus_dialogue import ModbusInstrument
from devices.wires.modbus_map import RegisterMap
from tests.devices.wires.line import Line, line_to, scripted

OPTIONS: dict[str, object] = {
    "registers": [
        {"address": 1, "function": 3, "type": "s16", "quantity": "snow_depth", "unit": "mm"},
        {"address": 10, "type": "f32", "word_order": "CDAB", "quantity": "air_temperature"},
    ],
    "first": 1,
}
SAYS = Decoded(values={"snow_depth": 1.234, "air_temperature": -12.5})
DEVICE_OF = ModbusDevice(register_map=RegisterMap.model_validate(OPTIONS))


def decoded(payload: bytes) -> dict[str, float]:
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    return dict(configure(OPTIONS).decode(frame).values)


def test_the_dialogue_with_its_stand_in() -> None:
    spec = configure(OPTIONS)
    assert spec.polling is not None
    line = line_to(spec.polling.instrument("7"), SAYS)
    first, second = line.run(spec.polling.session("7"), measurements=2)
    assert decoded(first) == decoded(second) == dict(SAYS.values)
    asked = [Read(unit=7, function=3, address=0, count=1), Read(unit=7, function=4, address=9, count=2)]
    assert line.requests == [request_bytes(read) for read in asked] * 2


@pytest.mark.bad_input(41)
@pytest.mark.parametrize(
    "faults",
    [Misbehaviour(has_echo=True), Misbehaviour(garbage=b"\x00\xff\x01"), Misbehaviour(garbage=b"\x01\x03\x02")],
)
def test_echo_and_noise_do_not_disturb(faults: Misbehaviour) -> None:
    line = line_to(DEVICE_OF.stand_in("", faults), SAYS)
    (payload,) = line.run(DEVICE_OF.session(""))
    assert decoded(payload) == dict(SAYS.values)


@pytest.mark.bad_input(41)
@pytest.mark.parametrize(
    ("faults", "what"),
    [
        (Misbehaviour(is_silent=True), "after 3 tries: no answer"),
        (Misbehaviour(is_silent=True, has_echo=True), "only the own echo"),
        (Misbehaviour(has_wrong_checksum=True), "wrong CRC"),
        (Misbehaviour(answers_as="2"), "unit 2 answers"),
        (Misbehaviour(cuts_bytes=1), "wrong CRC"),
    ],
)
def test_faults_are_named_after_three_tries(faults: Misbehaviour, what: str) -> None:
    line = line_to(DEVICE_OF.stand_in("", faults), SAYS)
    with pytest.raises(TransientError, match=what):
        line.run(DEVICE_OF.session(""))
    assert len(line.requests) == 3


@pytest.mark.bad_input(41)
def test_a_lasting_exception_is_not_asked_again_but_a_busy_one_is() -> None:
    wrong_map = ModbusDevice(register_map=RegisterMap.model_validate({**OPTIONS, "first": 0}))
    line = line_to(DEVICE_OF.stand_in(""), SAYS)
    with pytest.raises(PermanentError, match=r"registers 1 to 1: exception 2 \(illegal data address\)"):
        line.run(wrong_map.session(""))
    assert len(line.requests) == 1
    request = request_bytes(Read(unit=1, function=3, address=0, count=1))
    busy = scripted({request: [refusal_answer(unit=1, function=3, code=6)]})
    with pytest.raises(TransientError, match="busy"):
        busy.run(DEVICE_OF.session(""))
    assert len(busy.requests) == 3


@pytest.mark.bad_input(41)
def test_payloads_that_are_not_whole_are_refused() -> None:
    payload = configure(OPTIONS).encode(SAYS).payload
    assert decoded(payload) == dict(SAYS.values)
    for end in range(len(payload)):
        with pytest.raises(PermanentError):
            decoded(payload[:end])
    for other in (payload + b"\x00", payload[8:], payload + payload[:8] + refusal_answer(unit=1, function=3, code=2)):
        with pytest.raises(PermanentError):
            decoded(other)


def test_a_probe_takes_any_answer_for_a_sign() -> None:
    assert DEVICE.polling is not None
    line = line_to(DEVICE_OF.stand_in("3"), SAYS)
    (payload,) = line.run(DEVICE.polling.probe("3"))
    assert payload.endswith(refusal_answer(unit=3, function=4, code=2))
    assert len(line.requests) == 1
    with pytest.raises(TransientError, match="no answer"):
        scripted({}).run(DEVICE.polling.probe("3"))


def test_without_a_map_nothing_is_asked() -> None:
    assert DEVICE.polling is not None
    with pytest.raises(PermanentError, match="registers is needed"):
        DEVICE.polling.session("")


def test_the_stand_in_refuses_to_be_written() -> None:
    instrument = ModbusInstrument(DEVICE_OF.register_map, 1)
    write = bytes.fromhex("010600000001480A")
    ((_, answer),) = instrument.hear(write, SAYS)
    assert answer == refusal_answer(unit=1, function=6, code=1)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "registers is needed"),
        ({"registers": []}, "at least one"),
        ({"registers": [{"address": 0, "quantity": ""}]}, "needs a quantity"),
        ({"registers": [{"address": 0, "quantity": "snow"}]}, "snow"),
        ({"registers": [{"address": 0, "quantity": "snow_depth", "unit": "hPa"}]}, "hPa"),
        ({"registers": [{"address": 0, "quantity": "snow_depth", "word_order": "CDAB"}]}, "says nothing of u16"),
        ({"registers": [{"address": 0, "quantity": "snow_depth", "type": "f64"}]}, "type"),
        ({"registers": [{"address": 0, "quantity": "snow_depth", "function": 6}]}, "function"),
        ({"registers": [{"address": 0, "quantity": "snow_depth"}], "first": 1}, "register 0 does not exist"),
        ({"registers": [{"address": 65535, "quantity": "power", "type": "u32"}]}, "register 65535 does not exist"),
        ({"registers": [{"address": 0, "quantity": "power"}, {"address": 1, "quantity": "power"}]}, "twice"),
        ({"registers": [{"address": 0, "quantity": "power"}], "block_registers": 126}, "block_registers 126"),
        ({"registers": [{"address": 0, "quantity": "power"}], "answer_s": 0}, "answer_s"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], what: str) -> None:
    with pytest.raises(PermanentError, match=what):
        configure(options)


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_whatever_is_answered_the_dialogue_ends_in_an_error(answers: list[bytes]) -> None:
    coming = iter(answers)
    line = Line(answer=lambda request: [(0.01, next(coming, b""))])
    with pytest.raises((TransientError, PermanentError)):
        line.run(DEVICE_OF.session(""))
