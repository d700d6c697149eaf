"""Feeds inputs to targets and notes what should not happen: a wrong exception, or a call that takes too long."""

from __future__ import annotations

import importlib
import pkgutil
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from devices.model import PermanentError
from tests.fuzz.mutate import Mutator

MOST_CALL_S = 1.0
CHUNK = 5000
_HANG_S = 5.0
_PACKAGE = "tests.fuzz.targets"
_SLOW_TRIES = 3


class HangError(BaseException):
    """A call did not come back; no Exception, so that the parser's own handlers do not catch it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A parser: `call` takes any bytes and returns or raises one of `errors`; `repair` makes its checksum right."""

    name: str
    call: Callable[[bytes], object]
    seeds: tuple[bytes, ...] = ()
    errors: tuple[type[BaseException], ...] = (PermanentError,)
    repair: Callable[[bytes], bytes] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One input that did what it must not. `what` is equal for failures with one cause; `detail` is the message."""

    target: str
    what: str
    detail: str
    payload: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkResult:
    """What came of a chunk: inputs fed, seconds in the target, failures (the shortest input of each kind), by count."""

    target: str
    inputs: int
    seconds: float
    failures: tuple[Failure, ...]
    counts: Mapping[str, int]


def collect() -> tuple[dict[str, Target], list[str]]:
    """Return the targets of all files in `targets/` by name, and the files that cannot be used with the reason."""
    found: dict[str, Target] = {}
    broken: list[str] = []
    folder = Path(__file__).parent / "targets"
    for info in sorted(pkgutil.iter_modules([str(folder)]), key=lambda module: module.name):
        try:
            for target in _targets_of(f"{_PACKAGE}.{info.name}"):
                if target.name in found:
                    raise PermanentError(f"target {target.name!r} stands twice")
                found[target.name] = target
        except Exception as error:  # noqa: BLE001 - one broken file must not stop the others
            broken.append(f"{info.name}: {type(error).__name__}: {error}")
    return found, broken


def _targets_of(path: str) -> Iterator[Target]:
    module = importlib.import_module(path)
    calls: dict[str, Callable[[bytes], object]] = module.TARGETS
    seeds: dict[str, list[bytes]] = getattr(module, "SEEDS", {})
    errors: dict[str, tuple[type[BaseException], ...]] = getattr(module, "ERRORS", {})
    repairs: dict[str, Callable[[bytes], bytes]] = getattr(module, "REPAIR", {})
    strangers = (set(seeds) | set(errors) | set(repairs)) - set(calls)
    if strangers:
        raise PermanentError(f"{path}: no TARGETS entry for {', '.join(sorted(strangers))}")
    for name, call in calls.items():
        yield Target(
            name=name, call=call, seeds=tuple(seeds.get(name, ())), errors=(PermanentError, *errors.get(name, ())),
            repair=repairs.get(name),
        )  # fmt: skip


def run_chunk(target: Target, *, seed: int, start: int, count: int) -> ChunkResult:
    """Feed `count` inputs; the same seed and start give the same inputs."""
    random_ = random.Random(f"{seed}:{target.name}:{start}")
    mutator = Mutator(target.seeds, random_)
    first: dict[str, Failure] = {}
    counts: dict[str, int] = {}
    spent_s = 0.0
    with _alarm() as mark:
        for _ in range(count):
            payload = mutator.make()
            if target.repair is not None and random_.random() < 0.5:
                payload = target.repair(payload)
            mark()
            took_s, wrong = try_one(target, payload)
            spent_s += took_s
            if wrong is not None:
                what, _, detail = wrong.partition(": ")
                counts[what] = counts.get(what, 0) + 1
                if what not in first or len(payload) < len(first[what].payload):
                    first[what] = Failure(target=target.name, what=what, detail=detail, payload=payload)
    return ChunkResult(
        target=target.name, inputs=count, seconds=spent_s, failures=tuple(first.values()), counts=counts
    )  # fmt: skip


def try_one(target: Target, payload: bytes) -> tuple[float, str | None]:
    """Return how long one call took, and what was wrong with it (None: nothing)."""
    begun_s = time.perf_counter()
    what = _wrong(target, payload)
    took_s = time.perf_counter() - begun_s
    if what is None and took_s > MOST_CALL_S and _is_always_slow(target, payload):
        what = f"slower than {MOST_CALL_S:g} s"
    return took_s, what


def _wrong(target: Target, payload: bytes) -> str | None:
    try:
        target.call(payload)
    except target.errors:
        return None
    except (Exception, HangError) as error:  # noqa: BLE001 - any other exception is what is looked for
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(error).__name__} at {place}: {str(error)[:100]}"
    return None


def _is_always_slow(target: Target, payload: bytes) -> bool:
    # a busy machine makes any call slow once; only the parser itself does it every time
    for _ in range(_SLOW_TRIES):
        begun_s = time.perf_counter()
        _wrong(target, payload)
        if time.perf_counter() - begun_s <= MOST_CALL_S:
            return False
    return True


@contextmanager
def _alarm() -> Iterator[Callable[[], None]]:
    """Give a function to call before each input; an input that is still running two alarms later is a hang."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    seen = [0, -1]

    def mark() -> None:
        seen[0] += 1

    def ring(_signal: int, _frame: FrameType | None) -> None:
        if seen[0] == seen[1]:
            raise HangError(f"no answer within {_HANG_S:g} s")
        seen[1] = seen[0]

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, _HANG_S, _HANG_S)
    try:
        yield mark
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
