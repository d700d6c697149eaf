"""What a soak found: samples of every process once a second, and whether they stayed flat after the warm-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

MOST_GROWTH = 0.05
MOST_MORE_FILES = 2
_END_SHARE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One look at one process."""

    rss_bytes: int
    files: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How a process went from the end of the warm-up to the end; medians of the first and the last tenth."""

    name: str
    rss_first_bytes: float
    rss_last_bytes: float
    rss_most_bytes: int
    files_first: float
    files_last: float
    files_most: int

    @property
    def growth(self) -> float:
        """Share by which memory grew; negative when it shrank."""
        return self.rss_last_bytes / self.rss_first_bytes - 1

    @property
    def is_memory_flat(self) -> bool:
        return self.growth <= MOST_GROWTH

    @property
    def is_files_flat(self) -> bool:
        return self.files_last <= self.files_first + MOST_MORE_FILES


def after_warm_up(count: int, *, share: float) -> int:
    """Return which of `count` looks is the first after the warm-up."""
    return min(count - 1, int(count * share))


def course_of(name: str, samples: Sequence[Sample]) -> Course:
    """Return the course of a process. Raises ValueError without samples."""
    if not samples:
        raise ValueError(f"{name} was never looked at after the warm-up")
    size = max(1, len(samples) // _END_SHARE)
    first, last = samples[:size], samples[-size:]
    return Course(
        name=name,
        rss_first_bytes=median(sample.rss_bytes for sample in first),
        rss_last_bytes=median(sample.rss_bytes for sample in last),
        rss_most_bytes=max(sample.rss_bytes for sample in samples),
        files_first=median(sample.files for sample in first),
        files_last=median(sample.files for sample in last),
        files_most=max(sample.files for sample in samples),
    )


def keeps_up(backlogs: Sequence[int], *, bound: int) -> bool:
    """Tell whether what waits (unfolded rows, messages under way) stayed bounded: never above `bound` at the end."""
    return max(backlogs[-max(1, len(backlogs) // _END_SHARE) :], default=0) <= bound
