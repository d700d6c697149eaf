"""Town time: real, sped up, standing still until its start or until its gate opens."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from devices.clock import Clock, parse_clock, start_clock
from devices.model import PermanentError

REAL_NS = 1_800_000_000_000_000_000
TOWN_NS = 1_768_867_200_000_000_000
SECOND_NS = 1_000_000_000


@pytest.fixture
def real_time(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Real time, to be set by the test."""
    now = [REAL_NS]
    monkeypatch.setattr(time, "time_ns", lambda: now[0])
    return now


def test_the_default_is_real_time_to_the_nanosecond(real_time: list[int]) -> None:
    real_time[0] = REAL_NS + 7
    assert Clock().now_ns() == REAL_NS + 7


@pytest.mark.parametrize(
    ("passed_s", "town_s"), [(-5.0, 0.0), (0.0, 0.0), (1.0, 600.0), (10.0, 6000.0)], ids=["before", "at", "1 s", "10 s"]
)
def test_town_time_stands_until_its_start_and_then_runs(real_time: list[int], passed_s: float, town_s: float) -> None:
    clock = Clock(real_start_ns=REAL_NS, town_start_ns=TOWN_NS, speed=600.0)
    real_time[0] = REAL_NS + int(passed_s * SECOND_NS)
    assert clock.now_ns() == TOWN_NS + int(town_s * SECOND_NS)


def test_seconds_until_are_of_the_machine(real_time: list[int]) -> None:
    clock = start_clock(town_start_ns=TOWN_NS, speed=600.0, lead_s=2.0)
    assert clock.real_seconds_until(TOWN_NS + 1200 * SECOND_NS) == pytest.approx(4.0)
    assert clock.real_seconds_until(TOWN_NS - 1200 * SECOND_NS) == 0.0
    assert clock.town_ns_of(real_s=0.5) == 300 * SECOND_NS
    assert real_time[0] == REAL_NS


def test_behind_a_closed_gate_town_time_stands(real_time: list[int], tmp_path: Path) -> None:
    clock = Clock(town_start_ns=TOWN_NS, speed=600.0, gate=str(tmp_path / "gate"))
    for now_ns in (REAL_NS, REAL_NS + 3600 * SECOND_NS):
        real_time[0] = now_ns
        assert clock.now_ns() == TOWN_NS
    assert clock.real_seconds_until(TOWN_NS) == 0.0
    assert clock.real_seconds_until(TOWN_NS + 1) > 1000.0


def test_from_the_opening_of_the_gate_town_time_runs_for_all(real_time: list[int], tmp_path: Path) -> None:
    clock = Clock(town_start_ns=TOWN_NS, speed=600.0, gate=str(tmp_path / "gate"))
    other = parse_clock(clock.as_text())
    clock.open_gate()
    os.utime(tmp_path / "gate", ns=(REAL_NS, REAL_NS))
    real_time[0] = REAL_NS + 2 * SECOND_NS
    assert clock.now_ns() == other.now_ns() == TOWN_NS + 1200 * SECOND_NS
    assert other.real_seconds_until(TOWN_NS + 1800 * SECOND_NS) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "clock",
    [
        Clock(),
        Clock(real_start_ns=1, town_start_ns=2, speed=5400.0),
        Clock(real_start_ns=0, town_start_ns=2, speed=0.5, gate="/a folder/with:colon/gate"),
    ],
)
def test_a_clock_reads_back_from_its_text(clock: Clock) -> None:
    assert parse_clock(clock.as_text()) == clock


def test_no_text_is_real_time() -> None:
    assert parse_clock("") == Clock()


@pytest.mark.parametrize("text", ["now", "1:2", "1:2:fast", "1:2:", "a:2:3", "1:2:0", "1:2:-1", "1:2:nan", "1:2:inf"])
def test_what_is_no_clock_is_named(text: str) -> None:
    with pytest.raises(PermanentError, match="clock"):
        parse_clock(text)
