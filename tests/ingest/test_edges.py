"""Edges of the core that only a changed comparison showed to be untested (see tests/mutants)."""

from __future__ import annotations

from tests.ingest.core_town import QUIET, Town, device, reading, town


def test_a_late_row_that_says_what_another_series_said_at_that_time_is_no_copy() -> None:
    home = Town(town(device("a"), device("b"), QUIET))
    home.take(reading("a", "air_temperature", 1.0, at_s=0), reading("b", "air_temperature", 1.0, at_s=120))
    both = [reading(name, "air_temperature", 5.0, at_s=60, received_s=60) for name in ("a", "b")]
    outcome = home.take(*both, now_s=130)
    assert (len(outcome.observations), outcome.duplicates) == (2, 0)
