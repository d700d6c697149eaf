"""What is on a line is found out by listening and by asking who it is; the port is left as it was."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest
import serial

from devices.model import Decoded, DeviceSpec, PermanentError, SerialLine, TransientError
from devices.registry import load_catalog, load_uplinks
from devices.wires.esp3 import VERSION_REQUEST, Packet, write_packet
from firmware_sim.instruments import Answering, Speaking, Voice
from gateway.identify import Format, Found, Identifier, IdentifyOptions, Known, in_groups
from tests.gateway.lines import Sim, ToyInstrument, toy_spec
from tests.support import wait_until

_FORMAT = Format(baud=9600)
OPTIONS = IdentifyOptions(port="", timeout_s=20.0, listen_s=0.5)


def identify(port: Path, specs: dict[str, DeviceSpec], *, options: IdentifyOptions = OPTIONS) -> list[Found]:
    known = Known(catalog=specs, uplinks={})
    return Identifier(replace(options, port=str(port)), known, Event(), progress=lambda _text, _part: None).run()


def some_models(*names: str) -> dict[str, DeviceSpec]:
    return {name: load_catalog()[name] for name in names}


def at_addresses(spec: DeviceSpec, *addresses: str) -> DeviceSpec:
    assert spec.polling is not None
    return replace(spec, polling=replace(spec.polling, addresses=addresses))


class Stick:
    """An EnOcean stick that answers to the question about its version, as in the ESP3 document."""

    def __init__(self) -> None:
        self._answer = b""

    def hear(self, data: bytes, *, now_s: float) -> None:
        if data == VERSION_REQUEST:
            body = bytes([0, 2, 11, 1, 0, 2, 6, 3, 0]) + bytes(8) + b"GATEWAYCTRL".ljust(16, b"\0")
            self._answer = write_packet(Packet(kind=2, data=body))

    def take_due(self, *, now_s: float) -> list[bytes]:
        answer, self._answer = self._answer, b""
        return [answer] if answer else []


@pytest.fixture
def link(tmp_path: Path) -> Path:
    return tmp_path / "tty"


def running(link: Path, *voices: Voice) -> Sim:
    return Sim(link, voices)


@contextmanager
def opened(sim: Sim, link: Path) -> Iterator[None]:
    with sim:
        wait_until(link.exists)
        yield


def test_one_that_speaks_is_heard(link: Path) -> None:
    specs = some_models("maxbotix_mb7374", "nmea_gnss", "campbell_sr50a_sdi12")
    voice = Speaking(specs["maxbotix_mb7374"], Decoded(values={"distance": 1.5}), every_s=0.05)
    with opened(running(link, voice), link):
        [found] = identify(link, specs)
    assert (found.name, found.format.as_text(), found.address) == ("maxbotix_mb7374", "9600 8N1", "")


def test_one_that_answers_is_asked_who_it_is(link: Path) -> None:
    specs = some_models("maxbotix_mb7374", "campbell_sr50a_sdi12")
    specs["campbell_sr50a_sdi12"] = at_addresses(specs["campbell_sr50a_sdi12"], "0", "1")
    polling = specs["campbell_sr50a_sdi12"].polling
    assert polling is not None
    voice = Answering(polling.instrument("1"), Decoded(values={}))
    with opened(running(link, voice), link):
        [found] = identify(link, specs)
    assert (found.name, found.address, found.detail) == ("campbell_sr50a_sdi12", "1", "113CAMPBELLSR50A 2.0SN12345")


def test_several_on_a_bus_are_all_found(link: Path) -> None:
    spec = at_addresses(toy_spec(), "a", "b", "c")
    voices = [Answering(ToyInstrument(address=address), Decoded(values={})) for address in "ac"]
    with opened(running(link, *voices), link):
        found = identify(link, {"toy": spec})
    assert [(each.name, each.address) for each in found] == [("toy", "a"), ("toy", "c")]


def test_an_enocean_stick_tells_its_version(link: Path) -> None:
    known = Known(catalog={}, uplinks={"enocean_esp3": load_uplinks()["enocean_esp3"]})
    options = replace(OPTIONS, port=str(link))
    with opened(running(link, Stick()), link):
        [found] = Identifier(options, known, Event(), progress=lambda _text, _part: None).run()
    assert found.is_stick
    assert "GATEWAYCTRL" in found.detail


def test_the_same_question_is_put_once_however_many_models_begin_with_it(link: Path) -> None:
    specs = some_models("campbell_sr50a_sdi12", "campbell_sr50at_sdi12", "campbell_snowvue10")
    specs = {name: at_addresses(spec, "0") for name, spec in specs.items()}
    polling = specs["campbell_snowvue10"].polling
    assert polling is not None
    voice = Answering(polling.instrument("0"), Decoded(values={}))
    with opened(running(link, voice), link):
        found = identify(link, specs)
    assert [each.name for each in found] == ["campbell_snowvue10"]
    assert voice.asked == 1


def test_nobody_there_gives_nothing_and_other_bytes_are_counted(link: Path) -> None:
    specs = some_models("maxbotix_mb7374")
    with opened(running(link), link):
        assert identify(link, specs) == []
    noise = Speaking(specs["maxbotix_mb7374"], Decoded(values={"distance": 1.5}), every_s=0.05)
    sim = running(link, noise)
    sim.break_as("garbage")
    with opened(sim, link):
        options = replace(OPTIONS, port=str(link))
        identifier = Identifier(
            options, Known(catalog=specs, uplinks={}), Event(), progress=lambda _text, _part: None
        )  # fmt: skip
        assert identifier.run() == []
        assert identifier.heard_bytes > 20


def test_a_given_speed_is_the_only_one_tried(link: Path) -> None:
    spec = toy_spec()
    with opened(running(link, Answering(ToyInstrument(), Decoded(values={}))), link):
        [found] = identify(link, {"toy": spec}, options=replace(OPTIONS, baud=1200))
    assert found.format.baud == 1200


def test_the_settings_of_the_port_are_put_back(link: Path) -> None:
    other = replace(toy_spec(), serial=SerialLine(baud=2400, split=lambda buffer: ([], buffer)))
    master, slave = os.openpty()
    tty.setraw(slave)
    link.symlink_to(os.ttyname(slave))
    before = termios.tcgetattr(slave)
    try:
        assert identify(link, {"toy": other}) == []
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)


def test_what_is_no_serial_port_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(PermanentError, match="is no serial port"):
        identify(tmp_path / "file", {})
    with pytest.raises(PermanentError, match="does not exist"):
        identify(tmp_path / "gone", {})


def test_a_port_that_a_gateway_has_is_not_taken_from_it(link: Path) -> None:
    with opened(running(link), link):
        taken = serial.Serial(str(link), exclusive=True)
        try:
            with pytest.raises(TransientError, match="cannot be opened"):
                identify(link, {"toy": toy_spec()})
        finally:
            taken.close()


def test_it_stops_when_it_is_told_to(link: Path) -> None:
    stop = Event()
    told: list[float] = []

    def progress(_text: str, part: float) -> None:
        told.append(part)
        stop.set()

    with opened(running(link), link):
        known = Known(catalog=some_models("maxbotix_mb7374", "campbell_sr50a_sdi12"), uplinks={})
        assert Identifier(replace(OPTIONS, port=str(link)), known, stop, progress=progress).run() == []
    assert len(told) <= 2
    assert all(0.0 <= part <= 1.0 for part in told)


def test_models_that_say_the_same_are_one_group() -> None:
    first = Found(name="a", format=_FORMAT, detail="x", address="0")
    assert in_groups([first, replace(first, name="b"), replace(first, name="c", address="1")]) == [
        [first, replace(first, name="b")],
        [replace(first, name="c", address="1")],
    ]
