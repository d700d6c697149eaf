"""Measures the figures that were asked for, one after the other, and says which goals are missed."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from devices.model import PermanentError
from satomori.bench.figures import FIGURES
from satomori.bench.model import Bench, Measure, SkippedError

Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Report:
    """What was measured, and what could not be: name and reason."""

    measures: list[Measure] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def missed(self) -> list[str]:
        """Return the names whose goal is missed."""
        return [measure.name for measure in self.measures if measure.is_missed]

    def as_json(self) -> dict[str, Any]:
        """Return the report for a file."""
        return {
            "machine": machine(),
            "figures": [
                {
                    "name": measure.name,
                    "value": measure.value,
                    "unit": measure.unit,
                    "reference": measure.reference,
                    "goal": measure.goal.as_text() if measure.goal else "",
                    "missed": measure.is_missed,
                }
                for measure in self.measures
            ],
            "skipped": self.skipped,
        }


def machine() -> str:
    """Return in one line on what is measured and how busy it is."""
    busy = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    what = f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}"
    return f"{what}, Python {platform.python_version()}, load {busy}"


def require_known(names: Sequence[str]) -> tuple[str, ...]:
    """Return the figures to measure, all when none is named. Raises PermanentError for a name that is none."""
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise PermanentError(f"figure {unknown[0]!r} is unknown; there are {', '.join(FIGURES)}")
    return tuple(name for name in FIGURES if name in names) if names else tuple(FIGURES)


def run_bench(names: Sequence[str], *, is_quick: bool, say: Say) -> Report:
    """Measure; each line is said as soon as it is known. Nothing is left behind, also when interrupted."""
    chosen, report = require_known(names), Report()
    say(machine())
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=len(chosen))
        for name in chosen:
            progress.update(task, description=name)
            _measure(name, report, is_quick=is_quick, say=say)
            progress.advance(task)
    return report


def _measure(name: str, report: Report, *, is_quick: bool, say: Say) -> None:
    try:
        with Bench(is_quick=is_quick) as bench:
            for measure in FIGURES[name](bench):
                report.measures.append(measure)
                say(measure.as_text())
    except SkippedError as error:
        report.skipped[name] = str(error)
        say(f"{name}: not measured, {error}")


def closing_line(report: Report) -> str:
    """Return which goals are missed."""
    missed = report.missed()
    return f"goals missed: {', '.join(missed)}" if missed else "goals missed: none"


def write_json(path: Path, report: Report) -> None:
    """Write the report. Raises PermanentError when the file cannot be written."""
    try:
        path.write_text(json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise PermanentError(f"--json {path} cannot be written: {error.strerror}") from error
