"""Waking hours: time of day that counts towards a limit, in the town's time zone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from devices.model import SECOND_NS

DAY_MIN = 1_440
_HOUR_MIN = 60
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minutes_of(text: str) -> int:
    """Return minutes since midnight of `HH:MM`, 00:00 to 24:00.

    Raises ValueError naming the text.
    """
    match = re.fullmatch(r"(\d\d):(\d\d)", text)
    minutes = int(match[1]) * _HOUR_MIN + int(match[2]) if match else DAY_MIN + 1
    if match is None or minutes > DAY_MIN or int(match[2]) >= _HOUR_MIN:
        raise ValueError(f"{text!r} is no time of day; write HH:MM from 00:00 to 24:00")
    return minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class WakingHours:
    """Each day from `from_min` to `to_min` (minutes since midnight in `zone`; may pass midnight) counts."""

    from_min: int
    to_min: int
    zone: ZoneInfo
    limit_ns: int

    def deadline_ns(self, since_ns: int) -> int:
        """Return the instant at which `limit_ns` of waking time have passed since `since_ns`.

        Example: waking 06:00 to 22:00, limit 12 h, since 20:00: two hours that day, ten the next, 16:00.
        """
        if self.to_min - self.from_min == DAY_MIN:
            return since_ns + self.limit_ns
        left_ns = self.limit_ns
        for start_ns, end_ns in self._spans(since_ns):
            start_ns = max(start_ns, since_ns)
            if start_ns + left_ns <= end_ns:
                return start_ns + left_ns
            left_ns -= max(0, end_ns - start_ns)
        raise AssertionError("waking hours come every day")

    def _spans(self, since_ns: int) -> Iterator[tuple[int, int]]:
        """Yield the waking spans of all days, from the one before `since_ns` on."""
        local = (_EPOCH + timedelta(microseconds=since_ns // 1_000)).astimezone(self.zone)
        day = datetime(local.year, local.month, local.day, tzinfo=UTC) - timedelta(days=1)
        to_min = self.to_min if self.to_min > self.from_min else self.to_min + DAY_MIN
        while True:
            yield self._instant_ns(day, self.from_min), self._instant_ns(day, to_min)
            day += timedelta(days=1)

    def _instant_ns(self, day: datetime, minutes: int) -> int:
        local = (day.replace(tzinfo=None) + timedelta(minutes=minutes)).replace(tzinfo=self.zone)
        passed = local.astimezone(UTC) - _EPOCH
        return (passed.days * 86_400 + passed.seconds) * SECOND_NS
