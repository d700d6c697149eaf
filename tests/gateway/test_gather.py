"""Frames of a free-running instrument are gathered into one reading set an interval."""

from __future__ import annotations

import math
from statistics import median

from hypothesis import given
from hypothesis import strategies as st

from devices.model import SECOND_NS, Decoded, Gathering
from gateway.gather import Gatherer

START_NS = 1_700_000_000 * SECOND_NS


def middle(frames: tuple[Decoded, ...]) -> Decoded:
    good = [frame.values["distance"] for frame in frames if not math.isnan(frame.values["distance"])]
    return Decoded(values={"distance": median(good) if good else math.nan, "valid_samples": float(len(good))})


MINUTE = Gathering(interval_s=60.0, combine=middle)


def at(seconds: float) -> int:
    return START_NS + int(seconds * SECOND_NS)


def add(gatherer: Gatherer, seconds: float, distance_m: float = 2.0, *, device_id: str = "snow-01") -> None:
    gatherer.add(device_id, MINUTE, Decoded(values={"distance": distance_m}), at(seconds))


def test_a_window_gives_one_reading_set_when_it_is_over_and_only_once() -> None:
    gatherer = Gatherer()
    for second in range(60):
        add(gatherer, second, 2.0 + (second == 30))
    assert gatherer.due(at(59.9)) == []
    [gathered] = gatherer.due(at(60))
    assert gathered.device_id == "snow-01"
    assert gathered.received_ns == at(59)
    assert gathered.combined().values == {"distance": 2.0, "valid_samples": 60.0}
    assert gatherer.due(at(61)) == []


def test_windows_follow_each_other_without_a_hole() -> None:
    gatherer = Gatherer()
    for second in range(0, 180, 7):
        add(gatherer, second)
    add(gatherer, 180.5)
    assert [len(g.frames) for g in gatherer.due(at(180.5))] == [9, 9, 8]


def test_after_a_pause_the_next_window_begins_with_its_first_frame() -> None:
    gatherer = Gatherer()
    add(gatherer, 0)
    assert len(gatherer.due(at(60))) == 1
    add(gatherer, 1_000)
    assert gatherer.due(at(1_059)) == []
    assert len(gatherer.due(at(1_060))) == 1


def test_silence_gives_nothing() -> None:
    gatherer = Gatherer()
    add(gatherer, 0)
    assert len(gatherer.due(at(60))) == 1
    assert gatherer.due(at(600)) == []


def test_devices_do_not_mix() -> None:
    gatherer = Gatherer()
    add(gatherer, 0, 1.0, device_id="a")
    add(gatherer, 1, 2.0, device_id="b")
    said = {g.device_id: g.combined().values["distance"] for g in gatherer.due(at(120))}
    assert said == {"a": 1.0, "b": 2.0}


def test_a_clock_set_back_by_hours_does_not_hold_a_window_open() -> None:
    gatherer = Gatherer()
    add(gatherer, 0)
    assert len(gatherer.due(at(-9 * 3600))) == 1
    add(gatherer, -9 * 3600)
    assert len(gatherer.due(at(-9 * 3600 + 60))) == 1


def test_what_was_gathered_leaves_at_the_end_of_the_process() -> None:
    gatherer = Gatherer()
    add(gatherer, 0)
    add(gatherer, 10)
    [gathered] = gatherer.flush()
    assert len(gathered.frames) == 2
    assert gatherer.flush() == []


def test_a_flood_is_bounded_and_keeps_the_newest() -> None:
    gatherer = Gatherer()
    for i in range(10_050):
        add(gatherer, i / 1000, float(i))
    [gathered] = gatherer.flush()
    assert len(gathered.frames) == 10_000
    assert gathered.frames[-1].values["distance"] == 10_049.0


@given(st.lists(st.floats(0, 3_600, allow_nan=False), min_size=1, max_size=50))
def test_no_frame_is_lost_or_counted_twice(seconds: list[float]) -> None:
    gatherer = Gatherer()
    for moment in sorted(seconds):
        add(gatherer, moment)
    windows = gatherer.due(at(7_200))
    assert sum(len(g.frames) for g in windows) == len(seconds)
    assert len(windows) <= 61
