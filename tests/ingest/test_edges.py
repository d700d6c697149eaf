"""Edges of the core that only a changed comparison showed to be untested (see tests/mutants)."""

from __future__ import annotations

from ingest.pipeline import Pipeline
from tests.ingest.core_town import QUIET, SECOND_NS, T0_NS, Town, device, reading, rule, town

TRAP = device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 600")


def test_a_late_row_that_says_what_another_series_said_at_that_time_is_no_copy() -> None:
    home = Town(town(device("a"), device("b"), QUIET))
    home.take(reading("a", "air_temperature", 1.0, at_s=0), reading("b", "air_temperature", 1.0, at_s=120))
    both = [reading(name, "air_temperature", 5.0, at_s=60, received_s=60) for name in ("a", "b")]
    outcome = home.take(*both, now_s=130)
    assert (len(outcome.observations), outcome.duplicates) == (2, 0)


def kept(home: Town) -> list[tuple[float, int]]:
    """Minutes since T0 and counters of all readings."""
    return sorted(((at_ns - T0_NS) / (60 * SECOND_NS), seq) for _, _, at_ns, seq in home.record.rows)


def test_two_frames_of_one_instant_that_say_the_same_are_two_readings() -> None:
    home = Town(town(TRAP, QUIET))
    for seq, minute in ((1, 0), (2, 10), (3, 10)):
        home.take(reading("trap", "battery_level", 9.0, at_s=minute * 60, seq=seq))
    assert kept(home) == [(0, 1), (10, 2), (10, 3)]


def test_a_fresh_copy_stands_for_one_that_was_sent_again_however_late_it_comes() -> None:
    home = Town(town(device("a"), QUIET))
    home.take(reading("a", "air_temperature", 1.0, at_s=0, received_s=5, resent=True))
    home.take(reading("a", "air_temperature", 1.0, at_s=0, received_s=6))
    assert [(received_ns - T0_NS, resent) for received_ns, _, _, resent in home.record.rows.values()] == [
        (6 * SECOND_NS, False)
    ]


def test_two_values_under_one_counter_at_one_instant_contradict_each_other() -> None:
    home = Town(town(TRAP, QUIET))
    home.take(reading("trap", "battery_level", 9.0, at_s=0, seq=1))
    for value in (9.0, 8.0):
        home.take(reading("trap", "battery_level", value, at_s=600, seq=2))
    assert kept(home) == [(0, 1), (10, 2)]
    assert len(home.record.quarantine) == 1


def test_a_channel_of_which_there_is_only_old_news_was_never_heard_and_cannot_fall_silent() -> None:
    silent = rule("silent", "silent", params="channel = true, intervals = 2.0, grace_s = 60")
    pipeline = Pipeline(town(device("a", more="expected_interval_s = 600"), silent))
    old, new = (
        reading("a", "relative_humidity", 50.0, at_s=0, resent=True), reading("a", "air_temperature", 1.0, at_s=1)
    )  # fmt: skip
    assert pipeline.process([old, new], now_ns=new.received_ns).events == ()
