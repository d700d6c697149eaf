"""`python -m tests.crash.real`: the long form of the crash test over the real broker; exit 1 when something was wrong.

With `--fault NAME` the exit code says the contrary: 1 when the planted fault was not found.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.crash.real.faults import FAULTS
from tests.crash.real.kills import Point
from tests.crash.real.run import Plan, Report, run

_LINE_EVERY = 50
_SHOWN = 40


def main() -> int:
    """Run as the command line says; return the exit code."""
    given = _parser().parse_args()
    console = Console()
    if given.fault == "all":
        return max(_run(console, given, fault) for fault in FAULTS)
    return _run(console, given, given.fault)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.real", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000, metavar="N", help="how many kills")
    parser.add_argument("--seed", type=int, default=1, help="of values, victims and pauses")
    parser.add_argument("--fault", default="", metavar="NAME", choices=("", "all", *FAULTS), help="plant it")
    parser.add_argument("--keep", action="store_true", help="leave the towns' folder in /dev/shm")
    return parser


def _run(console: Console, given: argparse.Namespace, fault: str) -> int:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done: list[Point] = []
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(fault or "kills", total=given.points)

        def tell(point: Point) -> None:
            done.append(point)
            progress.update(task, advance=1)
            if not console.is_terminal and len(done) % _LINE_EVERY == 0:
                print(f"{len(done)} kills", flush=True)

        plan = Plan(points=given.points, seed=given.seed, fault=fault, keep=given.keep)
        report = asyncio.run(run(plan, tell))
    _print(report, fault or "no fault")
    return int(not report.wrong) if fault else int(bool(report.wrong))


def _print(report: Report, title: str) -> None:
    kinds = sorted({(point.town, point.kind) for point in report.points})
    for town, kind in kinds:
        points = [point for point in report.points if (point.town, point.kind) == (town, kind)]
        print(f"{town:9}{kind:18}{len(points):5} kills, back after {_spread(p.back_s for p in points)}")
    print(
        f"{title}: {len(report.points)} kills in {report.seconds:.0f} s, {report.said} readings said,"
        f" {report.sent} messages sent, {len(report.wrong)} things wrong",
        flush=True,
    )
    for text in report.wrong[:_SHOWN]:
        print(f"  {text}")


def _spread(times_s: Iterable[float | None]) -> str:
    known = sorted(time_s for time_s in times_s if time_s is not None)
    return f"{statistics.median(known):.2f} s, at most {known[-1]:.2f} s" if known else "nobody waited"


if __name__ == "__main__":
    sys.exit(main())
