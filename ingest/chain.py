"""How rows are judged: derive, checks, rules, in this order; on the other timelines by rules alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from ingest import flags
from ingest.batch import Batch, Int64s, concat
from ingest.derive import SnowDepth, merged
from ingest.events import Mark
from ingest.plugins import HasTables, RuleRunner, View
from ingest.setup import ChosenChecks
from ingest.state import StateTable
from ingest.timeline import Judgement


class RulesOnly:
    """Judges rows by rules that need neither derived rows nor flags."""

    def __init__(self, rules: Sequence[RuleRunner]) -> None:
        """Judge by `rules`."""
        self._rules = rules

    def tables(self) -> Sequence[StateTable]:
        """Return what the rules remember."""
        return [table for rule in self._rules for table in rule.tables()]

    def judge(self, rows: Batch, view: View) -> Judgement:
        """Return rows as they are, and the marks of all rules."""
        return Judgement(rows=rows, marks=_marks(self._rules, rows, view))


class Chain:
    """Judges rows by derivation, checks and rules, in this order."""

    def __init__(self, derive: SnowDepth, *, checks: ChosenChecks, rules: Sequence[RuleRunner]) -> None:
        """Judge by these plugins."""
        self._derive, self._checks, self._rules = derive, checks, rules

    def tables(self) -> Sequence[StateTable]:
        """Return what all plugins remember."""
        owners: Sequence[HasTables] = (self._derive, *self._checks.runners, *self._rules)
        return [table for owner in owners for table in owner.tables()]

    def judge(self, rows: Batch, view: View) -> Judgement:
        """Return rows and derived rows with their flags, and the marks of all rules."""
        if not len(rows):
            return Judgement(rows=rows, marks=_marks(self._rules, rows, view))
        everything, source = merged(rows, self._derive.apply(rows))
        order = np.lexsort((everything.seq, everything.observed_ns, everything.series))
        flagged = self._flagged(everything, order=order, source=source)
        return Judgement(rows=flagged, marks=_marks(self._rules, flagged, view))

    def record(self, rows: Batch, *, context: Batch) -> Batch:
        """Return `rows` that are too old to be judged with the rows that follow from them, flagged.

        `context` are air temperatures of their time. Rules see none of this.
        """
        # only distances give rows, and none of them is in the context: the source positions are those of `rows`
        everything, source = merged(rows, self._derive.apply(concat([rows, context]), is_history=True))
        order = np.lexsort((everything.seq, everything.observed_ns, everything.series))
        return self._flagged(everything, order=order, source=source)

    def _flagged(self, rows: Batch, *, order: Int64s, source: Int64s) -> Batch:
        """Return rows (N,) in `order` with the worst flag of all checks and of the row they follow from."""
        rows = rows.take(order)
        found = [runner.apply(rows) for runner in self._checks.runners]
        flag = reduce(flags.worst, found, rows.flag)
        unsorted = np.empty_like(flag)
        unsorted[order] = flag
        flag = flags.worst(flag, unsorted[source[order]])
        is_unknown = (flag == flags.MISSING) & (source[order] != order)
        return replace(rows, flag=flag, value=np.where(is_unknown, np.nan, rows.value))


def _marks(rules: Sequence[RuleRunner], rows: Batch, view: View) -> list[Mark]:
    return [mark for rule in rules for mark in rule.evaluate(rows, view)]
