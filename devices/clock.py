"""The only place that reads the wall clock: real time, or recorded time at a multiple of it.

Every `run.py` makes one Clock and hands `now_ns` on. Intervals of the machine itself (timeouts, back-off) use the
monotonic clock and are never sped up.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from devices.model import PermanentError

_NUMBERS = 3
_STANDING_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Town time = `town_start_ns` + (real time - `real_start_ns`) x `speed`; the default is real time itself.

    Before `real_start_ns` town time stands still, so that services can start without hours passing in the town.
    `gate`, when given, names a file and takes the place of `real_start_ns`: town time stands still until the file is
    there and runs from the moment it was made, the same for all processes that know it.
    """

    real_start_ns: int = 0
    town_start_ns: int = 0
    speed: float = 1.0
    gate: str = ""

    def now_ns(self) -> int:
        """Return town time now, integer nanoseconds since 1970."""
        start_ns = self._started_ns()
        passed_ns = 0 if start_ns is None else max(0, time.time_ns() - start_ns)
        return self.town_start_ns + (passed_ns if self.speed == 1.0 else int(passed_ns * self.speed))

    def real_seconds_until(self, town_ns: int) -> float:
        """Return how many real seconds pass until town time reaches `town_ns` (0.0 when it is past).

        An hour while the gate is closed: nobody knows, so look again before.
        """
        start_ns = self._started_ns()
        if start_ns is None:
            return 0.0 if town_ns <= self.town_start_ns else _STANDING_S
        real_ns = start_ns + (town_ns - self.town_start_ns) / self.speed
        return max(0.0, (real_ns - time.time_ns()) / 1e9)

    def open_gate(self) -> None:
        """Let town time begin to run, for every process that knows the gate."""
        Path(self.gate).touch()

    def _started_ns(self) -> int | None:
        if not self.gate:
            return self.real_start_ns
        try:
            return os.stat(self.gate).st_mtime_ns  # noqa: PTH116 - once a reading, and pathlib costs twice as much
        except FileNotFoundError:
            return None

    def town_ns_of(self, *, real_s: float) -> int:
        """Return how much town time passes in `real_s` seconds of the machine.

        Delays of the machine are real; tolerances for them must be stretched with a sped-up clock.
        """
        return int(real_s * 1e9 * self.speed)

    def as_text(self) -> str:
        """Return the form that `parse_clock` reads: `<real_start_ns>:<town_start_ns>:<speed>[:<gate>]`."""
        return f"{self.real_start_ns}:{self.town_start_ns}:{self.speed:g}" + (f":{self.gate}" if self.gate else "")


def parse_clock(text: str) -> Clock:
    """Return the Clock written as `<real_start_ns>:<town_start_ns>:<speed>[:<gate>]`; an empty text is real time.

    Raises PermanentError naming the text when it has another form or a speed that is not above 0.
    """
    if not text:
        return Clock()
    numbers, gate = text.split(":", _NUMBERS)[:_NUMBERS], "".join(text.split(":", _NUMBERS)[_NUMBERS:])
    try:
        real_start, town_start, speed = numbers
        clock = Clock(real_start_ns=int(real_start), town_start_ns=int(town_start), speed=float(speed), gate=gate)
    except ValueError:
        raise PermanentError(f"clock {text!r} is not <real_start_ns>:<town_start_ns>:<speed>[:<gate>]") from None
    if not 0 < clock.speed < math.inf:
        raise PermanentError(f"clock speed {clock.speed:g} must be above 0 and finite")
    return clock


def start_clock(*, town_start_ns: int, speed: float, lead_s: float = 0.0) -> Clock:
    """Return a Clock that stands at `town_start_ns` for `lead_s` real seconds, then runs at `speed` times real time."""
    return Clock(real_start_ns=time.time_ns() + int(lead_s * 1e9), town_start_ns=town_start_ns, speed=speed)
