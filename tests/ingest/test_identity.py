"""Which frames are copies and where a counter began anew, told by the readings that are left."""

from __future__ import annotations

import pytest

from devices.model import Reading
from tests.ingest.core_town import QUIET, SECOND_NS, T0_NS, Town, device, reading, rule, town

SITE = town(device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 600"), QUIET)
MIN_S = 60
DAY_MIN = 1_440

Frames = list[tuple[float, int, float]]


def frame(minute: float, seq: int, value: float, *, quantity: str = "battery_level") -> Reading:
    return reading("trap", quantity, value, at_s=minute * MIN_S, seq=seq)


def left(frames: Frames) -> list[tuple[float, int]]:
    one = Town(SITE)
    for minute, seq, value in frames:
        one.take(frame(minute, seq, value))
    return sorted(((at_ns - T0_NS) / (MIN_S * SECOND_NS), seq) for _, _, at_ns, seq in one.record.rows)


KEPT: list[tuple[str, Frames, list[int]]] = [
    ("a flat gauge is good news", [(0, 1, 9), (10, 2, 9), (20, 3, 9)], [0, 1, 2]),
    ("another gateway, 12 s later", [(0, 1, 9), (0.2, 1, 9), (10, 2, 9)], [0, 2]),
    ("another gateway, 50 min later", [(0, 1, 9), (10, 2, 9), (20, 3, 9), (50, 1, 9)], [0, 1, 2]),
    ("joined again after months of frames", [(0, 500, 9), (10, 0, 9), (20, 1, 9)], [0, 1, 2]),
    ("restarted, other values", [(0, 0, 9), (10, 1, 9), (20, 0, 8), (30, 1, 8)], [0, 1, 2, 3]),
    (
        "restarted, the very same values",
        [(0, 0, 9), (10, 1, 9), (20, 2, 9), (30, 0, 9), (40, 1, 9), (50, 2, 9), (60, 3, 9)],
        [0, 1, 2, 3, 4, 5, 6],
    ),
    ("restarted after a pause", [(0, 5, 9), (10, 6, 9), (80, 5, 9)], [0, 1, 2]),
    ("16 bits wrap", [(0, 65_534, 9), (10, 65_535, 9), (20, 0, 9), (30, 1, 9)], [0, 1, 2, 3]),
    ("the same seq a day later", [(0, 5, 9), (DAY_MIN - 5, 6, 9), (DAY_MIN + 5, 5, 9)], [0, 1, 2]),
    ("a straggler that was never here", [(0, 5, 9), (10, 7, 9), (12, 6, 9), (20, 8, 9)], [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("frames", "kept"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_readings_that_are_left(frames: Frames, kept: list[int]) -> None:
    assert left(frames) == sorted((frames[place][0], frames[place][1]) for place in kept)


@pytest.mark.parametrize(("frames", "kept"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
def test_all_at_once_is_the_same(frames: Frames, kept: list[int]) -> None:
    one = Town(SITE)
    one.take(*(frame(*each) for each in reversed(frames)))
    assert len(one.record.rows) == len(kept)


def test_radio_levels_do_not_make_a_copy_another_frame() -> None:
    one = Town(SITE)
    one.take(frame(0, 1, 9), frame(0, 1, -90, quantity="rssi"))
    one.take(frame(0.2, 1, 9), frame(0.2, 1, -101, quantity="rssi"))
    assert len(one.record.rows) == 2
    assert one.record.duplicates == 2


def test_the_earliest_stamp_stands_whichever_came_first() -> None:
    one = Town(SITE)
    one.take(frame(10.2, 2, 9))
    outcome = one.take(frame(10, 2, 9), now_s=700)
    assert len(outcome.removed) == 1
    assert [at_s for at_s, _, _ in one.record.values("trap", "battery_level")] == [600.0]


def test_conflicts_are_told_and_the_first_received_stands() -> None:
    one = Town(town(device("air"), QUIET))
    one.take(reading("air", "air_temperature", 2.0, at_s=60, received_s=62))
    one.take(reading("air", "air_temperature", 1.0, at_s=60, received_s=61), now_s=70)
    one.take(reading("air", "air_temperature", 3.0, at_s=60, received_s=63))
    assert one.record.values("air", "air_temperature") == [(60.0, 1.0, 1)]
    assert [row.reason for row in one.record.quarantine] == ["conflict", "conflict"]


def test_a_known_row_sent_again_changes_nothing() -> None:
    one = Town(town(device("air"), QUIET))
    rows = [reading("air", "air_temperature", 1.0, at_s=60 * minute) for minute in range(10)]
    one.take(*rows)
    outcome = one.take(*rows, now_s=900)
    assert (len(outcome.observations), outcome.duplicates, len(outcome.events)) == (0, 10, 0)


def test_a_straggler_judged_in_time_stays_judged_when_the_counter_turns_out_restarted() -> None:
    one = Town(
        town(
            device("trap", model="milesight_em300_mcs", station="woods", more="expected_interval_s = 600"),
            rule("silent", "silent", params="intervals = 1.0, grace_s = 0"),
        )
    )
    for minute, seq, value in ((6, 2, 9), (18, 0, 8)):
        one.take(frame(minute, seq, value))
    heard = one.events
    one.take(frame(40, 2, 8))
    assert one.events[: len(heard)] == heard
