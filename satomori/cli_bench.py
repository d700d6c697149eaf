"""`satomori bench`: what this machine makes of Satomori, each figure beside a reference of the same run."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer


def bench(
    name: Annotated[list[str] | None, typer.Argument(help="Figures to measure (default: all).", metavar="NAME")] = None,
    json_: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.", metavar="FILE")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Tiny sizes: whether it all works; the figures say nothing.")
    ] = False,
) -> None:
    """Measure the figures of performance and say which goals are missed; leaves nothing behind."""
    from satomori.bench.runner import closing_line, run_bench, write_json

    # who starts it in the background of a script hands down "ignore Ctrl-C"
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # nothing is left then either
    report = run_bench(name or (), is_quick=quick, say=lambda line: print(line, flush=True))
    print(closing_line(report))
    if json_ is not None:
        write_json(json_, report)
