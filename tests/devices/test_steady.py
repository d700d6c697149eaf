"""The clock that does not follow every step, and the wait for one that was never set."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Event

import pytest

from devices.clock import Clock
from devices.model import SECOND_NS
from devices.steady import SANE_FROM_NS, SteadyClock, steady, wait_for_clock

START_S = 1_700_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall(Clock):
    """What the machine says, and its steady clock."""

    said: dict[str, float] = field(default_factory=lambda: {"wall_s": START_S, "steady_s": 0.0})

    def now_ns(self) -> int:
        return round(self.said["wall_s"] * SECOND_NS)

    def steady_s(self) -> float:
        return self.said["steady_s"]


class Bench:
    def __init__(self, *, speed: float = 1.0, is_asked: bool = False) -> None:
        self.wall = Wall(speed=speed)
        self.speed = speed
        self.clock = SteadyClock(base=self.wall, speed=speed, steady_s=self.wall.steady_s, is_asked=is_asked)
        self.now_s()

    def now_s(self) -> float:
        return self.clock.now_ns() / SECOND_NS - START_S

    def live(self, real_s: int) -> float:
        for _ in range(real_s // 10):
            self.wall.said["steady_s"] += 10
            self.wall.said["wall_s"] += 10 * self.speed
            self.now_s()
        return self.now_s()

    def step(self, by_s: float) -> float:
        self.wall.said["wall_s"] += by_s
        return self.now_s()


def test_a_steady_clock_is_the_machines() -> None:
    bench = Bench()
    assert bench.live(5_000) == 5_000
    assert bench.step(59.0) == 5_059
    assert bench.clock.take_step() == 0


@pytest.mark.parametrize("by_s", [86_400.0, -86_400.0, 61.0, -1.5e9])
def test_a_step_that_is_undone_is_never_seen(by_s: float) -> None:
    bench = Bench()
    bench.live(1_000)
    assert bench.step(by_s) == pytest.approx(1_000)
    assert bench.live(500) == pytest.approx(1_500)
    assert bench.step(-by_s) == pytest.approx(1_500)
    assert bench.live(5_000) == pytest.approx(6_500)
    assert bench.clock.take_step() == 0


@pytest.mark.parametrize("by_s", [86_400.0, -86_400.0])
def test_a_step_that_lasts_is_followed_and_told_once(by_s: float) -> None:
    bench = Bench()
    bench.live(1_000)
    bench.step(by_s)
    assert bench.live(590) == pytest.approx(1_590)
    assert bench.live(20) == pytest.approx(1_610 + by_s)
    assert bench.clock.take_step() == pytest.approx(by_s * SECOND_NS)
    assert bench.clock.take_step() == 0
    assert bench.step(-by_s) == pytest.approx(1_610)  # too young to be held against


def test_at_the_start_every_step_is_followed_at_once() -> None:
    bench = Bench()
    bench.live(300)
    assert bench.step(7_200.0) == pytest.approx(7_500)


def test_who_prepares_for_a_step_gets_it_when_he_asks() -> None:
    bench = Bench(is_asked=True)
    bench.live(300)
    assert bench.step(7_200.0) == pytest.approx(300)
    assert bench.live(700) == pytest.approx(1_000)
    assert bench.clock.take_step() == 7_200 * SECOND_NS
    assert bench.now_s() == pytest.approx(8_200)


def test_steps_in_pieces_add_up() -> None:
    bench = Bench()
    bench.live(1_000)
    for by_s in (3_600.0, 3_600.0, -7_300.0):
        bench.step(by_s)
    assert bench.step(100.0) == pytest.approx(1_000)
    assert bench.live(1_000) == pytest.approx(2_000)


def test_a_fast_town_has_larger_steps() -> None:
    bench = Bench(speed=360.0)
    assert bench.live(1_000) == pytest.approx(360_000)
    assert bench.step(21_000.0) == pytest.approx(381_000)
    assert bench.step(22_000.0) == pytest.approx(381_000)


def test_waiting_is_counted_in_the_time_that_goes_on() -> None:
    bench = Bench()
    real = steady(Clock(town_start_ns=0))
    assert real.real_seconds_until(real.now_ns() + 10 * SECOND_NS) == pytest.approx(10.0, abs=0.5)
    bench.live(1_000)
    bench.step(-86_400.0)
    assert bench.clock._held.ahead_ns == 86_400 * SECOND_NS


def test_a_gate_that_is_closed_is_no_step() -> None:
    bench = Bench(speed=72.0)
    for _ in range(200):  # town time stands still while services start
        bench.wall.said["steady_s"] += 0.5
        assert bench.now_s() == 0.0
    assert bench.live(1_000) == pytest.approx(72_000)


def test_nothing_begins_before_the_clock_is_set(caplog: pytest.LogCaptureFixture) -> None:
    stop = Event()
    stop.set()
    assert not wait_for_clock(Wall(said={"wall_s": 0.0, "steady_s": 0.0}), stop)
    assert [record.message for record in caplog.records] == ["clock_not_set"]
    assert wait_for_clock(Clock(town_start_ns=SANE_FROM_NS), Event())
