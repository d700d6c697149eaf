"""Runs the tests of one mutant in a copy of the tree, in a forked process that has the big libraries loaded already."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.mutants.mutate import Mutant
from tests.mutants.suspects import ROOT, TESTS

CPU_LIMIT_S = 120
"""What runs longer is caught in an endless loop, which is a way of being found."""
MEMORY_LIMIT_BYTES = 4 * 2**30

_COPIED = ("satomori", "api", "alerts", "gateway", "ingest", "firmware_sim", "devices", "tests", "pyproject.toml")
_SURVIVED = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`by`: the test that failed; empty when none did."""

    mutant: Mutant
    by: str


def copy_tree(folder: Path) -> None:
    """Copy what tests need."""
    for name in _COPIED:
        source, target = ROOT / name, folder / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)


def run_tests(path: str, *, folder: Path, log_path: Path) -> str:
    """Run the tests that look at `path` in the copy at `folder`; return the one that failed first, "" when none did."""
    child = os.fork()
    if child == 0:
        os._exit(_run(path, folder=folder, log_path=log_path))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "ends by itself"
    if os.WEXITSTATUS(status) == _SURVIVED:
        return ""
    failed = [
        line for line in log_path.read_text(encoding="utf-8").splitlines() if line.startswith(("FAILED", "ERROR"))
    ]
    return failed[0].split(" ")[1] if failed else "it can be loaded"


def _run(path: str, *, folder: Path, log_path: Path) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.chdir(folder)
    # the mutant, not the tree that this runner was started in
    sys.path[:] = [str(folder), *(entry for entry in sys.path if Path(entry or ".").resolve() != ROOT)]
    for name in [name for name in sys.modules if name.partition(".")[0] in ("tests", "ingest")]:
        del sys.modules[name]
    there = [name for name in TESTS[path] if (folder / name).exists()]
    try:
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--tb=no", "--timeout=0", *there]))
    finally:
        sys.stdout.flush()


def try_mutant(mutant: Mutant, *, folder: Path) -> Verdict:
    """Put the mutant into the copy at `folder`, run its tests, and put the file back."""
    target = folder / mutant.path
    sound = target.read_text(encoding="utf-8")
    target.write_text(mutant.source, encoding="utf-8")
    try:
        return Verdict(mutant=mutant, by=run_tests(mutant.path, folder=folder, log_path=folder / "log.txt"))
    finally:
        target.write_text(sound, encoding="utf-8")
