"""Deadlines of units: the first of each, found without asking those that nothing came from."""

from __future__ import annotations

from typing import cast

import numpy as np

from ingest.agenda import Agenda
from ingest.batch import Int64s
from ingest.plugins import Deadlines, RuleRunner


class Waits:
    """A rule whose deadlines are given by unit; it notes of which units it was asked."""

    def __init__(self, deadlines_ns: dict[int, list[int]]) -> None:
        self.deadlines_ns = deadlines_ns
        self.asked: list[list[int]] = []

    def deadlines(self, units: Int64s) -> Deadlines:
        self.asked.append(units.tolist())
        pairs = [(at_ns, unit) for unit in units.tolist() for at_ns in self.deadlines_ns.get(unit, [])]
        return np.array([at for at, _ in pairs], np.int64), np.array([unit for _, unit in pairs], np.int32)


def agenda(*rules: Waits) -> Agenda:
    made = Agenda([cast(RuleRunner, rule) for rule in rules], units=4)
    made.refresh(np.arange(4), after_ns=0)
    return made


def test_the_first_deadline_ahead_of_all_rules_counts() -> None:
    made = agenda(Waits({1: [30, 10], 2: [-5, 20]}), Waits({1: [8]}))
    assert [made.due(7).tolist(), made.due(8).tolist(), made.due(20).tolist()] == [[], [1], [1, 2]]
    assert made.next_ns() == 8


def test_a_judged_unit_is_asked_anew_and_no_other() -> None:
    rule = Waits({1: [10], 2: [20]})
    made = agenda(rule)
    rule.deadlines_ns[1] = [10, 50]
    made.refresh(np.array([1]), after_ns=10)
    assert rule.asked[1:] == [[1]]
    assert [made.due(19).tolist(), made.due(50).tolist(), made.next_ns()] == [[], [1, 2], 20]


def test_without_deadlines_nothing_is_due() -> None:
    made = agenda(Waits({}))
    assert (made.due(10**18).tolist(), made.next_ns()) == ([], None)
