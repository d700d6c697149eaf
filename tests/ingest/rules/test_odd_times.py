"""Times that stand still or lie close together: silence is found all the same, and nothing in between is left out."""

from __future__ import annotations

import pytest

from devices.model import Reading
from tests.ingest.core_town import QUIET, Town, device, reading, rule, town
from tests.ingest.rules.cases import changes, told

AIR = device("air", more="expected_interval_s = 300")
HUSH = rule("hush", "silent", params="intervals = 2.5, grace_s = 60")
LIMIT_S = 810
HOT = rule("hot", "threshold", params="raise_at = 5.0, clear_at = 3.0", more='quantity = "air_temperature"')


def heard(value: float, *, at_s: float, received_s: float, seq: int | None = None) -> Reading:
    return reading("air", "air_temperature", value, at_s=at_s, received_s=received_s, seq=seq)


@pytest.mark.lesson(22)
@pytest.mark.parametrize("is_counting", [False, True], ids=["no counter", "frame counter"])
def test_a_device_whose_clock_stands_still_is_silent_when_it_says_no_more(is_counting: bool) -> None:
    stuck = [heard(n, at_s=10, received_s=10 + 300 * n, seq=n if is_counting else None) for n in range(5)]
    last_heard_s = 1_210 if is_counting else 10  # without a counter the others are copies, or contradict: no news
    events = changes(town(AIR, HUSH), *stuck, until_s=5_000)
    assert events[-1] == ("raised", last_heard_s + LIMIT_S)


@pytest.mark.lesson(41)
def test_values_two_milliseconds_apart_are_all_judged_and_all_kept() -> None:
    site = town(AIR, HOT, QUIET)
    shower = [heard(6.0 * (n % 2), at_s=1 + n * 0.002, received_s=2) for n in range(9)]
    states = [state for _, state, _ in told(site, *shower, until_s=1_000)]
    assert states == ["raised", "cleared"] * 4
    home = Town(site)
    home.take(*shower)
    assert len(home.record.rows) == 9


@pytest.mark.lesson(28)
def test_each_model_may_be_silent_as_long_as_its_own_interval_says() -> None:
    trap = device("trap", model="milesight_em300_mcs", station="woods")  # speaks every hour
    gauge = device("gauge", model="decentlab_dl_mbx")  # every ten minutes
    silence = told(town(trap, gauge), until_s=100_000)
    assert silence == [("gauge", "raised", 3 * 600 + 600), ("trap", "raised", 3 * 3_600 + 600)]
