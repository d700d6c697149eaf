"""Waking hours."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from ingest.waking import WakingHours, minutes_of

HOUR_NS = 3_600 * 1_000_000_000


def ns(text: str, zone: str = "Asia/Tokyo") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).timestamp()) * 10**9


@pytest.mark.parametrize(
    ("waking", "hours", "since", "deadline"),
    [
        ("00:00 24:00", 12, "2026-01-20T20:00", "2026-01-21T08:00"),
        ("06:00 22:00", 12, "2026-01-20T20:00", "2026-01-21T16:00"),
        ("06:00 22:00", 12, "2026-01-20T23:30", "2026-01-21T18:00"),
        ("06:00 22:00", 2, "2026-01-20T20:00", "2026-01-20T22:00"),
        ("20:00 04:00", 5, "2026-01-20T23:00", "2026-01-21T04:00"),
        ("20:00 04:00", 6, "2026-01-21T01:00", "2026-01-21T23:00"),
    ],
)
def test_deadline(waking: str, hours: int, since: str, deadline: str) -> None:
    start, end = waking.split()
    rule = WakingHours(
        from_min=minutes_of(start), to_min=minutes_of(end), zone=ZoneInfo("Asia/Tokyo"), limit_ns=hours * HOUR_NS
    )
    assert rule.deadline_ns(ns(since)) == ns(deadline)


@pytest.mark.lesson(45)
def test_the_night_in_which_clocks_are_put_forward() -> None:
    rule = WakingHours(from_min=0, to_min=6 * 60, zone=ZoneInfo("Europe/Berlin"), limit_ns=6 * HOUR_NS)
    # that night has five hours up to 06:00, so an hour of the next one is needed
    assert rule.deadline_ns(ns("2026-03-29T00:00", "Europe/Berlin")) == ns("2026-03-30T01:00", "Europe/Berlin")


@pytest.mark.parametrize("text", ["", "6:00", "24:01", "12:60", "noon", "12:00:00"])
def test_no_time_of_day(text: str) -> None:
    with pytest.raises(ValueError, match="write HH:MM"):
        minutes_of(text)
