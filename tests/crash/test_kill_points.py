"""SIGKILL of gateway and hub at every step between two acknowledgements: nothing is lost, nothing counts twice.

Two real processes with real files work through a script (`town`), joined by a broker that loses, doubles and delays
(`broker`). Each run kills one of them at one point; the next life goes on. In the end observations, events and
quarantine must be those of the run that nothing disturbed. See `world` for how a run goes, `faults` for the proof
that these tests can fail.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.crash.broker import CALM, STORM
from tests.crash.faults import FAULTS
from tests.crash.findings import Findings
from tests.crash.town import DEPTH_M, DOOR_OPEN, LIGHT_LX, ROUNDS, TRAP_OPEN
from tests.crash.wire import GATEWAY, HUB, Kill
from tests.crash.world import Plan, Result, run_town

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

WORKERS = 2
POINTS_LEAST = 200
DOUBLE_RUNS = 16
FAULT_RUNS = 4
TRANSACTION = ("before commit", "after commit")


def transaction(name: str) -> tuple[str, ...]:
    return tuple(f"{name}: {moment}" for moment in TRANSACTION)


STEPS = {
    GATEWAY: (
        *transaction("open"),
        "take: after",
        "prepare: before",
        "prepare: after",
        *transaction("append"),
        "acknowledge: before",
        "acknowledge: between",
        "acknowledge: after",
        *transaction("tend"),
        *transaction("pulse/append"),
        "publish: before",
        "publish: after",
        "receipts: taken",
        *transaction("confirm"),
    ),
    HUB: (
        *transaction("open"),
        "take: after",
        "process: before",
        "process: after",
        *transaction("commit"),
        *transaction("tend"),
        "acknowledge: before",
        "acknowledge: between",
        "acknowledge: after",
        "publish: before",
        "publish: after",
    ),
}

FOUND_AT = (
    ("gateway_acknowledges_before_commit", GATEWAY, "append: before commit"),
    ("gateway_is_done_when_sent", HUB, "process: after"),
    ("gateway_forgets_its_backlog", GATEWAY, "publish: before"),
    ("hub_acknowledges_before_commit", HUB, "commit: before commit"),
    ("hub_receipts_before_commit", HUB, "commit: before commit"),
    ("hub_commits_state_apart", HUB, "commit: after commit"),
    ("hub_calls_folded_what_is_not", HUB, "tend: after commit"),
    ("hub_forgets_half_a_fold", HUB, "tend: after commit"),
    ("hub_forgets_what_it_knew", HUB, "publish: after"),
)


class Runs:
    """Runs towns, several at a time; remembers the ones that nothing kills."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self._undisturbed: dict[Plan, Result] = {}

    def all(self, plans: Sequence[Plan]) -> list[Result]:
        """Return the results in order."""
        return list(self._pool.map(run_town, plans))

    def undisturbed(self, plan: Plan) -> Result:
        """Return the result of a plan without kills, run once."""
        if plan not in self._undisturbed:
            (self._undisturbed[plan],) = self.all([plan])
        return self._undisturbed[plan]

    def passed(self, plan: Plan, process: str) -> Counter[str]:
        """Return how often each step is passed when nothing is killed."""
        return Counter(self.undisturbed(plan).passed[process])

    def truth(self) -> Findings:
        """Return what is found when nothing is killed, lost, doubled or late."""
        found = self.undisturbed(Plan()).findings
        assert found is not None, self.undisturbed(Plan()).trouble
        return found

    def failures(self, plans: Sequence[Plan]) -> list[str]:
        """Run the plans; return what is wrong, with the name of the point."""
        truth, failures = self.truth(), []
        for result in self.all(plans):
            wrong = result.findings.differences(truth) if result.findings else [result.trouble]
            failures += [f"{' then '.join(map(str, result.plan.kills))}: {text}" for text in wrong]
        return failures


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """Workers that have imported everything, so that a process of the town starts in milliseconds by a fork."""
    with ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        yield Runs(pool)


def kills_at(runs: Runs, plan: Plan, *, process: str, step: str) -> list[Plan]:
    """One plan for each time the process comes to the step."""
    return [
        Plan(weather=plan.weather, fault=plan.fault, kills=(Kill(process=process, step=step, occurrence=occurrence),))
        for occurrence in range(runs.passed(plan, process)[step])
    ]


def test_undisturbed_the_town_says_what_the_script_says(runs: Runs) -> None:
    found = runs.truth()
    heard = Counter((device, quantity) for device, quantity, *_ in found.observations.elements())
    assert found.unfinished == ()
    assert set(found.observations.values()) == {1}
    assert heard[("snow-01", "distance")] == heard[("snow-01", "snow_depth")] == len(DEPTH_M) == ROUNDS
    assert heard[("mo-01", "illuminance")] == len(LIGHT_LX)
    assert heard[("gauge-9", "distance")] == ROUNDS
    assert heard[("trap-01", "contact_open")] == sum(state is not None for state in TRAP_OPEN)
    assert heard[("door-01", "contact_open")] == sum(state is not None for state in DOOR_OPEN)
    assert Counter((rule, state) for rule, _, _, state, *_ in found.events.elements()) == {
        ("deep", "raised"): 2,
        ("deep", "cleared"): 2,
        ("bright", "raised"): 2,
        ("bright", "cleared"): 1,
        ("trap", "raised"): 2,
        ("trap", "cleared"): 1,
        ("quiet", "raised"): 1,
        ("quiet", "cleared"): 1,
    }
    assert Counter(reason for _, _, reason, _ in found.quarantine) == {
        "undecodable": 2,
        "unknown_device": 1,
        "wrong_unit": 1,
    }


def test_there_are_enough_points_and_each_has_its_test(runs: Runs) -> None:
    passed = {process: runs.passed(Plan(weather=STORM), process) for process in (GATEWAY, HUB)}
    assert {process: set(counts) for process, counts in passed.items()} == {p: set(steps) for p, steps in STEPS.items()}
    assert sum(counts.total() for counts in passed.values()) >= POINTS_LEAST


def test_a_line_that_loses_doubles_and_delays_changes_nothing(runs: Runs) -> None:
    assert runs.failures([Plan(weather=STORM)]) == []


@pytest.mark.parametrize(("process", "step"), [(process, step) for process, steps in STEPS.items() for step in steps])
@pytest.mark.lesson(19)
def test_killed_at(runs: Runs, process: str, step: str) -> None:
    plans = kills_at(runs, Plan(weather=STORM), process=process, step=step)
    assert plans
    assert runs.failures(plans) == []


@pytest.mark.parametrize("together", [False, True], ids=["one", "both"])
@pytest.mark.parametrize("process", [GATEWAY, HUB])
def test_killed_again_while_it_recovers(runs: Runs, process: str, *, together: bool) -> None:
    chance = random.Random(f"{process} {together}")
    passed = list(runs.passed(Plan(weather=STORM), process).elements())
    plans = []
    for _ in range(DOUBLE_RUNS):
        first = chance.choice(passed)
        at = chance.randrange(passed.count(first))
        kills = [Kill(process=process, step=first, occurrence=at)]
        kills += [
            Kill(process=process, life=life, step=chance.choice(STEPS[process]), occurrence=chance.randrange(2))
            for life in (1, 2)
        ]
        plans.append(Plan(weather=STORM, kills=tuple(kills), together=together))
    assert runs.failures(plans) == []


def test_every_fault_has_a_test() -> None:
    assert [fault for fault, *_ in FOUND_AT] == list(FAULTS)


@pytest.mark.parametrize(("fault", "process", "step"), FOUND_AT)
def test_a_planted_fault_is_found_by_a_kill_and_only_by_a_kill(runs: Runs, fault: str, process: str, step: str) -> None:
    plan = Plan(weather=CALM, fault=fault)
    assert runs.failures([plan]) == []
    assert any(tells_of_loss(runs.failures(some)) for some in chunks(kills_at(runs, plan, process=process, step=step)))


def tells_of_loss(failures: Sequence[str]) -> bool:
    return any("lost: " in text or "too many: " in text for text in failures)


def chunks(plans: Sequence[Plan]) -> Iterator[Sequence[Plan]]:
    return (plans[start : start + FAULT_RUNS] for start in range(0, len(plans), FAULT_RUNS))
