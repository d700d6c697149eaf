"""Local times, also where clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from devices.model import SECOND_NS
from devices.payloads.json_time import local_ns, zone_of


def utc_ns(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_NS


@pytest.mark.lesson(44)
@pytest.mark.parametrize(
    ("zone", "text", "utc"),
    [
        ("Asia/Tokyo", "2025-03-30T02:30:00", "2025-03-29T17:30:00"),
        ("Europe/Berlin", "2025-03-30T01:59:59", "2025-03-30T00:59:59"),
        ("Europe/Berlin", "2025-03-30T02:30:00", None),
        ("Europe/Berlin", "2025-03-30T03:00:00", "2025-03-30T01:00:00"),
        ("Europe/Berlin", "2025-10-26T01:59:59", "2025-10-25T23:59:59"),
        ("Europe/Berlin", "2025-10-26T02:30:00", None),
        ("Europe/Berlin", "2025-10-26T02:30:00+02:00", "2025-10-26T00:30:00"),
        ("Europe/Berlin", "2025-10-26T02:30:00+01:00", "2025-10-26T01:30:00"),
        ("Europe/Berlin", "2025-10-26T03:00:00", "2025-10-26T02:00:00"),
    ],
)
def test_a_local_time_that_never_was_or_came_twice_is_none(zone: str, text: str, utc: str | None) -> None:
    assert local_ns(text, zone_of(zone)) == (None if utc is None else utc_ns(utc))
