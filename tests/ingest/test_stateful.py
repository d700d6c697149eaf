"""Dedup, timelines, rules and journal beside a plain model, step by step: whatever happens, both say the same.

hypothesis draws the steps: readings, copies, late and resent ones, two values under one name, clocks that are wrong,
batches cut anywhere, ticks, folding, kills, commits that fail. SATOMORI_STATEFUL_RUNS=9000 runs that many,
and longer ones.

Not sent is what no receiver can decide: a copy that another gateway stamps after the counter began anew; a counter
that begins anew with the very value it had under that number (see `ingest.identity`).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from devices.model import Reading
from tests.ingest.both_hubs import (
    AIR,
    COUNTED,
    DAY_S,
    DEVICES,
    DOOR,
    LATENESS_S,
    METER,
    PAUSE_S,
    VALUES,
    BothHubs,
    Sent,
)  # fmt: skip
from tests.ingest.core_town import SECOND_NS, T0_NS
from tests.ingest.plain_hub import EARLIEST_NS

RUNS = int(os.environ.get("SATOMORI_STATEFUL_RUNS", "120"))
STEPS = 40 if RUNS <= 1_000 else 80
# a search among mutants needs no shortest example
PHASES = [Phase.generate] if os.environ.get("SATOMORI_STATEFUL_QUICK") else [Phase.generate, Phase.shrink]

GAPS_S = (0, 1, 59, 60, 61, 119, 120, 120, 240, 300, 300, 540, 659, 660, 661, 899, 900, 901)
LONG_S = (PAUSE_S, PAUSE_S + 1, DAY_S, DAY_S + 1, 90_000)
LAST_SEQ = 65_535


Series = tuple[str, str]
Burst = list[tuple[int, int]]
"""Gap in seconds and choice of value."""
BURST = st.lists(st.tuples(st.sampled_from(GAPS_S), st.integers(0, 20)), min_size=1, max_size=4)
FIRST = st.sampled_from(("in order", "in order", "held", "late"))
"""The first of a burst: comes in order, some time, or right after the others."""
FAULT = st.sampled_from(("none", "none", "none", "disk", "answer lost", "kill", "kill after"))
LOST = st.sampled_from((0, 0, 0, 0, 1, 5))


@dataclass
class Counting:
    """The frame counter of a device: boots so far, last number and when it was sent."""

    boot: int = 0
    seq: int = -1
    sent_s: int = -PAUSE_S
    echoed: bool = False


class HubMachine(RuleBasedStateMachine):
    """The hub and the model side by side. `reached` collects what happened in all runs."""

    def __init__(self, folder: Path, reached: Counter[str]) -> None:
        super().__init__()
        self.folder, self.reached = folder, reached
        self.counting = {series: Counting() for series in COUNTED}
        self.held: list[Sent] = []
        self.sent: list[Sent] = []

    @initialize()
    def start(self) -> None:
        self.hubs = BothHubs(folder=self.folder, reached=self.reached)

    def teardown(self) -> None:
        if hasattr(self, "hubs"):
            self.hubs.close()

    def _deliver(self, *, is_delivered: bool = True) -> None:
        self.hubs.process(len(self.hubs.outbox) * is_delivered)

    def _send(self, identity: tuple[object, ...], reading: Reading, *, is_held: bool = False) -> None:
        self.sent.append((identity, reading))
        (self.held if is_held else self.hubs.outbox).append((identity, reading))

    # what devices and gateways do

    @rule(series=st.sampled_from((AIR, DOOR)), burst=BURST, first=FIRST, is_delivered=st.booleans())
    def send(self, series: Series, burst: Burst, first: str, is_delivered: bool) -> None:
        """A device without a counter; at one time twice is two values under one name. The first may come later."""
        for place, (gap_s, choice) in enumerate(burst):
            self.hubs.now_s += gap_s
            one = self._reading(series, VALUES[series][choice % len(VALUES[series])])
            self._send((*series, self.hubs.now_ns), one, is_held=first != "in order" and place == 0)
        self._end_of(first, is_delivered=is_delivered)

    @rule(series=st.sampled_from(COUNTED), burst=BURST, first=FIRST, is_delivered=st.booleans(), lost=LOST)
    def send_counted(self, series: Series, burst: Burst, first: str, is_delivered: bool, lost: int) -> None:
        """The next frames of a device with a counter, at least a minute after the one before; some are lost."""
        counting = self.counting[series]
        for place, (gap_s, choice) in enumerate(burst):
            if counting.seq + 1 + lost <= LAST_SEQ:
                self.hubs.now_s = max(self.hubs.now_s + gap_s, counting.sent_s + 60)
                self._frame(
                    series, seq=counting.seq + 1 + lost, choice=choice, is_held=first != "in order" and place == 0
                )
        self._end_of(first, is_delivered=is_delivered)

    def _end_of(self, first: str, *, is_delivered: bool) -> None:
        self._deliver(is_delivered=is_delivered)
        if first == "late":
            self._arrive(self.held.pop(), is_resent=False)
            self._deliver(is_delivered=is_delivered)

    @rule(series=st.sampled_from(COUNTED), choice=st.integers(0, 20), is_rollover=st.booleans())
    def begin_to_count_anew(self, series: Series, choice: int, is_rollover: bool) -> None:
        """A reboot (after a pause where values do not show it), or all numbers up to the width are used up."""
        counting = self.counting[series]
        pause_s = 60 if series == METER else PAUSE_S + 1
        self.hubs.now_s = max(self.hubs.now_s, counting.sent_s + (DAY_S + 1 if is_rollover else pause_s))
        for seq in (LAST_SEQ - 1, LAST_SEQ) if is_rollover and counting.seq < LAST_SEQ - 1 else ():
            self._frame(series, seq=seq, choice=choice, is_held=False)
            self.hubs.now_s += 60
        counting.boot += 1
        self.hubs.reached["rollover" if is_rollover else "restart"] += 1
        self._frame(series, seq=0, choice=choice, is_held=False)

    def _frame(self, series: Series, *, seq: int, choice: int, is_held: bool) -> None:
        counting = self.counting[series]
        counting.seq, counting.sent_s, counting.echoed = seq, self.hubs.now_s, False
        value = VALUES[series][choice % len(VALUES[series])]
        # by its value a frame of one boot differs from the frame with the same number of another
        value = value + counting.boot / 128 if series == METER else value
        identity = (*series, counting.boot, seq)
        self._send(identity, replace(self._reading(series, value), seq=seq), is_held=is_held)

    def _reading(self, series: Series, value: float) -> Reading:
        device_id, quantity = series
        return Reading(
            device_id=device_id,
            quantity=quantity,
            value=value,
            observed_ns=self.hubs.now_ns,
            received_ns=self.hubs.now_ns,
        )

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 30), kind=st.sampled_from(("same", "later", "earlier", "resent", "retained")))
    def send_again(self, place: int, kind: str) -> None:
        """A copy with the same stamp: sent again, heard by another, from a backlog, kept by the broker."""
        identity, one = self.sent[-1 - place % len(self.sent)]
        if kind == "later":
            one = replace(one, received_ns=max(one.received_ns, self.hubs.now_ns))
        elif kind == "earlier":
            one = replace(one, received_ns=one.received_ns - SECOND_NS)
        elif kind in ("resent", "retained"):
            one = replace(one, resent=True, received_ns=self.hubs.now_ns if kind == "retained" else one.received_ns)
        self._send(identity, one)

    @precondition(lambda self: self.sent)
    @rule(place=st.integers(0, 8), choice=st.integers(0, 20), late_s=st.sampled_from((-1, 0, 0, 1)))
    def contradict(self, place: int, choice: int, late_s: int) -> None:
        """Another value under the name of a reading without counter."""
        identity, one = self.sent[-1 - place % len(self.sent)]
        if one.seq is None and one.device_id in DEVICES:
            values = VALUES[one.device_id, one.quantity]
            received_ns = one.received_ns + late_s * SECOND_NS
            self._send(identity, replace(one, value=values[choice % len(values)], received_ns=received_ns))

    @rule(series=st.sampled_from(COUNTED), late_s=st.sampled_from((1, 12, 48, 59)), is_first=st.booleans())
    def echo(self, series: Series, late_s: int, is_first: bool) -> None:
        """Another gateway hears the last frame, too, and gives it its own, later stamp; its copy may be here first."""
        counting = self.counting[series]
        if is_first and counting.seq < LAST_SEQ:
            self.hubs.now_s = max(self.hubs.now_s, counting.sent_s + 60)
            self._frame(series, seq=counting.seq + 1, choice=late_s, is_held=True)
        found = [pair for pair in self.sent if pair[0] == (*series, counting.boot, counting.seq)]
        if found:
            identity, one = found[0]
            self.hubs.now_s = max(self.hubs.now_s, counting.sent_s + late_s)
            observed_ns = T0_NS + (counting.sent_s + late_s) * SECOND_NS
            received_ns = one.received_ns - SECOND_NS if late_s == 12 else self.hubs.now_ns
            self._send(identity, replace(one, observed_ns=observed_ns, received_ns=received_ns))

    @rule(series=st.sampled_from(COUNTED), back=st.integers(1, 2))
    def echo_an_older_one(self, series: Series, back: int) -> None:
        """A gateway that was without a line tells within the hour what all others told long ago."""
        counting = self.counting[series]
        identity = (*series, counting.boot, counting.seq - back)
        found = [pair for pair in self.sent if pair[0] == identity]
        is_decidable = (
            counting.seq - back >= 1 and not counting.echoed and not any(name[:2] == series for name, _ in self.held)
        )
        if found and is_decidable and self.hubs.now_s + 60 - counting.sent_s <= PAUSE_S:
            counting.echoed = True
            self.hubs.now_s += 60
            counting.sent_s = max(counting.sent_s, self.hubs.now_s - 60)
            self.hubs.reached["old echo"] += 1
            self._send(identity, replace(found[0][1], observed_ns=self.hubs.now_ns, received_ns=self.hubs.now_ns))

    @rule(kind=st.sampled_from(("ahead", "too far ahead", "1970", "2015", "before 2015", "days old", "nobody")))
    def send_something_odd(self, kind: str) -> None:
        """Times at the edges of what can be, and a device that the site does not know."""
        one = self._reading(AIR if kind != "nobody" else ("nobody", "air_temperature"), 12.0)
        times_ns = {
            "ahead": self.hubs.now_ns + 300 * SECOND_NS, "too far ahead": self.hubs.now_ns + 300 * SECOND_NS + 1,
            "days old": self.hubs.now_ns - 3 * DAY_S * SECOND_NS, "2015": EARLIEST_NS, "before 2015": EARLIEST_NS - 1,
            "1970": 0,
        }  # fmt: skip
        one = replace(one, observed_ns=times_ns.get(kind, self.hubs.now_ns))
        self._send((one.device_id, one.quantity, one.observed_ns), one)

    @precondition(lambda self: self.held)
    @rule(place=st.integers(0, 5), is_resent=st.booleans(), is_delivered=st.booleans())
    def arrive_late(self, place: int, is_resent: bool, is_delivered: bool) -> None:
        self._arrive(self.held.pop(place % len(self.held)), is_resent=is_resent)
        self._deliver(is_delivered=is_delivered)

    def _arrive(self, held: Sent, *, is_resent: bool) -> None:
        identity, one = held
        is_over = self.hubs.now_ns - one.observed_ns > LATENESS_S * SECOND_NS
        self.hubs.reached["over lateness" if is_over else "within lateness"] += 1
        self.hubs.outbox.append((identity, replace(one, resent=is_resent)))

    # what happens at the hub

    @rule(gap_s=st.sampled_from((*GAPS_S, *LONG_S)))
    def let_time_pass(self, gap_s: int) -> None:
        self.hubs.now_s += gap_s
        self.hubs.process(0)

    @rule(count=st.integers(1, 4), fault=FAULT)
    def deliver(self, count: int, fault: str) -> None:
        self.hubs.process(count, fault=fault)

    @rule()
    def deliver_all(self) -> None:
        self._deliver()

    @rule()
    def tend(self) -> None:
        self.hubs.tend()

    @rule(away_s=st.sampled_from((0, 1, 60, 61, 600, 3_000)))
    def kill(self, away_s: int) -> None:
        self.hubs.kill(away_s)

    @invariant()
    def both_say_the_same(self) -> None:
        if hasattr(self, "hubs"):
            self.hubs.check()


STATES = ("raised", "cleared", "withdrawn")
HAPPENS = {
    *(f"{name} {state}" for name in ("hot", "cold", "sprung", "silent") for state in STATES),
    "duplicates", "conflicts", "quarantined.future", "quarantined.before_2015", "quarantined.unknown_device", "removed",
    "restart", "rollover", "old echo", "within lateness", "over lateness", "fold", "away", "failed commit",
    "kill before commit", "trap-check raised", "trap-check cleared",
}  # fmt: skip


@pytest.mark.timeout(1_800)
def test_hub_and_model_say_the_same(tmp_path: Path) -> None:
    reached: Counter[str] = Counter()

    class Machine(HubMachine):
        def __init__(self) -> None:
            super().__init__(tmp_path, reached)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=RUNS, stateful_step_count=STEPS, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck), phases=PHASES,
        ),
    )  # fmt: skip
    never = sorted(name for name in HAPPENS if not reached[name])
    assert never == []
