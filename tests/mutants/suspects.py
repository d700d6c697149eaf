"""Which files are mutated, which tests look at each (the quickest first), and which mutants change nothing."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.mutants.mutate import Mutant, mutants_of

ROOT = Path(__file__).parents[2]
EQUIVALENT_PATH = Path(__file__).with_name("equivalent.toml")

_CORE = (
    "tests/ingest/test_identity.py",
    "tests/ingest/test_pipeline.py",
    "tests/ingest/test_edges.py",
    "tests/ingest/test_stateful.py",
)
TESTS: Mapping[str, tuple[str, ...]] = {
    "ingest/dedup.py": _CORE,
    "ingest/identity.py": _CORE,
    "ingest/facts.py": _CORE,
    "ingest/rules/threshold.py": ("tests/ingest/rules/test_threshold.py", *_CORE[1:]),
    "ingest/rules/silent.py": ("tests/ingest/rules/test_silent.py", "tests/ingest/rules/test_hearsay.py", *_CORE[1:]),
    "ingest/lasting.py": ("tests/ingest/rules/test_device_fault.py",),
    "ingest/receipts.py": ("tests/ingest/test_receipts.py",),
}


def all_mutants(root: Path = ROOT) -> Iterator[Mutant]:
    """Yield every mutant of every file in TESTS."""
    for path in TESTS:
        yield from mutants_of(path, (root / path).read_text(encoding="utf-8"))


def equivalents() -> dict[str, str]:
    """Return the names of mutants that change nothing anybody could see, and why."""
    return dict(tomllib.loads(EQUIVALENT_PATH.read_text(encoding="utf-8")))
