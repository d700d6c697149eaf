"""The list of bad inputs of the device notes: each of its 88 rows is covered by at least one marked test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROWS = range(1, 89)


def numbers_in(source: str) -> Iterator[int]:
    """Return the numbers of every `bad_input(...)` mark in a test file."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "bad_input":
            yield from (arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, int))


def test_a_mark_is_found() -> None:
    assert list(numbers_in("import pytest\n@pytest.mark.bad_input(2, 13)\ndef test_x() -> None: ...\n")) == [2, 13]


def test_every_row_has_a_test() -> None:
    found = {n for path in TESTS.rglob("test_*.py") for n in numbers_in(path.read_text(encoding="utf-8"))}
    assert sorted(set(ROWS) - found) == []
    assert sorted(found - set(ROWS)) == []
