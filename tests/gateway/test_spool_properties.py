"""Any interleaving of append, confirm, unconfirm, expiry and crash keeps numbers gapless and loses no unsent row."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from devices.model import SECOND_NS
from tests.gateway.spools import ALL, START_NS, abandon, open_spool, row

DAY_NS = 24 * 3600 * SECOND_NS


class SpoolLife(RuleBasedStateMachine):
    """The model: bodies by number, and which the hub has."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.spool = open_spool(Path(self.folder.name))
        self.epoch = self.spool.epoch
        self.bodies: dict[int, bytes] = {}
        self.done: dict[int, int] = {}
        self.now_ns = START_NS

    @rule(bodies=st.lists(st.binary(max_size=300), max_size=5))
    def append(self, bodies: list[bytes]) -> None:
        given = self.spool.append([row(len(self.bodies) + i, body=body) for i, body in enumerate(bodies)])
        assert list(given) == list(range(len(self.bodies) + 1, len(self.bodies) + len(bodies) + 1))
        self.bodies.update(zip(given, bodies, strict=True))

    @rule(first=st.integers(1, 40), length=st.integers(0, 10))
    def confirm(self, first: int, length: int) -> None:
        span = (first, first + length)
        news = {n for n in self.bodies if span[0] <= n <= span[1]} - set(self.done)
        news &= {stored.number for stored in self.spool.waiting(ALL)}
        assert self.spool.confirm([span], now_ns=self.now_ns) == len(news)
        self.done.update(dict.fromkeys(news, self.now_ns))

    @rule(first=st.integers(1, 40), length=st.integers(0, 10))
    def unconfirm(self, first: int, length: int) -> None:
        self.spool.unconfirm([(first, first + length)])
        for number in [n for n in self.done if first <= n <= first + length and self.spool.holds(n)]:
            del self.done[number]

    @rule(hours=st.sampled_from([1, 13, 25]))
    def time_passes(self, hours: int) -> None:
        self.now_ns += hours * 3600 * SECOND_NS
        self.spool.tend(now_ns=self.now_ns)

    @rule(in_order=st.booleans())
    def reopen(self, in_order: bool) -> None:
        if in_order:
            self.spool.close()
        else:
            abandon(self.spool)
        self.spool = open_spool(Path(self.folder.name), now_ns=self.now_ns)

    @invariant()
    def nothing_unsent_is_missing(self) -> None:
        waiting = {stored.number: stored.body for stored in self.spool.waiting(ALL)}
        assert waiting == {n: body for n, body in self.bodies.items() if n not in self.done}

    @invariant()
    def what_the_hub_has_stays_for_a_day(self) -> None:
        kept = {n for n, done_ns in self.done.items() if done_ns >= self.now_ns - DAY_NS}
        assert {n for n in kept if not self.spool.holds(n)} == set()

    @invariant()
    def numbers_and_epoch_go_on(self) -> None:
        assert self.spool.newest() == len(self.bodies)
        assert self.spool.epoch == self.epoch

    def teardown(self) -> None:
        if hasattr(self, "spool"):
            abandon(self.spool)
            self.folder.cleanup()


SpoolLife.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestSpoolLife = SpoolLife.TestCase
