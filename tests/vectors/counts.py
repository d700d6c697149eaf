"""Counts the vectors of others by family. `python -m tests.vectors.counts` prints the README's table.

`--out-of-scope` prints the names of the models that the native decoders leave to vendors' JavaScript codecs.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import dataclass

from tests.vectors.judge import OTHERS, Verdict, family_of, verdict_of
from tests.vectors.vectors import all_vectors


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Vectors of one family; `differs`: right but for quantities we give on purpose otherwise."""

    exact: int
    differs: int
    excluded: int
    out_of_scope: int


def counts() -> dict[str, Count]:
    """Return the counts by family, in the order of names, makers without a family last."""
    seen: Counter[tuple[str, Verdict]] = Counter()
    for vector in all_vectors():
        family = family_of(vector)
        seen[OTHERS if family is None else family.name, verdict_of(vector)] += 1
    names = sorted({name for name, _ in seen}, key=lambda name: (name == OTHERS, name.lower()))
    return {
        name: Count(
            exact=seen[name, Verdict.EXACT],
            differs=seen[name, Verdict.DIFFERS],
            excluded=seen[name, Verdict.EXCLUDED],
            out_of_scope=seen[name, Verdict.OUT_OF_SCOPE],
        )
        for name in names
    }


def table() -> str:
    """Return the counts as a table in Markdown."""
    rows = [(name, one.exact, one.differs, one.excluded, one.out_of_scope) for name, one in counts().items()]
    total = ("計 Total", *(sum(int(row[column]) for row in rows) for column in range(1, 5)))
    head = (
        "| 系統 Family | 一致 exact | 意図した差 differs on purpose | 除外 excluded | 対象外 out of scope |\n"
        "|---|---:|---:|---:|---:|\n"
    )
    return head + "".join("| " + " | ".join(str(cell) for cell in row) + " |\n" for row in [*rows, total])


def out_of_scope() -> list[str]:
    """Return `vendor/model` of every vector that no native decoder is for."""
    left = (vector.device for vector in all_vectors() if verdict_of(vector) is Verdict.OUT_OF_SCOPE)
    return sorted({f"{vendor}/{model}" for vendor, model in left})


if __name__ == "__main__":
    print("\n".join(out_of_scope()) if "--out-of-scope" in sys.argv else table(), end="")
