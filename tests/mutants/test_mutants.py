"""The search for untested comparisons: it changes what it says, and tells found from missed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.mutants.mutate import mutants_of
from tests.mutants.suspects import ROOT, TESTS, all_mutants, equivalents

SOURCE = '''"""Text with < in it."""
class Limits:
    def holds(self, a: int, b: int) -> bool:
        return 0 < a <= min(b, 9) or "日本" == "x"
'''


def test_every_comparison_and_choice_is_changed_once() -> None:
    changed = [(one.line, one.after) for one in mutants_of("x.py", SOURCE)]
    assert changed == [
        (4, "0 <= a <= min(b, 9)"), (4, "0 < a < min(b, 9)"), (4, "max"), (4, "'日本' != 'x'"),
    ]  # fmt: skip


def test_a_mutant_differs_from_the_source_at_one_place() -> None:
    texts = [one.source.splitlines()[3].strip() for one in mutants_of("x.py", SOURCE)]
    assert texts[0] == 'return 0 <= a <= min(b, 9) or "日本" == "x"'
    assert texts[2] == 'return 0 < a <= max(b, 9) or "日本" == "x"'
    assert texts[3] == "return 0 < a <= min(b, 9) or '日本' != 'x'"


def test_two_alike_have_two_names() -> None:
    names = [one.name for one in mutants_of("x.py", "def f(a):\n    return a < 1, a < 1\n")]
    assert names == ["x.py::f::a < 1 -> a <= 1", "x.py::f::a < 1 -> a <= 1 #2"]


def test_names_are_unique_and_every_listed_equivalent_is_one_of_them() -> None:
    names = [mutant.name for mutant in all_mutants()]
    assert len(set(names)) == len(names) > 80
    assert equivalents().keys() - set(names) == set()


@pytest.mark.parametrize("path", sorted(TESTS))
def test_its_tests_exist(path: str) -> None:
    assert [name for name in TESTS[path] if not (ROOT / name).exists()] == []


@pytest.mark.timeout(600)
def test_eight_mutants_are_found_and_one_nobody_could_tell_is_not() -> None:
    """The very command, over the small part of it that is quick."""
    words = ["receipts.py::subtract", "receipts.py::stated_floor", "receipts.py::merge", "floor - 1 >= watermark"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutants", *words], cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    said = done.stdout.splitlines()
    assert (done.returncode, said[-1]) == (0, "9 mutants, 0 wrong"), done.stdout + done.stderr
    assert [line.rsplit(": ", 1)[1].split(" ")[0] for line in said[:-1]].count("killed") == 8
