"""`satomori demo --check`: the demo headless and accelerated, judged by what came out at the other end."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from threading import Event

from devices.signals import stop_on_signals
from satomori.demo import wait_until_ready
from satomori.demo_counts import Count, counts
from satomori.supervise import Supervisor
from satomori.town import DemoOptions, DemoTown, prepare_town

_BUDGET_S = 57.0
_SETTLE_S = 8.0
_LOOK_S = 0.3


def run_demo_check(options: DemoOptions) -> int:
    """Run the demo to the end of its scenes, print the counts, return 0 only if all are right."""
    started_s = time.monotonic()
    stop = stop_on_signals()
    town = prepare_town(options)
    supervisor = Supervisor(services=town.services, log_dir=town.data_dir / "log", tell=_tell)
    simulator = Supervisor(services=[town.simulator()], log_dir=town.data_dir / "log", tell=_tell)
    try:
        simulator.start(stop)
        supervisor.start(stop)
        is_ready = wait_until_ready(town, supervisor, stop, tell=_tell)
        if is_ready:
            town.clock.open_gate()
            _tell(f"再生しています… / replaying 60 recorded hours at x{town.speed:g}…")
            _wait_for_the_end(town, (supervisor, simulator), stop, deadline_s=started_s + _BUDGET_S)
        has_ended = simulator.exit_codes().get("simulator") == 0
        results = [
            Count(name="ready", value=int(is_ready), is_right=is_ready),
            Count(name="replayed", value=int(has_ended), is_right=has_ended),
            *counts(town),
        ]
    finally:
        simulator.stop()
        supervisor.stop()
    return _report(results, town, seconds=time.monotonic() - started_s)


def _wait_for_the_end(
    town: DemoTown, running: tuple[Supervisor, Supervisor], stop: Event, *, deadline_s: float
) -> None:
    """Wait until the simulator (the second) has said everything, then until all counts are right."""
    supervisor, simulator = running

    def is_over() -> bool:
        supervisor.look()
        return not simulator.is_running()

    _wait(is_over, stop, deadline_s=deadline_s - 2.0)
    _tell("数えています… / counting…")
    settled_s = min(deadline_s, time.monotonic() + _SETTLE_S)
    _wait(lambda: all(count.is_right for count in counts(town)), stop, deadline_s=settled_s)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _wait(is_so: Callable[[], bool], stop: Event, *, deadline_s: float) -> None:
    while not is_so() and time.monotonic() < deadline_s and not stop.wait(_LOOK_S):
        pass


def _report(results: list[Count], town: DemoTown, *, seconds: float) -> int:
    for count in results:
        print(f"{count.name}: {count.value}")
    print(f"broker: {town.broker_kind}")
    print(f"seconds: {seconds:.1f}")
    wrong = [count.name for count in results if not count.is_right]
    for name in wrong:
        _tell(f"satomori: demo-check: {name} is not as it must be")
    if wrong:
        _tell(f"satomori: demo-check: journal, ledgers and logs are kept in {town.data_dir}")
    else:
        town.tidy()
    print("demo-check: failed" if wrong else "demo-check: ok", flush=True)
    return 1 if wrong else 0
