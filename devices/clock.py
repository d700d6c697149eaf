"""The only place that reads the wall clock: real time, or recorded time at a multiple of it.

Every `run.py` makes one Clock and hands `now_ns` on. Intervals of the machine itself (timeouts, back-off) use the
monotonic clock and are never sped up.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from devices.model import PermanentError

_PARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Town time = `town_start_ns` + (real time - `real_start_ns`) x `speed`; the default is real time itself.

    Before `real_start_ns` town time stands still, so that services can start without hours passing in the town.
    """

    real_start_ns: int = 0
    town_start_ns: int = 0
    speed: float = 1.0

    def now_ns(self) -> int:
        """Return town time now, integer nanoseconds since 1970."""
        passed_ns = max(0, time.time_ns() - self.real_start_ns)
        return self.town_start_ns + (passed_ns if self.speed == 1.0 else int(passed_ns * self.speed))

    def real_seconds_until(self, town_ns: int) -> float:
        """Return how many real seconds pass until town time reaches `town_ns` (0.0 when it is past)."""
        real_ns = self.real_start_ns + (town_ns - self.town_start_ns) / self.speed
        return max(0.0, (real_ns - time.time_ns()) / 1e9)

    def town_ns_of(self, *, real_s: float) -> int:
        """Return how much town time passes in `real_s` seconds of the machine.

        Delays of the machine are real; tolerances for them must be stretched with a sped-up clock.
        """
        return int(real_s * 1e9 * self.speed)

    def as_text(self) -> str:
        """Return the form that `parse_clock` reads: `<real_start_ns>:<town_start_ns>:<speed>`."""
        return f"{self.real_start_ns}:{self.town_start_ns}:{self.speed:g}"


def parse_clock(text: str) -> Clock:
    """Return the Clock written as `<real_start_ns>:<town_start_ns>:<speed>`; an empty text is real time.

    Raises PermanentError naming the text when it has another form or a speed that is not above 0.
    """
    if not text:
        return Clock()
    parts = text.split(":")
    try:
        if len(parts) != _PARTS:
            raise ValueError
        clock = Clock(real_start_ns=int(parts[0]), town_start_ns=int(parts[1]), speed=float(parts[2]))
    except ValueError:
        raise PermanentError(f"clock {text!r} is not <real_start_ns>:<town_start_ns>:<speed>") from None
    if not clock.speed > 0:
        raise PermanentError(f"clock speed {clock.speed:g} must be above 0")
    return clock


def start_clock(*, town_start_ns: int, speed: float, lead_s: float = 0.0) -> Clock:
    """Return a Clock that stands at `town_start_ns` for `lead_s` real seconds, then runs at `speed` times real time."""
    return Clock(real_start_ns=time.time_ns() + int(lead_s * 1e9), town_start_ns=town_start_ns, speed=speed)
