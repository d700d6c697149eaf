"""What a figure is, and the place where it may work: a temporary folder and processes that end with it."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

_PATIENCE_S = 10.0


class SkippedError(Exception):
    """A figure that cannot be measured here, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is to be reached: at most `limit`, or at least."""

    limit: float
    is_most: bool = True

    def is_met(self, value: float) -> bool:
        """Tell whether `value` is good enough."""
        return value <= self.limit if self.is_most else value >= self.limit

    def as_text(self) -> str:
        """Return it as people write it."""
        return f"{'<=' if self.is_most else '>='} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One figure as it was found. `reference` says what it is held against and what that took."""

    name: str
    value: float
    unit: str = ""
    reference: str = ""
    goal: Goal | None = None

    @property
    def is_missed(self) -> bool:
        """Tell whether there is a goal and it is missed."""
        return self.goal is not None and not self.goal.is_met(self.value)

    def as_text(self) -> str:
        """Return the line `name: value unit (reference …; goal …, met or MISSED)`."""
        beside = [f"reference {self.reference}"] if self.reference else []
        if self.goal is not None:
            beside.append(f"goal {self.goal.as_text()}, {'MISSED' if self.is_missed else 'met'}")
        value = " ".join(part for part in (f"{self.value:.4g}", self.unit) if part)
        return f"{self.name}: {value}" + (f" ({'; '.join(beside)})" if beside else "")


@dataclass(slots=True)
class Bench:
    """Where figures are measured. `is_quick`: sizes so small that the figures say nothing, but every step is done.

    Used as a context: at its end every process is over and the folder is gone, also after Ctrl-C.
    """

    is_quick: bool = False
    folder: Path = field(init=False)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Bench:
        self.folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="satomori-bench-")))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def size(self, *, full: int, quick: int) -> int:
        """Return how much to do."""
        return quick if self.is_quick else full

    def start(self, argv: Sequence[str], *, name: str) -> subprocess.Popen[bytes]:
        """Start a process that ends with the bench; its output goes to `<name>.log`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(end, process)
        return process


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process: asked first, then by force."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(timeout=_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


FigureFunction = Callable[[Bench], Iterable[Measure]]
"""Measures; may give several lines (one for each size). Raises SkippedError when it cannot be done here."""


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Return the median of the ratios of rounds that took turns."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def in_ms(seconds: Sequence[float]) -> str:
    """Return the median as a text in milliseconds."""
    return f"{statistics.median(seconds) * 1e3:.3g} ms"


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which `percent` of all lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
