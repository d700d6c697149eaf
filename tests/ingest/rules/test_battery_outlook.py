"""A battery that will be empty in some weeks, in a winter in which every battery's voltage falls at night."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from devices.model import Reading
from devices.site import Site
from tests.ingest.core_town import QUIET, Town, device, reading, rule, town
from tests.ingest.rules.cases import events_of

DAY_S = 86_400
HOUR_S = 3_600
STEP_S = 3 * HOUR_S
COLD_V_PER_K = 0.006


def site(more: str = "", *, params: str = "", device_more: str = "") -> Site:
    return town(device("gauge", more=device_more), QUIET, rule("old", "battery_outlook", params=params), more)


@dataclass(frozen=True)
class Battery:
    """Volts at 0 degrees on day 0, fall a day; what it shows moves with the temperature."""

    fresh_v: float = 3.2
    fall_v: float = 0.0
    per_k_v: float = COLD_V_PER_K
    noise_v: float = 0.002

    def shown(self, day: float, cel: float, noise: float) -> float:
        return self.fresh_v - self.fall_v * day + self.per_k_v * cel + self.noise_v * noise


def winter(day: float) -> float:
    """Autumn to deep winter within three months, warm at noon, cold at night."""
    return 12.0 - 0.3 * day + 6.0 * math.sin(2 * math.pi * (day - 0.25))


def readings(
    battery: Battery, *, days: float, from_day: float = 0.0, cel: Callable[[float], float] = winter
) -> Iterator[Reading]:
    noise = np.random.default_rng(7)
    for step in range(round(from_day * DAY_S), round((from_day + days) * DAY_S), STEP_S):
        day = step / DAY_S
        now_cel = cel(day)
        yield reading("gauge", "air_temperature", now_cel, at_s=step)
        yield reading("gauge", "battery_voltage", battery.shown(day, now_cel, noise.normal()), at_s=step)


def told(one: Site, *rows: Reading, until_day: float) -> list[tuple[str, float, float]]:
    """State, day and days left."""
    town_ = Town(one)
    for first in range(0, len(rows), 500):
        town_.take(*rows[first : first + 500])
    town_.tick(until_day * DAY_S)
    return [
        (e.state.value, (e.observed_ns - rows[0].observed_ns) / 1e9 / DAY_S, e.value)
        for e in town_.record.told
        if e.rule_id == "old"
    ]


def test_a_battery_that_falls_is_told_weeks_ahead() -> None:
    falling = Battery(fall_v=0.007)  # at 0 degrees 2.5 V after 100 days

    ((state, day, left),) = told(site(), *readings(falling, days=90), until_day=90)

    assert state == "raised"
    assert 35 <= day <= 50
    assert day + left == pytest.approx(100, abs=12)


def test_a_winter_is_no_falling_battery() -> None:
    """12 to -15 degrees at 6 mV a degree: 0.16 V in 90 days, which look like 60 days left to 3.05 V, and are not."""
    rows = list(readings(Battery(), days=90))
    blind = [row for row in rows if row.quantity == "battery_voltage"]

    assert told(site(params="low_v = 3.05"), *rows, until_day=90) == []
    assert [state for state, _, _ in told(site(params="low_v = 3.05"), *blind, until_day=90)] == ["raised"]
    assert told(site(), *blind, until_day=90) == []


def test_a_cold_night_is_nothing() -> None:
    def snap(day: float) -> float:
        return -25.0 if 30 <= day < 31 else 5.0 + 5.0 * math.sin(2 * math.pi * day)

    assert told(site(), *readings(Battery(), days=60, cel=snap), until_day=60) == []


def test_a_new_battery_ends_it_and_begins_anew() -> None:
    old = list(readings(Battery(fall_v=0.007), days=60))
    new = list(readings(Battery(), days=60, from_day=60))

    states = [(state, math.floor(day)) for state, day, _ in told(site(), *old, *new, until_day=120)]

    assert [state for state, _ in states] == ["raised", "cleared"]
    assert states[1][1] == 61


def test_an_empty_battery_needs_no_trend() -> None:
    low = Battery(fresh_v=3.0, per_k_v=0.0)

    ((state, day, left),) = told(site(params="low_v = 3.1"), *readings(low, days=3), until_day=3)

    assert (state, day, left) == ("raised", 1.0, 0.0)


def test_a_level_is_judged_where_there_is_no_voltage() -> None:
    one = site(device_more='quantities = ["battery_level"]')
    rows = [reading("gauge", "battery_level", 60.0 - 0.5 * day, at_s=day * DAY_S) for day in range(60)]

    ((state, day, left),) = told(one, *rows, until_day=60)

    assert state == "raised"
    assert 39 <= day <= 43
    assert day + left == pytest.approx(100, abs=3)


@pytest.mark.parametrize("value", [0.0, math.nan, 45.0])
def test_what_is_no_battery_says_nothing(value: float) -> None:
    rows = [reading("gauge", "battery_voltage", value, at_s=day * DAY_S) for day in range(40)]

    assert told(site(), *rows, until_day=40) == []


def test_one_bad_day_is_no_trend() -> None:
    rows = list(readings(Battery(), days=40))
    bad = [reading("gauge", "battery_voltage", 2.6, at_s=20 * DAY_S + hour * HOUR_S + 60) for hour in range(0, 24, 3)]
    rows = sorted([*rows, *bad], key=lambda row: row.observed_ns)

    assert told(site(), *rows, until_day=40) == []


def test_too_few_days_are_no_trend() -> None:
    assert told(site(), *readings(Battery(fall_v=0.02), days=13), until_day=13) == []


def test_however_the_rows_are_cut_it_says_the_same() -> None:
    rows = list(readings(Battery(fall_v=0.02), days=25))

    assert [event.state.value for event in events_of(site(), *rows, until_s=25 * DAY_S) if event.rule_id == "old"] == [
        "raised"
    ]


def test_a_restart_forgets_nothing() -> None:
    rows = list(readings(Battery(fall_v=0.02), days=25))
    through, cut = Town(site()), Town(site())
    through.take(*rows)
    for first in range(0, len(rows), 90):
        cut.take(*rows[first : first + 90])
        cut.restart()
    assert [e.event_id for e in cut.record.told] == [e.event_id for e in through.record.told]
    assert len(through.record.told) == 1


def test_every_site_is_warned_twice() -> None:
    plain = town(device("gauge"), QUIET)
    rows = list(readings(Battery(fall_v=0.02), days=34))
    hamlet = Town(plain)
    hamlet.take(*rows)

    found = [(e.rule_id, e.severity.key) for e in hamlet.record.told]
    assert found == [("battery-outlook", "info"), ("battery-soon", "warning")]
