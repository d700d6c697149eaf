"""`python -m tests.fuzz.guided NAME --count N`: the same targets, guided by coverage, where atheris is installed.

Atheris (Apache-2.0) is no part of our lock files; install it beside them: `pip install atheris`. It keeps inputs that
reach new lines and goes on from these, so it finds what blind damage does not; it is slower an input. Exit code 0:
nothing found; else the failing input stands in hex on the last line.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def main() -> None:
    """Fuzz one target; does not return (libFuzzer ends the process)."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", help="a target of tests/fuzz/targets")
    parser.add_argument("--count", type=int, default=100_000, help="inputs")
    parser.add_argument("--corpus", type=Path, help="folder that keeps the interesting inputs between runs")
    given = parser.parse_args()
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["devices"], enable_loader_override=False):
        harness = importlib.import_module("tests.fuzz.harness")
        targets, _ = harness.collect()
    target = targets[given.name]

    def one(payload: bytes) -> None:
        _, wrong = harness.try_one(target, payload)
        if wrong is not None:
            print(f"\n{wrong}\n{payload.hex()}", flush=True)
            raise AssertionError(wrong)

    with _corpus(given.corpus, target.seeds) as folder:
        flags = [f"-runs={given.count}", "-max_len=4096", f"-artifact_prefix={folder}/failed-", str(folder)]
        atheris.Setup([sys.argv[0], *flags], one)
        atheris.Fuzz()


@contextmanager
def _corpus(kept: Path | None, seeds: tuple[bytes, ...]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="satomori-fuzz-") as name:
        folder = kept if kept is not None else Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for number, seed in enumerate(seeds):
            (folder / f"seed-{number:03}").write_bytes(seed)
        yield folder


if __name__ == "__main__":
    main()
