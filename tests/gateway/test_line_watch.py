"""When a trouble of a serial line is a fault, when it is over, and how often it is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.line_watch import Finding, LineReporter, LineWatch, WatchLimits
from tests.gateway.lines import Heard, intake_of, toy_spec
from tests.gateway.spools import open_spool

SPEAKING = WatchLimits(silent_s=10.0)
ASKED = WatchLimits()
STICK = WatchLimits(is_open_enough=True)


def watch_of(limits: WatchLimits, *subjects: str) -> LineWatch:
    return LineWatch(subjects or ("g",), limits, now_s=0.0)


def told(watch: LineWatch, now_s: float) -> list[str]:
    """Return the faults that are news now, and take them as told."""
    findings = watch.findings(now_s=now_s)
    watch.told(findings, now_s=now_s)
    return [finding.fault for finding in findings]


def test_a_line_that_is_well_from_the_start_says_nothing() -> None:
    watch = watch_of(SPEAKING)
    watch.opened(now_s=0.1)
    watch.good("g", now_s=1.0)
    assert told(watch, 2.0) == []


def test_a_port_that_is_gone_for_a_moment_is_no_fault_yet() -> None:
    watch = watch_of(SPEAKING)
    watch.opened(now_s=0.0)
    watch.good("g", now_s=1.0)
    watch.lost(now_s=2.0)
    assert told(watch, 3.9) == []
    watch.lost(now_s=3.9)
    assert told(watch, 4.0) == ["lost"]
    assert told(watch, 5.0) == []


def test_a_port_that_was_never_there_is_lost() -> None:
    watch = watch_of(ASKED)
    watch.lost(now_s=0.0)
    assert told(watch, 2.0) == ["lost"]


def test_an_open_port_alone_does_not_end_a_fault() -> None:
    watch = watch_of(SPEAKING)
    watch.lost(now_s=0.0)
    assert told(watch, 2.0) == ["lost"]
    watch.opened(now_s=3.0)
    assert told(watch, 4.0) == []
    watch.good("g", now_s=5.0)
    assert told(watch, 5.0) == ["none"]


def test_silence_after_opening_is_no_answer() -> None:
    watch = watch_of(SPEAKING)
    watch.lost(now_s=0.0)
    told(watch, 2.0)
    watch.opened(now_s=3.0)
    assert told(watch, 12.9) == []
    assert told(watch, 13.0) == ["no_answer"]


def test_bytes_without_meaning_are_garbage_after_ten_seconds_and_not_before() -> None:
    watch = watch_of(SPEAKING)
    watch.opened(now_s=0.0)
    for second in range(10):
        watch.heard(now_s=second)
        watch.bad("g", now_s=second)
    assert told(watch, 9.0) == []
    watch.bad("g", now_s=10.0)
    assert told(watch, 10.0) == ["garbage"]
    watch.good("g", now_s=11.0)
    assert told(watch, 11.0) == ["none"]


def test_now_and_then_a_bad_frame_is_no_fault() -> None:
    watch = watch_of(SPEAKING)
    watch.opened(now_s=0.0)
    for second in range(100):
        watch.bad("g", now_s=second)
        watch.good("g", now_s=second + 0.5)
    assert told(watch, 100.0) == []


def test_one_bad_frame_and_then_the_usual_pause_is_no_garbage() -> None:
    watch = watch_of(WatchLimits(silent_s=1_800.0))
    watch.opened(now_s=0.0)
    watch.bad("g", now_s=1.0)
    watch.heard(now_s=601.0)
    assert told(watch, 601.0) == []


def test_a_polled_instrument_is_given_three_tries() -> None:
    watch = watch_of(ASKED)
    watch.opened(now_s=0.0)
    watch.failed("g", "no_answer")
    watch.failed("g", "no_answer")
    assert told(watch, 5.0) == []
    watch.failed("g", "no_answer")
    assert told(watch, 5.0) == ["no_answer"]


def test_tries_before_a_success_do_not_count() -> None:
    watch = watch_of(ASKED)
    watch.opened(now_s=0.0)
    for second in range(20):
        watch.failed("g", "no_answer")
        watch.failed("g", "garbage")
        assert told(watch, second) == []
        watch.good("g", now_s=second)


def test_a_fault_of_another_kind_is_told_as_such() -> None:
    watch = watch_of(ASKED)
    watch.opened(now_s=0.0)
    for _ in range(3):
        watch.failed("g", "no_answer")
    assert told(watch, 1.0) == ["no_answer"]
    watch.failed("g", "garbage")
    assert told(watch, 2.0) == ["garbage"]


def test_a_stick_is_well_when_its_port_is_open() -> None:
    watch = watch_of(STICK)
    watch.lost(now_s=0.0)
    assert told(watch, 2.0) == ["lost"]
    watch.opened(now_s=3.0)
    assert told(watch, 3.0) == ["none"]
    assert told(watch, 100_000.0) == []


def test_a_stick_that_brings_garbage_only_is_not_well() -> None:
    watch = watch_of(STICK)
    watch.opened(now_s=0.0)
    watch.bad("g", now_s=1.0)
    watch.bad("g", now_s=11.0)
    assert told(watch, 11.0) == ["garbage"]


def test_on_a_bus_each_has_its_own_fault_and_all_lose_the_line_together() -> None:
    watch = watch_of(ASKED, "a", "b")
    watch.opened(now_s=0.0)
    watch.good("a", now_s=0.0)
    for _ in range(3):
        watch.failed("b", "no_answer")
    assert watch.findings(now_s=1.0) == [Finding(subject="b", fault="no_answer")]
    assert not watch.is_all_faulty()
    watch.lost(now_s=2.0)
    assert {finding.subject for finding in watch.findings(now_s=4.0)} == {"a", "b"}
    assert watch.is_all_faulty()


def test_a_fault_that_lasts_is_told_again_every_ten_minutes_and_a_good_line_never() -> None:
    watch = watch_of(SPEAKING)
    watch.lost(now_s=0.0)
    assert [now_s for now_s in range(1_900) if told(watch, float(now_s))] == [2, 602, 1_202, 1_802]
    watch.opened(now_s=1_900.0)
    watch.good("g", now_s=1_900.0)
    assert told(watch, 1_900.0) == ["none"]
    assert told(watch, 5.0e6) == ["no_answer"]


def test_a_fault_that_ended_while_the_gateway_was_off_is_told_as_ended(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    reporter = LineReporter("gw-01", intake_of(heard.spool, {"g": toy_spec()}), now_ns=lambda: 1_700_000_000 * 10**9)
    watch = watch_of(ASKED)
    watch.lost(now_s=0.0)
    reporter.tell(watch, now_s=2.0)
    assert heard.faults("g") == ["lost"]
    after = watch_of(ASKED)
    reporter.remind(after)
    after.opened(now_s=0.0)
    after.good("g", now_s=1.0)
    reporter.tell(after, now_s=1.0)
    assert heard.faults("g") == ["lost", "none"]
    third = watch_of(ASKED)
    reporter.remind(third)
    third.opened(now_s=0.0)
    third.good("g", now_s=1.0)
    reporter.tell(third, now_s=1.0)
    assert heard.faults("g") == ["lost", "none"]


def test_while_the_disk_refuses_it_is_tried_twice_a_second_and_the_last_state_is_told(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    reporter = LineReporter("gw-01", intake_of(heard.spool, {"g": toy_spec()}), now_ns=lambda: 1_700_000_000 * 10**9)
    watch = watch_of(SPEAKING)
    watch.lost(now_s=0.0)
    heard.spool._db.execute("PRAGMA query_only = ON")
    reporter.tell(watch, now_s=2.0)
    heard.spool._db.execute("PRAGMA query_only = OFF")
    reporter.tell(watch, now_s=2.4)
    assert heard.faults("g") == []
    watch.opened(now_s=2.4)
    assert watch.findings(now_s=20.0) == [Finding(subject="g", fault="no_answer")]
    reporter.tell(watch, now_s=20.0)
    assert heard.faults("g") == ["no_answer"]


@pytest.mark.parametrize("limits", [SPEAKING, ASKED])
def test_nothing_is_said_before_anything_is_known(limits: WatchLimits) -> None:
    watch = watch_of(limits)
    watch.opened(now_s=0.0)
    assert watch.findings(now_s=1.0) == []
    assert not watch.is_all_faulty()
