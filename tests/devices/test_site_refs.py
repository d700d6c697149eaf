"""Keys of site.toml that are right one by one and wrong together."""

from __future__ import annotations

import pytest

from devices.site_file import parse_site
from tests.devices.test_site_file import BASE, FIRST, problems_of


@pytest.mark.parametrize(
    ("more", "line", "expected"),
    [
        ("keep_raw_days = 1", 1, "ingest.keep_raw_days: Input should be greater than or equal to 2 (got '1')"),
        (
            "keep_points_days = 99999",
            1,
            "ingest.keep_points_days: Input should be less than or equal to 36500 (got '99999')",
        ),
        (
            "keep_raw_days = 30\nkeep_points_days = 29",
            2,
            "ingest.keep_points_days: 29 days are fewer than keep_raw_days = 30; hours are kept for at least as long",
        ),
    ],
)
def test_how_long_readings_are_kept(more: str, line: int, expected: str) -> None:
    assert problems_of(f"{BASE}[ingest]\n{more}") == [f"line {FIRST + line}: {expected}"]


def test_hours_may_end_with_the_readings() -> None:
    site = parse_site(f"{BASE}[ingest]\nkeep_raw_days = 30\nkeep_points_days = 30")
    assert (site.ingest.keep_raw_days, site.ingest.keep_points_days) == (30, 30)


def test_raw_readings_beyond_the_default_of_hours_need_both_keys() -> None:
    (problem,) = problems_of(f"{BASE}[ingest]\nkeep_raw_days = 3651")
    assert "3650 days are fewer than keep_raw_days = 3651" in problem
