from __future__ import annotations

import pytest

from devices.model import SECOND_NS
from gateway.clocks import ClockLimits, DeviceClocks, DeviceTime, Stamp

NOW_NS = 1_700_000_000 * SECOND_NS
MINUTE_NS = 60 * SECOND_NS
HOUR_NS = 60 * MINUTE_NS


def judge(offset_ns: int | None, *, is_declared: bool = False, believed_offset_ns: int | None = None) -> Stamp:
    believed = {} if believed_offset_ns is None else {"mo-01": NOW_NS + believed_offset_ns}
    clocks = DeviceClocks(ClockLimits(), believed=believed)
    observed_ns = None if offset_ns is None else NOW_NS + offset_ns
    return clocks.judge("mo-01", DeviceTime(observed_ns=observed_ns, received_ns=NOW_NS, is_declared=is_declared))


def device(offset_ns: int, *, resent: bool = False) -> Stamp:
    return Stamp(observed_ns=NOW_NS + offset_ns, clock="device", resent=resent)


def gateway(*, resent: bool = False, is_refused: bool = False) -> Stamp:
    return Stamp(observed_ns=NOW_NS, clock="gateway", resent=resent, is_refused=is_refused)


TO_1970 = -NOW_NS
TO_2000 = 946_684_800 * SECOND_NS - NOW_NS


@pytest.mark.bad_input(88)
@pytest.mark.parametrize(
    ("offset_ns", "expected"),
    [
        pytest.param(None, gateway(), id="no clock"),
        pytest.param(-2 * SECOND_NS, device(-2 * SECOND_NS), id="two seconds ago"),
        pytest.param(-5 * MINUTE_NS, device(-5 * MINUTE_NS), id="five minutes ago"),
        pytest.param(-5 * MINUTE_NS - 1, gateway(is_refused=True), id="more than five minutes ago"),
        pytest.param(5 * MINUTE_NS, device(5 * MINUTE_NS), id="five minutes ahead"),
        pytest.param(5 * MINUTE_NS + 1, gateway(is_refused=True), id="more than five minutes ahead"),
        pytest.param(TO_1970, gateway(is_refused=True), id="1970"),
        pytest.param(TO_2000, gateway(is_refused=True), id="2000"),
        pytest.param(-9 * HOUR_NS, gateway(is_refused=True), id="local time taken for UTC, behind"),
        pytest.param(9 * HOUR_NS, gateway(is_refused=True), id="local time taken for UTC, ahead"),
    ],
)
@pytest.mark.lesson(43)
def test_device_time_is_used_within_five_minutes(offset_ns: int | None, expected: Stamp) -> None:
    assert judge(offset_ns) == expected


@pytest.mark.parametrize(
    ("offset_ns", "expected"),
    [
        pytest.param(None, gateway(resent=True), id="retained without a time"),
        pytest.param(-30 * 24 * HOUR_NS, device(-30 * 24 * HOUR_NS, resent=True), id="a month ago"),
        pytest.param(-SECOND_NS, device(-SECOND_NS, resent=True), id="a second ago"),
        pytest.param(HOUR_NS, gateway(resent=True, is_refused=True), id="an hour ahead"),
        pytest.param(TO_1970, gateway(resent=True, is_refused=True), id="1970"),
    ],
)
def test_declared_history_keeps_its_time_and_is_never_news(offset_ns: int | None, expected: Stamp) -> None:
    assert judge(offset_ns, is_declared=True) == expected


@pytest.mark.parametrize(
    ("offset_ns", "believed_offset_ns", "expected"),
    [
        pytest.param(-2 * HOUR_NS, -3 * HOUR_NS, device(-2 * HOUR_NS, resent=True), id="goes on after an outage"),
        pytest.param(-3 * HOUR_NS, -3 * HOUR_NS, device(-3 * HOUR_NS, resent=True), id="delivered again"),
        pytest.param(-4 * HOUR_NS, -3 * HOUR_NS, device(-4 * HOUR_NS, resent=True), id="again, an hour back"),
        pytest.param(-4 * HOUR_NS - 1, -3 * HOUR_NS, gateway(is_refused=True), id="further back than that"),
        pytest.param(TO_2000, -3 * HOUR_NS, gateway(is_refused=True), id="reset to 2000 by an empty battery"),
        pytest.param(HOUR_NS, -3 * HOUR_NS, gateway(is_refused=True), id="future in spite of a good past"),
    ],
)
def test_what_waited_in_the_broker_keeps_its_time_when_the_clock_was_right(
    offset_ns: int, believed_offset_ns: int, expected: Stamp
) -> None:
    assert judge(offset_ns, believed_offset_ns=believed_offset_ns) == expected


def test_believed_times_are_handed_over_once_for_storage() -> None:
    clocks = DeviceClocks(ClockLimits(), believed={})
    clocks.judge("a", DeviceTime(observed_ns=NOW_NS, received_ns=NOW_NS))
    clocks.judge("b", DeviceTime(observed_ns=None, received_ns=NOW_NS))
    clocks.judge("c", DeviceTime(observed_ns=0, received_ns=NOW_NS))
    clocks.judge("d", DeviceTime(observed_ns=NOW_NS, received_ns=NOW_NS, is_declared=True))
    assert clocks.take_changes() == {"a": NOW_NS}
    assert clocks.take_changes() == {}


def test_a_clock_set_right_is_believed_from_then_on() -> None:
    clocks = DeviceClocks(ClockLimits(), believed={})
    ahead = DeviceTime(observed_ns=NOW_NS + 4 * MINUTE_NS, received_ns=NOW_NS)
    assert clocks.judge("a", ahead).clock == "device"
    assert clocks.judge("a", DeviceTime(observed_ns=NOW_NS - 4 * MINUTE_NS, received_ns=NOW_NS)).clock == "device"
    assert clocks.take_changes() == {"a": NOW_NS - 4 * MINUTE_NS}
