"""`python -m tests.soak --minutes N`: a day of a town at ten times its load in N minutes; exit 1 when not all was flat.

Starts what `satomori up` starts, with a clock so fast that 24 hours pass in that time, and a mailbox. A tenth of the
messages comes as LoRaWAN uplinks through a gateway, the rest from devices that speak to the hub. Once a second memory
and open files of every process and the rows that wait to be folded are looked at; the first quarter is warm-up.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.soak.run import Plan, Report, run

_MIB = 2**20
_TENTHS = 10


def main() -> int:
    """Run as the command line says; return the exit code."""
    given = _parser().parse_args()
    plan = Plan(minutes=given.minutes, town_hours=given.town_hours, load=given.load)
    console = Console()
    console.print(
        f"{plan.town_hours:g} h of a town x{plan.load:g} in {plan.minutes:g} min: clock x{plan.speed:.1f},"
        f" {plan.rate_s:,.0f} messages/s, {plan.gauges:,} gauges"
    )
    columns = (TextColumn("soak"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    told = 0
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("soak", total=1.0)

        def show(share: float) -> None:
            nonlocal told
            progress.update(task, completed=share)
            if not console.is_terminal and int(share * _TENTHS) > told:
                told = int(share * _TENTHS)
                print(f"{told * 100 // _TENTHS} %", flush=True)

        report = run(plan, show, folder=given.folder)
    _print(report, console)
    return int(bool(report.wrong))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0, metavar="N", help="how long the load lasts")
    parser.add_argument("--town-hours", type=float, default=24.0, metavar="H", help="town time that passes meanwhile")
    parser.add_argument("--load", type=float, default=10.0, metavar="X", help="times a town's 5 messages a second")
    parser.add_argument("--folder", type=Path, default=None, help="where the town's folder is made (default: /tmp)")
    return parser


def _print(report: Report, console: Console) -> None:
    table = Table("process", "MiB first", "MiB last", "MiB most", "growth", "files first", "last", "most")
    for course in report.courses:
        table.add_row(
            course.name, *(f"{value / _MIB:.1f}" for value in
            (course.rss_first_bytes, course.rss_last_bytes, course.rss_most_bytes)),
            f"{course.growth:+.1%}", f"{course.files_first:g}", f"{course.files_last:g}", str(course.files_most),
        )  # fmt: skip
    console.print(table)
    console.print(
        f"sent {report.sent:,} messages ({report.rate_s:,.0f}/s), missing {report.missing}, all stored"
        f" {report.drain_s:.1f} s after the last; rows waiting to be folded: most {report.backlog_most:,};"
        f" journal {report.journal_bytes / _MIB:.0f} MiB; mails {report.mails}"
    )
    console.print("counters: " + ", ".join(f"{name} {value:,}" for name, value in sorted(report.counters.items())))
    for wrong in report.wrong:
        console.print(f"NOT FLAT: {wrong}", style="red")
    if not report.wrong:
        console.print("memory, open files and folding stayed flat", style="green")


if __name__ == "__main__":
    sys.exit(main())
