"""Times at the edge are exact and refuse what is no time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.times import iso, iso_or_none, parse_iso
from devices.model import PermanentError

LAST_NS = parse_iso("2200-12-31T23:59:59.999999999Z")


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("2026-01-15T06:00:00+09:00", 1_768_424_400_000_000_000),
        ("2026-01-15T06:00:00 09:00", 1_768_424_400_000_000_000),
        ("2026-01-14T21:00Z", 1_768_424_400_000_000_000),
        ("2026-01-14T21:00:00", 1_768_424_400_000_000_000),
        ("2026-01-14T21:00:00.5z", 1_768_424_400_500_000_000),
    ],
)
def test_iso_text_becomes_nanoseconds(text: str, time_ns: int) -> None:
    assert parse_iso(text) == time_ns


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "1768424400", "2026-13-01", "2026-02-30T00:00:00Z", "2026-01-01T25:00:00Z", "1969-12-31",
        "2201-01-01", "9999-12-31T23:59:59Z", "2026-01-01T00:00:00+99:00", "２０２６-01-01",
        "2026-01-01T00:00:00.0000000001Z",
        "\x00", "2026-01-01T00:00:60Z",
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(PermanentError):
        parse_iso(text)


@given(st.integers(min_value=0, max_value=LAST_NS))
def test_iso_round_trips_to_the_nanosecond(time_ns: int) -> None:
    assert parse_iso(iso(time_ns)) == time_ns


def test_never_has_no_time() -> None:
    assert (iso_or_none(None), iso_or_none(0)) == (None, None)
