"""Instruments that are asked, on real pseudo-terminals: rounds, a bus, silence, wrong answers, sped-up time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from devices.clock import Clock
from devices.model import SECOND_NS, Decoded, DeviceSpec, TransientError
from devices.polling import Ask, Got, Rest, Session
from devices.registry import load_catalog
from firmware_sim.instruments import Answering
from gateway.line_watch import WatchLimits
from gateway.sources.polled import PolledDevice, PolledOptions, PolledSource, _due_ns, _Talker
from gateway.spool import Spool
from tests.gateway.lines import (
    GATEWAY,
    REAL_TIME,
    Heard,
    Sim,
    ToyInstrument,
    fast_clock,
    intake_of,
    running,
    toy_length,
    toy_session,
    toy_spec,
)
from tests.gateway.spools import all_waiting, open_spool
from tests.support import wait_until


def source_of(
    spool: Spool, port: Path | str, specs: dict[str, tuple[DeviceSpec, str]], *, clock: Clock = REAL_TIME
) -> PolledSource:
    """Return a source for these devices, each with its model and bus address."""
    devices = []
    for device_id, (spec, address) in specs.items():
        assert spec.polling is not None
        devices.append(PolledDevice(device_id=device_id, polling=spec.polling, address=address))
    line = next(iter(specs.values()))[0].serial
    assert line is not None
    options = PolledOptions(
        name="serial-0",
        gateway_id=GATEWAY,
        port=str(port),
        line=line,
        baud=9600,
        devices=tuple(devices),
        limits=WatchLimits(failures=2),
    )
    intake = intake_of(spool, {device_id: spec for device_id, (spec, _) in specs.items()})
    return PolledSource(options, intake, clock=clock)


def saying(distance_m: float, *, address: str = "a", delay_s: float = 0.0, kind: str = "toy") -> Answering:
    return Answering(
        ToyInstrument(address=address, delay_s=delay_s, kind=kind), Decoded(values={"distance": distance_m})
    )


def test_an_instrument_is_asked_again_and_again(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    voice = saying(1.234)
    with (
        Sim(tmp_path / "tty", [voice]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(interval_s=0.5), "")})),
    ):
        wait_until(lambda: len(heard.values("g", "distance")) >= 2)
        voice.says = Decoded(values={"distance": 2.5})
        wait_until(lambda: 2.5 in heard.values("g", "distance"))
    assert set(heard.values("g", "distance")) == {1.234, 2.5}
    assert heard.faults("g") == []


def test_rounds_are_at_whole_multiples_of_the_interval(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [saying(1.0)]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(interval_s=1.0), "")})),
    ):
        wait_until(lambda: len(heard.values("g", "distance")) >= 3)
    after_first = [stored.received_ns % SECOND_NS for stored in all_waiting(heard.spool)][1:]
    assert all(behind_ns < SECOND_NS // 2 for behind_ns in after_first)


def test_the_town_clock_decides_when_it_is_due(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    spec = toy_spec(interval_s=600.0)
    with (
        Sim(tmp_path / "tty", [saying(1.0)]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (spec, "")}, clock=fast_clock(3_000.0))),
    ):
        wait_until(lambda: len(heard.values("g", "distance")) >= 4)
    times = [stored.received_ns for stored in all_waiting(heard.spool)][1:]
    assert all(later - earlier > 300 * SECOND_NS for earlier, later in pairwise(times))


def test_several_instruments_share_a_line_and_the_dead_one_does_not_starve_the_others(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    spec = toy_spec(interval_s=0.5)
    specs = {"g-a": (spec, "a"), "g-b": (spec, "b"), "g-dead": (spec, "z")}
    with (
        Sim(tmp_path / "tty", [saying(1.0, address="a"), saying(2.0, address="b")]),
        running(source_of(heard.spool, tmp_path / "tty", specs)),
    ):
        wait_until(lambda: heard.faults("g-dead") == ["no_answer"])
        before = len(heard.values("g-a", "distance"))
        began_s = time.monotonic()
        wait_until(lambda: len(heard.values("g-a", "distance")) >= before + 6)
        assert time.monotonic() - began_s < 6.0
    assert set(heard.values("g-a", "distance")) == {1.0}
    assert set(heard.values("g-b", "distance")) == {2.0}
    assert heard.values("g-dead", "distance") == []
    assert heard.faults("g-a") == heard.faults("g-b") == []


@pytest.mark.bad_input(15)
def test_one_that_comes_to_life_is_heard_and_its_fault_ends(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with Sim(tmp_path / "tty", [saying(1.0)]) as sim:
        sim.break_as("silence")
        with running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(), "")})):
            wait_until(lambda: heard.faults("g") == ["no_answer"])
            sim.mend()
            wait_until(lambda: heard.faults("g") == ["no_answer", "none"])
    assert set(heard.values("g", "distance")) == {1.0}


def test_bytes_without_meaning_are_garbage_and_no_data(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with Sim(tmp_path / "tty", [saying(1.0)]) as sim:
        sim.break_as("garbage")
        with running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(), "")})):
            # a line end may stand in the garbage: then it has answered, and it is not what it should be
            wait_until(lambda: heard.faults("g") and heard.faults("g")[0] in ("garbage", "wrong_instrument"), 15.0)
            sim.mend()
            wait_until(lambda: heard.faults("g")[-1] == "none")
    assert set(heard.values("g", "distance")) == {1.0}


class Cutting(ToyInstrument):
    """Stops in the middle of each answer."""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        return [(delay_s, answer[:-2]) for delay_s, answer in ToyInstrument.hear(self, data, says)]


def test_half_an_answer_is_garbage_and_not_silence(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [Answering(Cutting(), Decoded(values={"distance": 1.0}))]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(), "")})),
    ):
        wait_until(lambda: heard.faults("g") == ["garbage"])
    assert heard.values("g", "distance") == []


@pytest.mark.bad_input(25)
def test_another_instrument_than_the_site_says_is_told_as_such(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [saying(1.0, kind="other")]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(), "")})),
    ):
        wait_until(lambda: heard.faults("g") == ["wrong_instrument"])
    assert heard.values("g", "distance") == []


def test_an_echo_alone_is_no_answer(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with Sim(tmp_path / "tty", []) as sim:
        sim.break_as("echo")
        with running(source_of(heard.spool, tmp_path / "tty", {"g": (toy_spec(), "")})):
            wait_until(lambda: heard.faults("g") == ["no_answer"])


class Chatty(ToyInstrument):
    """Sends a telegram of its own accord after each answer (auto-send left on)."""

    def hear(self, data: bytes, says: Decoded) -> list[tuple[float, bytes]]:
        answers = ToyInstrument.hear(self, data, says)
        return [*answers, (0.1, b"a=9.999\n")] if answers else []


@pytest.mark.bad_input(37)
def test_a_telegram_that_nobody_asked_for_is_thrown_away_before_the_request(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [Answering(Chatty(), Decoded(values={"distance": 1.0}))]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (patient_spec(), "")})),
    ):
        wait_until(lambda: len(heard.values("g", "distance")) >= 3)
    assert set(heard.values("g", "distance")) == {1.0}


def patient_spec() -> DeviceSpec:
    """A driver that wants silence on the line before it asks, as those for buses do."""

    def session(_address: str) -> Session:
        while True:
            answer = yield Ask(request=b"a?", wait_s=1.0, length=toy_length, quiet_s=0.3)
            yield Got(payload=answer)
            yield Rest()

    return with_session(session)


def with_session(make: Callable[[str], Session]) -> DeviceSpec:
    return toy_spec(interval_s=0.5, session=make)


def test_what_was_heard_between_two_questions_is_kept_for_one_who_wants_it(tmp_path: Path) -> None:
    def session(_address: str) -> Session:
        while True:
            first = yield Ask(request=b"a?", wait_s=1.0, length=lambda b: 2 if len(b) >= 2 else 0)
            rest = yield Ask(request=b"", wait_s=1.0, length=toy_length, keeps_unread=True)
            yield Got(payload=first + rest)
            yield Rest()

    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [saying(1.5)]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (with_session(session), "")})),
    ):
        wait_until(lambda: 1.5 in heard.values("g", "distance"))


def test_while_one_rests_the_others_are_asked(tmp_path: Path) -> None:
    def slow(_address: str) -> Session:
        while True:
            yield Ask(request=b"b?", wait_s=1.0, length=toy_length)
            yield Rest(seconds=2.0)
            answer = yield Ask(request=b"b?", wait_s=1.0, length=toy_length)
            yield Got(payload=answer)
            yield Rest()

    heard = Heard(open_spool(tmp_path))
    specs = {"slow": (with_session(slow), "b"), "quick": (toy_spec(interval_s=0.5), "a")}
    with (
        Sim(tmp_path / "tty", [saying(1.0, address="a"), saying(2.0, address="b")]),
        running(source_of(heard.spool, tmp_path / "tty", specs)),
    ):
        wait_until(lambda: 2.0 in heard.values("slow", "distance"))
    order = [json.loads(stored.body)[0]["n"] for stored in all_waiting(heard.spool)]
    assert order.index("slow/distance") >= 2


def test_who_is_due_comes_before_who_is_tried_again_and_a_dialogue_under_way_before_both(tmp_path: Path) -> None:
    source = source_of(open_spool(tmp_path), "unused", {name: (toy_spec(), name[0]) for name in ("a1", "b1", "c1")})
    now_s, now_ns = time.monotonic(), REAL_TIME.now_ns()
    devices = source._options.devices
    failed = _Talker(device=devices[0], due_ns=0, resume_s=now_s - 60.0, failures=3)
    due = _Talker(device=devices[1], due_ns=now_ns - SECOND_NS)
    resting = _Talker(device=devices[2], due_ns=0, resume_s=now_s - 0.1, session=toy_session("c"))
    source._talkers = [failed, due, resting]
    assert source._whose_turn() is resting
    source._talkers = [failed, due]
    assert source._whose_turn() is due
    due.due_ns = now_ns + 60 * SECOND_NS
    assert source._whose_turn() is failed
    failed.resume_s = now_s + 60.0
    assert source._whose_turn() is None


def test_a_clock_that_was_set_back_nine_hours_does_not_stop_the_rounds(tmp_path: Path) -> None:
    source = source_of(open_spool(tmp_path), "unused", {"g": (toy_spec(interval_s=60.0), "")})
    in_nine_hours_ns = REAL_TIME.now_ns() + 9 * 3_600 * SECOND_NS
    source._talkers = [_Talker(device=source._options.devices[0], due_ns=in_nine_hours_ns)]
    talker, now_ns = source._talkers[0], REAL_TIME.now_ns()
    assert source._whose_turn() is None
    assert _due_ns(talker, now_ns + 60 * SECOND_NS) <= now_ns + 61 * SECOND_NS


def test_a_driver_with_a_mistake_takes_nothing_from_the_others(tmp_path: Path) -> None:
    def broken(_address: str) -> Session:
        yield Rest(seconds=0.0)
        raise KeyError("a mistake")

    heard = Heard(open_spool(tmp_path))
    specs = {"broken": (with_session(broken), ""), "well": (toy_spec(interval_s=0.5), "a")}
    with (
        Sim(tmp_path / "tty", [saying(1.0)]),
        running(source_of(heard.spool, tmp_path / "tty", specs)),
    ):
        wait_until(lambda: len(heard.values("well", "distance")) >= 3)
        wait_until(lambda: heard.faults("broken") == ["garbage"])


def test_an_answer_that_does_not_decode_is_quarantined(tmp_path: Path) -> None:
    def session(_address: str) -> Session:
        while True:
            answer = yield Ask(request=b"a#", wait_s=1.0, length=toy_length)
            if not answer:
                raise TransientError("no answer")
            yield Got(payload=answer)
            yield Rest()

    heard = Heard(open_spool(tmp_path))
    with (
        Sim(tmp_path / "tty", [saying(1.0)]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (with_session(session), "")})),
    ):
        wait_until(lambda: heard.reasons() == ["undecodable"])
    assert heard.values("g", "distance") == []


def test_a_real_sr50a_is_read_over_sdi12(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    sr50a = load_catalog()["campbell_sr50a_sdi12"]
    assert sr50a.polling is not None
    voice = Answering(sr50a.polling.instrument("0"), Decoded(values={"distance": 1.838, "echo_quality": 194.0}))
    with (
        Sim(tmp_path / "tty", [voice]),
        running(source_of(heard.spool, tmp_path / "tty", {"g": (sr50a, "0")})),
    ):
        wait_until(lambda: heard.values("g", "distance") == [1.838], 20.0)
