"""A clock that does not follow a step of the machine's clock at once, and the wait for one that was never set.

A wrong clock makes news of the past or of the future out of every reading. Most wrong steps are set right within
minutes by time synchronisation; so town time goes on by the steady clock of the machine meanwhile, and a step is
followed only when it lasts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock

from devices.clock import Clock

log = logging.getLogger(__name__)

SANE_FROM_NS = 1_420_070_400_000_000_000
"""2015-01-01: an earlier time is a clock that was never set."""
_SECOND_NS = 1_000_000_000
_STEP_S = 60.0
_HOLD_S = 600.0
_LOOK_S = 1.0


@dataclass(slots=True)
class _Held:
    """What the clock remembers between two looks. `ahead_ns`: how far town time is ahead of what the machine says."""

    wall_ns: int | None = None
    steady_s: float = 0.0
    good_since_s: float = 0.0
    ahead_ns: int = 0
    since_s: float = 0.0
    followed_ns: int = 0
    lock: Lock = field(default_factory=Lock)


def _since_boot_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # unlike the monotonic clock it counts a suspended machine


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyClock(Clock):
    """Town time as `base` has it, without its steps of more than a minute: those are followed after 10 minutes only.

    In its first 10 minutes it follows every step at once: a box that has just booted begins with the time of its last
    shutdown, and then the step is the right time. Look at it at least once a minute. Safe to use from several threads.

    `is_asked`: a step is followed in `take_step` only, for one who must prepare for it.
    """

    base: Clock
    is_asked: bool = False
    steady_s: Callable[[], float] = _since_boot_s
    _held: _Held = field(default_factory=_Held)

    def now_ns(self) -> int:
        """Return town time now, integer nanoseconds since 1970."""
        with self._held.lock:
            return self._look(may_follow=not self.is_asked)

    def real_seconds_until(self, town_ns: int) -> float:
        """Return how many real seconds pass until town time reaches `town_ns` (0.0 when it is past)."""
        return self.base.real_seconds_until(town_ns - self._held.ahead_ns)

    def take_step(self) -> int:
        """Return by how much town time was stepped since the last call, nanoseconds; 0 nearly always."""
        with self._held.lock:
            self._look(may_follow=True)
            followed_ns, self._held.followed_ns = self._held.followed_ns, 0
            return followed_ns

    def _look(self, *, may_follow: bool) -> int:
        held, wall_ns, steady_s = self._held, self.base.now_ns(), self.steady_s()
        least_ns = self.town_ns_of(real_s=_STEP_S)
        if held.wall_ns is None:
            held.good_since_s = steady_s
        else:
            jump_ns = wall_ns - held.wall_ns - self.town_ns_of(real_s=steady_s - held.steady_s)
            if abs(jump_ns) > least_ns:
                self._hold(jump_ns, least_ns=least_ns, steady_s=steady_s)
        held.wall_ns, held.steady_s = wall_ns, steady_s
        if may_follow and held.ahead_ns and steady_s - held.since_s >= _HOLD_S:
            log.warning("clock_step_followed", extra={"by_s": -held.ahead_ns // _SECOND_NS})
            held.followed_ns -= held.ahead_ns
            held.ahead_ns, held.good_since_s = 0, steady_s
        return wall_ns + held.ahead_ns

    def _hold(self, jump_ns: int, *, least_ns: int, steady_s: float) -> None:
        held = self._held
        if not held.ahead_ns:
            held.since_s = steady_s
        held.ahead_ns -= jump_ns
        log.error("clock_stepped", extra={"by_s": jump_ns // _SECOND_NS})
        if steady_s - held.good_since_s < _HOLD_S:
            held.since_s = steady_s - _HOLD_S
        elif abs(held.ahead_ns) <= least_ns:
            held.ahead_ns = 0
            log.warning("clock_step_undone")


def steady(clock: Clock, *, is_asked: bool = False) -> SteadyClock:
    """Return a clock that goes by `clock`, without its steps."""
    return SteadyClock(
        base=clock, is_asked=is_asked, real_start_ns=clock.real_start_ns, town_start_ns=clock.town_start_ns,
        speed=clock.speed, gate=clock.gate,
    )  # fmt: skip


def wait_for_clock(clock: Clock, stop: Event) -> bool:
    """Return True once the clock is past 2015, False when `stop` came first.

    A box without a battery clock boots in 1970. What it stamped then would be taken for times of this minute at the
    hub (small SenML times are relative), and a hub of 1970 would take every reading for one of the future; so nothing
    is read before the time is known. Brokers and spools keep what comes meanwhile.
    """
    if clock.now_ns() < SANE_FROM_NS:
        log.error("clock_not_set", extra={"now_ns": clock.now_ns()})
        while clock.now_ns() < SANE_FROM_NS:
            if stop.wait(_LOOK_S):
                return False
        log.warning("clock_set", extra={"now_ns": clock.now_ns()})
    return True
