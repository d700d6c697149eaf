"""Every single change of a comparison or of min and max in a source file, as a name and the changed text."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

_OTHER_OPERATOR: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(), ast.LtE: ast.Lt(), ast.Gt: ast.GtE(), ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(), ast.NotEq: ast.Eq(),
}  # fmt: skip
_OTHER_NAME = {"min": "max", "max": "min", "maximum": "minimum", "minimum": "maximum"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One change. `name` does not know the line: function, old and new text, a number if there are several."""

    path: str
    line: int
    name: str
    before: str
    after: str
    source: str


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Return the mutants of a file, in the order of its lines."""
    raw = source.encode()
    offsets = [0]
    for line in raw.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    seen: Counter[str] = Counter()
    found: list[Mutant] = []
    for where, node, changed in sorted(_changes(ast.parse(source)), key=lambda change: _place(change[1])):
        # the columns of a syntax tree count bytes
        start = offsets[node.lineno - 1] + node.col_offset
        end = offsets[(node.end_lineno or 0) - 1] + (node.end_col_offset or 0)
        before, after = " ".join(raw[start:end].decode().split()), ast.unparse(changed)
        name = f"{path}::{where}::{before} -> {after}"
        seen[name] += 1
        name = name if seen[name] == 1 else f"{name} #{seen[name]}"
        changed_source = (raw[:start] + after.encode() + raw[end:]).decode()
        found.append(Mutant(path=path, line=node.lineno, name=name, before=before, after=after, source=changed_source))
    return found


def _place(node: ast.expr) -> tuple[int, int]:
    return node.lineno, node.col_offset


def _changes(tree: ast.Module) -> Iterator[tuple[str, ast.expr, ast.expr]]:
    """Yield where it stands, the node, and what to put there."""
    for where, node in _with_function(tree, ""):
        if isinstance(node, ast.Compare):
            for number, operator in enumerate(node.ops):
                other = _OTHER_OPERATOR.get(type(operator))
                if other is not None:
                    ops = [*node.ops[:number], other, *node.ops[number + 1 :]]
                    yield where, node, ast.Compare(left=node.left, ops=ops, comparators=node.comparators)
        elif isinstance(node, ast.Name) and node.id in ("min", "max"):
            yield where, node, ast.Name(id=_OTHER_NAME[node.id])
        elif isinstance(node, ast.Attribute) and node.attr in _OTHER_NAME:
            yield where, node, ast.Attribute(value=node.value, attr=_OTHER_NAME[node.attr])


def _with_function(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
            yield from _with_function(child, f"{where}.{child.name}".lstrip("."))
        else:
            yield where, child
            yield from _with_function(child, where)
