"""`python -m tests.mutants`: every comparison, min and max of the core is changed, one by one; a test must fail.

    python -m tests.mutants                       all of them (about half an hour of a quiet core)
    python -m tests.mutants ingest/receipts.py    those whose name contains a word
    python -m tests.mutants --list                their names only

Ends with 1 when a mutant survives that is not listed in equivalent.toml, or when a listed one is found.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.mutate import Mutant
from tests.mutants.suspects import all_mutants, equivalents
from tests.mutants.trial import copy_tree, run_tests, try_mutant


def main(arguments: list[str]) -> int:
    words = [word for word in arguments if not word.startswith("--")]
    chosen = [mutant for mutant in all_mutants() if not words or any(word in mutant.name for word in words)]
    if "--list" in arguments:
        print(*(f"{mutant.path}:{mutant.line}  {mutant.name}" for mutant in chosen), sep="\n")
        return 0
    os.nice(19)
    sys.dont_write_bytecode = True  # two mutants of one size and second would share their bytecode
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["SATOMORI_STATEFUL_QUICK"] = "1"
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        folder = Path(name)
        copy_tree(folder)
        return _try_all(chosen, folder=folder)


def _try_all(chosen: list[Mutant], *, folder: Path) -> int:
    listed = equivalents()
    for path in sorted({mutant.path for mutant in chosen}):
        failed = run_tests(path, folder=folder, log_path=folder / "log.txt")
        if failed:
            print(f"{path}: {failed} fails without any mutant")
            return 1
    wrong: list[str] = []
    for number, mutant in enumerate(chosen, start=1):
        began_s = time.monotonic()
        verdict = try_mutant(mutant, folder=folder)
        is_listed = mutant.name in listed
        said = f"killed by {verdict.by}" if verdict.by else "equivalent" if is_listed else "SURVIVED"
        if bool(verdict.by) == is_listed:
            wrong.append(mutant.name)
        seconds = time.monotonic() - began_s
        where = f"{mutant.path}:{mutant.line}"
        print(
            f"{number}/{len(chosen)} {where}  {mutant.before}  ->  {mutant.after}: {said} ({seconds:.0f} s)", flush=True
        )
    print(f"{len(chosen)} mutants, {len(wrong)} wrong", *wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
