"""The verdict of a soak can be bad: growth, leaked files, and folding that falls behind are seen."""

from __future__ import annotations

import pytest

from tests.soak.judge import Sample, after_warm_up, course_of, keeps_up


def course(rss: list[int], files: list[int]) -> tuple[bool, bool]:
    found = course_of("x", [Sample(rss_bytes=r, files=f) for r, f in zip(rss, files, strict=True)])
    return found.is_memory_flat, found.is_files_flat


def test_a_flat_course_is_flat() -> None:
    assert course([100 + n % 3 for n in range(100)], [9 + n % 2 for n in range(100)]) == (True, True)


def test_a_slow_leak_is_seen() -> None:
    assert course([1_000 + n for n in range(100)], [9] * 100) == (False, True)


def test_a_short_peak_is_no_leak() -> None:
    assert course([100] * 50 + [200] + [100] * 50, [9] * 50 + [30] + [9] * 50) == (True, True)


def test_leaked_files_are_seen() -> None:
    assert course([100] * 100, [9 + n // 20 for n in range(100)]) == (True, False)


def test_shrinking_is_flat() -> None:
    assert course([200 - n for n in range(100)], [30 - n // 10 for n in range(100)]) == (True, True)


def test_a_backlog_that_grows_beyond_its_bound_is_seen() -> None:
    assert keeps_up([10] * 90 + [500] * 5 + [10] * 5, bound=1_000)
    assert not keeps_up([n * 20 for n in range(100)], bound=1_000)
    assert keeps_up([5_000] * 10 + [10] * 90, bound=1_000)


def test_nobody_looked_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="never looked at"):
        course_of("x", [])
    assert after_warm_up(1, share=0.25) == 0
    assert after_warm_up(100, share=0.25) == 25
