"""How rows are judged: derive, checks, rules, in this order; on the other timelines by rules alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from ingest import flags
from ingest.batch import Batch, Bytes, concat, empty_batch
from ingest.derive import Derived, SnowDepth, merged
from ingest.events import Mark
from ingest.interest import Interest
from ingest.plugins import HasTables, RuleRunner, View
from ingest.setup import ChosenChecks
from ingest.state import StateTable
from ingest.timeline import Judgement


class RulesOnly:
    """Judges rows by rules that need neither derived rows nor flags."""

    def __init__(self, rules: Sequence[RuleRunner]) -> None:
        """Judge by `rules`."""
        self._rules = rules
        self._interest = Interest(rules)

    def tables(self) -> Sequence[StateTable]:
        """Return what the rules remember."""
        return [table for rule in self._rules for table in rule.tables()]

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Learn what a new series is."""
        self._interest.add_series(series, device_id=device_id, quantity=quantity)

    def judge(self, rows: Batch, view: View) -> Judgement:
        """Return rows as they are, and the marks of all rules."""
        return Judgement(rows=rows, marks=self.marks(rows, view))

    def marks(self, rows: Batch, view: View) -> list[Mark]:
        """Return the marks of all rules; a rule to which no row matters sees none."""
        asked = self._interest.of(rows.series).tolist()
        given = zip(self._rules, asked, strict=True)
        return [mark for rule, is_asked in given for mark in rule.evaluate(rows if is_asked else empty_batch(), view)]


class Chain:
    """Judges rows by derivation, checks and rules, in this order."""

    def __init__(self, derive: SnowDepth, *, checks: ChosenChecks, rules: Sequence[RuleRunner]) -> None:
        """Judge by these plugins."""
        self._derive, self._checks, self._rules = derive, checks, RulesOnly(rules)
        self._interest = Interest([derive])

    def tables(self) -> Sequence[StateTable]:
        """Return what all plugins remember."""
        owners: Sequence[HasTables] = (self._derive, *self._checks.runners, self._rules)
        return [table for owner in owners for table in owner.tables()]

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Learn what a new series is."""
        for part in (self._interest, self._checks, self._rules):
            part.add_series(series, device_id=device_id, quantity=quantity)

    def judge(self, rows: Batch, view: View) -> Judgement:
        """Return rows and derived rows with their flags, and the marks of all rules."""
        if self._interest.of(rows.series).any():
            rows = self._flagged(rows, self._derive.apply(rows))
        elif len(rows):
            rows = replace(rows, flag=self._flags(rows))
        return Judgement(rows=rows, marks=self._rules.marks(rows, view))

    def record(self, rows: Batch, *, context: Batch) -> Batch:
        """Return `rows` that are too old to be judged with the rows that follow from them, flagged.

        `context` are air temperatures of their time. Rules see none of this.
        """
        # only distances give rows, and none of them is in the context: the source positions are those of `rows`
        return self._flagged(rows, self._derive.apply(concat([rows, context]), is_history=True))

    def _flagged(self, rows: Batch, derived: Derived) -> Batch:
        """Return rows (N,) and what was derived from them, sorted, with the worst flag of all checks."""
        if len(derived.rows):
            return self._flagged_with(rows, derived)
        return replace(rows, flag=self._flags(rows))

    def _flagged_with(self, rows: Batch, derived: Derived) -> Batch:
        everything, source = merged(rows, derived)
        order = np.lexsort((everything.seq, everything.observed_ns, everything.series))
        everything = everything.take(order)
        flag = self._flags(everything)
        unsorted = np.empty_like(flag)
        unsorted[order] = flag
        # what follows from a row is no better than that row
        flag = flags.worst(flag, unsorted[source[order]])
        is_unknown = (flag == flags.MISSING) & (source[order] != order)
        return replace(everything, flag=flag, value=np.where(is_unknown, np.nan, everything.value))

    def _flags(self, rows: Batch) -> Bytes:
        found = [runner.apply(rows) for runner in self._checks.runners]
        has_flags = (rows.flag != flags.UNKNOWN).any()
        return reduce(flags.worst, [rows.flag, *found] if has_flags or not found else found)
