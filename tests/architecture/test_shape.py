"""Files and functions stay small, packages import nothing, names do not hide modules, logs are events."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, parse, plugin_files, python_files, tracked_files
from tests.conftest import ROOMS

MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}

# In pieces, so that this file does not contain what it looks for.
REGISTRY_HOSTS = tuple(
    ".".join(parts).encode()
    for parts in (
        ("pypi", "org"),
        ("files", "python" + "hosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("crates", "io"),
        ("golang", "org"),
        ("rubygems", "org"),
        ("jsdelivr", "net"),
        ("unpkg", "com"),
    )
)
MACHINE_PATH = re.compile(rb"(?<![\w.])/(wo" + rb"rk|ro" + rb"ot|Use" + rb"rs|opt/wheels|tmp/te" + rb"am)/")


@cache
def imported_names() -> frozenset[str]:
    """Give the top-level names of all modules our code imports, our rooms apart."""
    names: set[str] = set()
    for path in python_files():
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Import):
                names.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    return frozenset(names - {*ROOMS, "tests"})


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def is_log_call(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=level)):
            return level in LEVELS and owner.lower().lstrip("_") in {"log", "logger"}
    return False


def is_event_name(node: ast.Call) -> bool:
    match node.args:
        case [ast.Constant(value=str(name))]:
            return re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) is not None
    return False


@pytest.mark.parametrize("path", python_files())
def test_file_is_small(path: str) -> None:
    assert len((ROOT / path).read_text(encoding="utf-8").splitlines()) <= MAX_FILE_LINES


@pytest.mark.parametrize("path", python_files())
def test_functions_are_small(path: str) -> None:
    lengths = {node.name: (node.end_lineno or 0) - node.lineno + 1 for node in functions(parse(path))}
    assert {name: length for name, length in lengths.items() if length > MAX_FUNCTION_LINES} == {}


@pytest.mark.parametrize("path", [path for path in python_files() if path.endswith("__init__.py")])
def test_package_is_one_docstring_and_imports_nothing(path: str) -> None:
    tree = parse(path)
    assert ast.get_docstring(tree)
    assert len(tree.body) == 1


@pytest.mark.parametrize("path", python_files(below=ROOMS))
def test_file_hides_no_module_we_need(path: str) -> None:
    assert Path(path).stem not in imported_names()


@pytest.mark.parametrize("path", python_files(below=ROOMS))
def test_a_log_call_is_one_event_name(path: str) -> None:
    calls = [node for node in ast.walk(parse(path)) if isinstance(node, ast.Call) and is_log_call(node)]
    assert [f"line {call.lineno}: {ast.unparse(call)}" for call in calls if not is_event_name(call)] == []


@pytest.mark.parametrize("path", plugin_files())
def test_plugin_has_a_test_of_its_name(path: str) -> None:
    plugin = Path(path)
    assert (Path("tests") / plugin.parent / f"test_{plugin.name}").as_posix() in tracked_files()


@pytest.mark.parametrize("path", tracked_files())
def test_file_names_no_registry_host(path: str) -> None:
    content = (ROOT / path).read_bytes().lower()
    assert [host for host in REGISTRY_HOSTS if host in content] == []


@pytest.mark.parametrize("path", tracked_files())
def test_file_names_no_path_of_a_machine(path: str) -> None:
    assert MACHINE_PATH.search((ROOT / path).read_bytes()) is None


@pytest.mark.parametrize("name", ["devices/model.py", "ingest/batch.py", "alerts/lifecycle.py"])
def test_the_list_of_files_is_not_empty_by_mistake(name: str) -> None:
    assert name in python_files()
