"""`python -m tests.fuzz.run`: feeds every parser damaged and random inputs; exit 1 when one does what it must not.

A target file in `tests/fuzz/targets/` has `TARGETS` (name -> function of bytes) and, where it helps, `SEEDS` (name ->
valid inputs to damage), `ERRORS` (name -> further exceptions that are right) and `REPAIR` (name -> function that makes
the checksum of a damaged input right, so that the code behind the checksum is reached; used on half of the inputs).
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.fuzz.harness import CHUNK, ChunkResult, Failure, Target, collect, run_chunk, try_one

_MOST_MEMORY_BYTES = 4 * 1024**3
_SHOWN_FAILURES = 20

Chunk = tuple[str, int, int, int]


@dataclass(slots=True)
class Tally:
    """What came of one target so far."""

    inputs: int = 0
    seconds: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    shortest: dict[str, Failure] = field(default_factory=dict)

    def add(self, result: ChunkResult) -> None:
        self.inputs += result.inputs
        self.seconds += result.seconds
        for what, count in result.counts.items():
            self.counts[what] = self.counts.get(what, 0) + count
        for failure in result.failures:
            known = self.shortest.get(failure.what)
            if known is None or len(failure.payload) < len(known.payload):
                self.shortest[failure.what] = failure


def main(arguments: list[str] | None = None) -> int:
    """Run as the command line says; return the exit code."""
    given = _parser().parse_args(arguments)
    console = Console()
    targets, broken = collect()
    chosen = {name: target for name, target in targets.items() if _is_chosen(name, given)}
    for line in broken:
        console.print(f"target file cannot be used: {line}", markup=False, style="red")
    if not chosen:
        console.print("no such target; there are: " + ", ".join(targets), markup=False)
        return 1
    if given.hex is not None:
        return _repeat(chosen, bytes.fromhex(given.hex), console)
    # a parser that builds gigabytes fails here instead of taking the machine with it
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, most))
    tallies = {name: Tally() for name in chosen}
    _feed(chosen, tallies, given, console)
    console.print(_table(tallies))
    _print_failures(tallies, console)
    return 1 if broken or any(tally.counts for tally in tallies.values()) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", action="append", metavar="NAME", help="this target only; repeatable; NAME* = prefix")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="not this target; as --only")
    parser.add_argument("--count", type=int, default=1_000_000, help="inputs for each target")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same inputs")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--hex", metavar="BYTES", help="feed this one input to the target(s) of --only instead")
    return parser


def _is_chosen(name: str, given: argparse.Namespace) -> bool:
    def is_named(patterns: list[str]) -> bool:
        return any(name == p or (p.endswith("*") and name.startswith(p[:-1])) for p in patterns)

    return (not given.only or is_named(given.only)) and not is_named(given.skip)


def _repeat(targets: dict[str, Target], payload: bytes, console: Console) -> int:
    is_wrong = False
    for name, target in targets.items():
        took_s, what = try_one(target, payload)
        is_wrong = is_wrong or what is not None
        console.print(f"{name}: {what or 'as it should be'} ({took_s * 1000:.1f} ms)", markup=False)
    return 1 if is_wrong else 0


def _feed(targets: dict[str, Target], tallies: dict[str, Tally], given: argparse.Namespace, console: Console) -> None:
    chunks: list[Chunk] = [
        (name, given.seed, start, min(CHUNK, given.count - start))
        for name in targets
        for start in range(0, given.count, CHUNK)
    ]
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=given.count * len(targets))
        for result in _results(targets, chunks, jobs=given.jobs):
            tally = tallies[result.target]
            tally.add(result)
            progress.update(task, advance=result.inputs, description=result.target)
            if tally.inputs == given.count and not console.is_terminal:
                # a log of a run of hours shows each target when it is through
                print(_line(result.target, tally), flush=True)


def _results(targets: dict[str, Target], chunks: list[Chunk], *, jobs: int) -> Iterator[ChunkResult]:
    if jobs <= 1:
        yield from (run_chunk(targets[name], seed=seed, start=at, count=n) for name, seed, at, n in chunks)
        return
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        for done in as_completed([pool.submit(_in_process, chunk) for chunk in chunks]):
            yield done.result()


def _in_process(chunk: Chunk) -> ChunkResult:
    name, seed, start, count = chunk
    return run_chunk(collect()[0][name], seed=seed, start=start, count=count)


def _line(name: str, tally: Tally) -> str:
    return f"{name}: {tally.inputs} inputs, {_rate(tally)} /s, {sum(tally.counts.values())} failures"


def _rate(tally: Tally) -> str:
    return f"{tally.inputs / tally.seconds:,.0f}" if tally.seconds else "-"


def _table(tallies: dict[str, Tally]) -> Table:
    table = Table("target")
    for title in ("inputs", "per s", "failures"):
        table.add_column(title, justify="right")
    for name, tally in tallies.items():
        failures = sum(tally.counts.values())
        table.add_row(name, f"{tally.inputs:,}", _rate(tally), str(failures), style="red" if failures else None)
    return table


def _print_failures(tallies: dict[str, Tally], console: Console) -> None:
    for name, tally in tallies.items():
        for what, failure in list(tally.shortest.items())[:_SHOWN_FAILURES]:
            text = f"\n{name}: {what}: {failure.detail} ({tally.counts[what]} times)"
            console.print(text, markup=False, style="red")
            print(f"  repeat: python -m tests.fuzz.run --only '{name}' --hex {failure.payload.hex() or repr('')}")


if __name__ == "__main__":
    sys.exit(main())
