"""`python -m tests.simulation`: runs schedules of the protocol simulation; exit 1 when one broke a promise.

With `--fault NAME` the exit code says the contrary: 1 when the planted fault was not found. `--seed` is the first one.
"""

from __future__ import annotations

import argparse
import sys
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.faults import FOUND_WITHIN
from tests.simulation.schedules import Finding, run_many

_SHOWN = 20
_LINE_EVERY = 10_000


def main(arguments: list[str] | None = None) -> int:
    """Run as the command line says; return the exit code."""
    given = _parser().parse_args(arguments)
    console = Console()
    if given.fault == "all":
        return max(_run(console, given, fault) for fault in FOUND_WITHIN)
    return _run(console, given, given.fault)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--schedules", type=int, default=20_000, metavar="N", help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of the first schedule; each has the next one")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--fault", default="", metavar="NAME", choices=("", "all", *FOUND_WITHIN), help="plant it")
    return parser


def _run(console: Console, given: argparse.Namespace, fault: str) -> int:
    findings: list[Finding] = []
    start_s, count = time.monotonic(), 0
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(fault or "schedules", total=given.schedules)
        for done, found in run_many(_span(given), fault=fault, jobs=given.jobs):
            before, count = count, count + done
            findings += found
            progress.update(task, advance=done)
            if not console.is_terminal and count // _LINE_EVERY != before // _LINE_EVERY:
                print(f"{count} schedules, {len(findings)} violations, {time.monotonic() - start_s:.0f} s", flush=True)
            if fault and findings:
                break
    seconds = time.monotonic() - start_s
    print(f"{fault or 'no fault'}: {count} schedules in {seconds:.1f} s, {len(findings)} violations")
    for finding in sorted(findings, key=lambda one: one.seed)[:_SHOWN]:
        plant = f" --fault {fault}" if fault else ""
        print(f"  {finding.what}\n    repeat: python -m tests.simulation --schedules 1 --seed {finding.seed}{plant}")
    return int(not findings) if fault else int(bool(findings))


def _span(given: argparse.Namespace) -> range:
    return range(given.seed, given.seed + given.schedules)


if __name__ == "__main__":
    sys.exit(main())
