"""Stand-ins of serial instruments on a pseudo-terminal, and the troubles of their lines."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.model import Decoded, PermanentError
from devices.registry import load_catalog
from firmware_sim.instruments import (
    Answering,
    InstrumentOptions,
    SimulatedLine,
    Speaking,
    Voice,
    cadence_s,
    fitted,
    voice_of,
)
from firmware_sim.line_faults import LineTrouble, kinds_on, parse_trouble

GAUGE = load_catalog()["maxbotix_mb7374"]
ASKED = load_catalog()["campbell_sr50a_sdi12"]
SAYS = Decoded(values={"distance": 1.5})


def asked_voice() -> Answering:
    assert ASKED.polling is not None
    return Answering(ASKED.polling.instrument("0"), Decoded(values={"distance": 1.838, "echo_quality": 194.0}))


class Host:
    """Who has the line open."""

    def __init__(self, line: SimulatedLine, port: Path) -> None:
        self._line = line
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def hears(self, now_s: float, *, after: bytes = b"") -> bytes:
        """Send `after`, let the line look at it at `now_s`, return what came."""
        if after:
            os.write(self._fd, after)
        self._line.step(now_s=now_s)
        ready, _, _ = select.select([self._fd], [], [], 0.3)
        return os.read(self._fd, 4096) if ready else b""

    def close(self) -> None:
        os.close(self._fd)


@contextmanager
def hosted(folder: Path, voice: Voice, *troubles: LineTrouble) -> Iterator[Host]:
    line = SimulatedLine(folder / "tty", [voice], troubles)
    line.step(now_s=0.0)
    host = Host(line, folder / "tty")
    try:
        yield host
    finally:
        host.close()


def trouble(kind: str) -> LineTrouble:
    return parse_trouble(f"{kind}:1000@0.5")


def test_one_that_speaks_says_what_its_encode_makes_at_its_cadence(tmp_path: Path) -> None:
    with hosted(tmp_path, Speaking(GAUGE, SAYS, every_s=1.0)) as host:
        assert host.hears(1.0).endswith(b"R1500\r")
        assert host.hears(1.5) == b""
        assert host.hears(2.0) == b"R1500\r"


def test_one_that_is_asked_answers_only_then(tmp_path: Path) -> None:
    with hosted(tmp_path, asked_voice()) as host:
        assert host.hears(1.0) == b""
        assert host.hears(2.0, after=b"0I!").startswith(b"0") or host.hears(2.5).startswith(b"0")


def test_silence(tmp_path: Path) -> None:
    with hosted(tmp_path, Speaking(GAUGE, SAYS, every_s=1.0), trouble("silence")) as host:
        host.hears(0.1)
        assert host.hears(2.0) == b""


def test_garbage_instead_of_frames(tmp_path: Path) -> None:
    with hosted(tmp_path, Speaking(GAUGE, SAYS, every_s=1.0), trouble("garbage")) as host:
        host.hears(0.1)
        heard = host.hears(2.0)
        assert heard
        assert b"R1500" not in heard


def test_an_echo_comes_before_the_answer(tmp_path: Path) -> None:
    with hosted(tmp_path, asked_voice(), trouble("echo")) as host:
        heard = host.hears(1.0, after=b"0I!") + host.hears(2.0)
        assert heard.startswith(b"0I!0")


def test_a_wrong_answer_differs_in_one_bit(tmp_path: Path) -> None:
    with hosted(tmp_path, Speaking(GAUGE, SAYS, every_s=1.0), trouble("wrong")) as host:
        host.hears(0.1)
        heard = host.hears(2.0)
        assert len(heard) == 6
        assert sum((a ^ b).bit_count() for a, b in zip(heard, b"R1500\r", strict=True)) == 1


def test_unplugged_and_back_under_the_same_name(tmp_path: Path) -> None:
    line = SimulatedLine(tmp_path / "tty", [Speaking(GAUGE, SAYS, every_s=1.0)], [parse_trouble("unplug:5@10")])
    there = {}
    for now_s in (0.0, 9.9, 10.0, 14.9, 15.0):
        line.step(now_s=now_s)
        there[now_s] = (tmp_path / "tty").exists()
    assert there == {0.0: True, 9.9: True, 10.0: False, 14.9: False, 15.0: True}


def test_back_under_another_name(tmp_path: Path) -> None:
    line = SimulatedLine(tmp_path / "tty", [], [parse_trouble("rename:5@10"), parse_trouble("rename:5@30")])
    names = []
    for now_s in (0.0, 10.0, 15.0, 30.0, 35.0):
        line.step(now_s=now_s)
        names.append(sorted(path.name for path in tmp_path.iterdir()))
    assert names == [["tty"], [], ["tty.1"], [], ["tty.2"]]


def test_a_real_port_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "tty").touch()
    with pytest.raises(PermanentError, match="does not replace real ports"):
        SimulatedLine(tmp_path / "tty", []).step(now_s=0.0)


def test_values_that_a_model_cannot_say_are_refused_before_the_line_is_made(tmp_path: Path) -> None:
    options = InstrumentOptions(link=tmp_path / "tty", spec=GAUGE, values={})
    with pytest.raises(PermanentError):
        voice_of(options)
    lorawan = next(spec for spec in load_catalog().values() if spec.transport == "lorawan")
    with pytest.raises(PermanentError, match="does not speak on a serial line"):
        voice_of(InstrumentOptions(link=tmp_path / "tty", spec=lorawan, values={}))


def test_one_of_many_frames_a_reading_speaks_several_times_a_second(tmp_path: Path) -> None:
    assert cadence_s(GAUGE) < 1.0
    assert cadence_s(fitted(GAUGE, {"frames_per_reading": 1})) == 10.0
    voice = voice_of(InstrumentOptions(link=tmp_path / "tty", spec=GAUGE, values={"distance": 1.0}))
    assert isinstance(voice, Speaking)


@pytest.mark.parametrize("text", ["unplug", "unplug:5", "fire:5@1", "unplug:-1@2", "unplug:5@x", "", "echo:5@1 "])
def test_a_fault_that_is_none_is_named(text: str) -> None:
    with pytest.raises(PermanentError, match="KIND:SECONDS@START"):
        parse_trouble(text)


def test_troubles_are_on_from_their_start_for_their_length() -> None:
    troubles = [parse_trouble("echo:5@10"), parse_trouble("wrong:1.5@12")]
    assert [sorted(kinds_on(troubles, now_s)) for now_s in (9.9, 10.0, 12.0, 13.5, 15.0)] == [
        [], ["echo"], ["echo", "wrong"], ["echo"], [],
    ]  # fmt: skip
