"""The device that README.md shows as a whole is the one in the tree: one catalogue file, one test, no other edit."""

from __future__ import annotations

import re

from tests.architecture.repository import ROOT


def shown() -> dict[str, list[str]]:
    """Return the lines of each file of the diff."""
    (block,) = re.findall(r"^```diff\n(.*?)^```", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE | re.DOTALL)
    files: dict[str, list[str]] = {}
    for line in block.splitlines():
        if line.startswith("+++ b/"):
            files[line.removeprefix("+++ b/")] = []
        elif line.startswith("+"):
            files[list(files)[-1]].append(line[1:])
    return files


def test_it_is_one_file_of_the_catalogue_and_its_test() -> None:
    model, test = shown()
    assert re.fullmatch(r"devices/catalog/(\w+)\.py", model)
    assert test == f"tests/{model}".replace("/catalog/", "/catalog/test_")


def test_it_is_what_stands_in_the_tree() -> None:
    for path, lines in shown().items():
        assert lines == (ROOT / path).read_text("utf-8").splitlines()
