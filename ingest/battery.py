"""From a battery's days to the days it has left: compensated for temperature, a robust trend, reset by a new battery.

    judged   = mean of the day - c * (mean temperature of the day - reference)
    c        = how the value goes with temperature within days, learned from the device itself (0 without a thermometer)
    trend    = median of the slopes of all pairs of days (Theil-Sen)
    outlook  = (judged value now - low) / fall a day; 0 at or below low; NaN while nothing can be said

Cold lowers a battery's voltage every night and all winter: learning c from the course within days keeps the season,
which falls as slowly as a battery does, out of it. No chemistry is assumed. A fall that is no greater than twice the
noise says nothing. A day that stands far above the days before is a new or charged battery: the trend begins anew.

Source: Theil (1950) and Sen (1968) for the slope. Low values where neither site nor rule gives one are usual end
points by the range the voltage lies in (table `_LOW_V`): cut-off voltages of cells with a margin for the pulse of a
radio; they are defaults, not facts about a model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ingest.batch import Floats, Int64s

DAYS: Final = 45
MOST_DAYS: Final = 3_650.0
NO_VALUE: Final = 0
NO_TEMPERATURE: Final = -128
VALUE_STEP: Final = 0.001
TEMPERATURE_STEP: Final = 1.0

_LEARNED_K2 = 50.0  # sum of squares of temperature differences that weighs as much as knowing nothing
_MOST_PER_K = 0.01  # of the value
_NEW_RISE = 0.04  # of the value; a percentage rises by more
_NEW_NOISES = 5.0
_NOISES = 2.0
_MAD = 1.4826
# voltage of a fresh battery up to which it is of that kind: low voltage
_LOW_V = (
    (1.8, 1.1),  # one alkaline or NiMH cell
    (3.45, 2.5),  # two of them, lithium coin and CR123A
    (3.75, 3.1),  # lithium thionyl chloride
    (4.4, 3.4),  # lithium ion
    (5.2, 3.6),  # three alkaline cells
    (7.6, 4.8),  # four alkaline cells, two lithium cells
    (16.0, 11.6),  # 12 V lead
    (31.0, 23.2),  # 24 V lead
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What is known of the days: number (D,), judged value (D,), oldest first."""

    day: Int64s
    value: Floats

    def __len__(self) -> int:
        return len(self.day)


def low_voltage(fresh_v: float) -> float:
    """Return at which voltage a battery that has had `fresh_v` is to be replaced; NaN when nobody knows."""
    return next((low_v for most_v, low_v in _LOW_V if fresh_v <= most_v), math.nan) if fresh_v > 1.0 else math.nan


def slope_per_k(sxy: float, sxx: float, *, value: float) -> float:
    """Return how much the value rises for each degree, from sums of products within days; between 0 and 1 % of it."""
    return float(np.clip(sxy / (sxx + _LEARNED_K2), 0.0, _MOST_PER_K * abs(value)))


def course(record: Any, *, per_k: float, reference_cel: float) -> Course:
    """Return the days in a record's rings `values` and `temperatures` (DAYS,), compensated.

    Day n stands at n modulo DAYS, in steps; the last one is `newest`.
    """
    day = int(record["newest"]) - np.arange(DAYS)[::-1]
    value, temperature = record["values"][day % DAYS], record["temperatures"][day % DAYS]
    known = value != NO_VALUE
    day, value, temperature = day[known], value[known] * VALUE_STEP, temperature[known]
    excess_k = np.where(temperature == NO_TEMPERATURE, 0.0, temperature * TEMPERATURE_STEP - reference_cel)
    return Course(day=day.astype(np.int64), value=value - per_k * excess_k)


def is_new_battery(known: Course) -> bool:
    """Return whether the newest day stands far above the week before it."""
    before = known.value[:-1][-7:]
    if len(before) < 3:
        return False
    middle = float(np.median(before))
    noise = _MAD * float(np.median(np.abs(before - middle)))
    return bool(known.value[-1] - middle > max(_NEW_RISE * abs(middle), _NEW_NOISES * noise))


def outlook_days(known: Course, *, low: float, least_days: int) -> float:
    """Return for how many days the battery will last from the newest day on, at most 10 years; NaN = not known."""
    if not len(known) or math.isnan(low):
        return math.nan
    if float(np.median(known.value[-3:])) <= low:
        return 0.0
    if len(known) < least_days:
        return math.nan
    first, second = np.triu_indices(len(known), k=1)
    slope = float(np.median((known.value[second] - known.value[first]) / (known.day[second] - known.day[first])))
    rest = known.value - slope * (known.day - known.day[-1])
    now = float(np.median(rest))
    noise = _MAD * float(np.median(np.abs(rest - now)))
    fall = -slope * float(known.day[-1] - known.day[0])
    if fall <= max(_NOISES * noise, VALUE_STEP):
        return math.nan
    return float(np.clip((now - low) / -slope, 0.0, MOST_DAYS))
