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
    ("restarted twice in a row", [(0, 500, 9), (10, 0, 9), (20, 0, 8), (30, 1, 8)], [0, 1, 2, 3]),
    ("restarted twice, an hour apart", [(0, 500, 9), (10, 0, 9), (71, 0, 9), (81, 1, 8)], [0, 1, 2, 3]),
    ("restarted, and heard twice", [(0, 500, 9), (70, 0, 9), (70.5, 0, 9), (80, 1, 8)], [0, 1, 3]),
    ("twice within the hour before it is known", [(0, 500, 9), (55, 0, 9), (61, 0, 9), (71, 1, 8)], [0, 1, 3]),
    ("restarted after a pause", [(0, 5, 9), (10, 6, 9), (80, 5, 9)], [0, 1, 2]),
    ("16 bits wrap", [(0, 65_534, 9), (10, 65_535, 9), (20, 0, 9), (30, 1, 9)], [0, 1, 2, 3]),
    ("the same seq a day later", [(0, 5, 9), (DAY_MIN - 5, 6, 9), (DAY_MIN + 5, 5, 9)], [0, 1, 2]),
    ("a straggler that was never here", [(0, 5, 9), (10, 7, 9), (12, 6, 9), (20, 8, 9)], [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("frames", "kept"), [case[1:] for case in KEPT], ids=[case[0] for case in KEPT])
@pytest.mark.lesson(29, 46)
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


def said(frames: list[tuple[float, int, bool]], *, at_once: bool) -> list[float]:
    """The minutes of the frames that are left: minute, seq, whether the device says that it has just started."""
    one = Town(SITE)
    rows = [
        [frame(minute, seq, 9.0), *([frame(minute, seq, 1.0, quantity="restarted")] if is_start else [])]
        for minute, seq, is_start in frames
    ]
    for part in [[said for row in rows for said in row]] if at_once else rows:
        one.take(*part)
    return [at_s / MIN_S for at_s, _, _ in one.record.values("trap", "battery_level")]


@pytest.mark.bad_input(56)
@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize(
    ("frames", "kept"),
    [
        ([(0, 5, False), (10, 6, False), (20, 5, True), (30, 6, False)], [0, 10, 20, 30]),
        ([(0, 5, False), (10, 6, False), (20, 5, False)], [0, 10]),
        ([(0, 5, True), (10, 6, False), (10.5, 5, True)], [0, 10]),
        ([(0, 0, True), (10, 1, False), (80, 0, True), (80.1, 0, True), (90, 1, False)], [0, 10, 80, 90]),
    ],
    ids=["says so", "does not: a copy", "a copy of the frame that says so", "and again, by two gateways"],
)
def test_a_device_that_says_it_has_restarted_is_believed(
    frames: list[tuple[float, int, bool]], kept: list[float], at_once: bool
) -> None:
    assert said(frames, at_once=at_once) == kept


@pytest.mark.bad_input(57)
@pytest.mark.parametrize("at_once", [False, True])
def test_what_waited_for_hours_and_came_within_one_second_is_in_the_order_of_its_own_time(at_once: bool) -> None:
    """A join storm: the network's times are hours apart, the receipts are not."""
    one = Town(SITE)
    storm = [
        reading("trap", "battery_level", 50.0 + n % 3, at_s=600 * n, received_s=36_000 + n / 100, seq=n, resent=n < 59)
        for n in range(60)
    ]
    for part in [storm[::-1]] if at_once else [[row] for row in storm]:
        one.take(*part, now_s=36_001)
    assert [at_s for at_s, _, _ in one.record.values("trap", "battery_level")] == [600.0 * n for n in range(60)]
    assert one.record.duplicates == 0
    assert [value for _, value, _ in one.record.values("trap", "battery_level")] == [50.0 + n % 3 for n in range(60)]
