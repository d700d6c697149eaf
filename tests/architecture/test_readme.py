"""The commands and the links of README.md exist."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from satomori.bench.figures import FIGURES
from satomori.cli import app
from tests.architecture.repository import ROOT

README = ROOT / "README.md"
# Programs of other makers that a README may show.
OTHER_PROGRAMS = {"cd", "curl", "git", "sudo"}


def readme() -> str:
    return README.read_text(encoding="utf-8") if README.exists() else ""


def shell_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", readme(), flags=re.MULTILINE | re.DOTALL)
    lines = [line.partition(" #")[0].strip() for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def inline_commands() -> list[str]:
    return re.findall(r"`((?:make|satomori|python -m) [^`]+)`", readme())


def relative_links() -> list[str]:
    targets: list[str] = re.findall(r"\]\(([^)#\s]+)", readme())
    return [target for target in targets if "://" not in target]


def make_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][\w-]*):", makefile, flags=re.MULTILINE))


def complaints_about_satomori(words: list[str]) -> list[str]:
    """Walk down the sub-commands these words name and say which words name nothing."""
    command = get_command(app)
    while words and isinstance(command, TyperGroup) and not words[0].startswith("-"):
        if words[0] not in command.commands:
            return [f"no sub-command {words[0]}"]
        command = command.commands[words[0]]
        words = words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    options = [word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)]
    return [f"no option {option}" for option in options if option not in known]


def is_module(name: str) -> bool:
    path = ROOT / name.replace(".", "/")
    return path.with_name(f"{path.name}.py").exists() or (path / "__main__.py").exists()


def complaints(line: str) -> list[str]:
    program, *words = shlex.split(line)
    match program.removeprefix(".venv/bin/"):
        case "make":
            return [f"no target {word}" for word in words if "=" not in word and word not in make_targets()]
        case "satomori":
            return complaints_about_satomori(words)
        case "python":
            return [] if words[:1] == ["-m"] and is_module(words[1]) else ["not a module of ours"]
        case other:
            return [] if other in OTHER_PROGRAMS else [f"no program {other}"]


@pytest.mark.skipif(not README.exists(), reason="README.md is not written yet")
def test_readme_shows_the_two_commands() -> None:
    assert {"make demo", "make test"} <= set(shell_lines())


@pytest.mark.parametrize("line", sorted({*shell_lines(), *inline_commands()}))
def test_readme_command_exists(line: str) -> None:
    assert complaints(line) == []


@pytest.mark.parametrize("target", relative_links())
def test_readme_link_leads_somewhere(target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("make dmeo", "no target dmeo"),
        ("satomori serve", "no sub-command serve"),
        ("satomori sim rewind", "no sub-command rewind"),
        ("satomori up --sight site.toml", "no option --sight"),
        ("pip install satomori", "no program pip"),
        ("python -m tests.fuss.run", "not a module of ours"),
        ("python -m tests.vectors", "not a module of ours"),
    ],
)
def test_a_wrong_command_is_found(line: str, complaint: str) -> None:
    assert complaints(line) == [complaint]


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure_of_the_bench_has_its_row(figure: str) -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| (?:met|missed|–) \|$", readme(), flags=re.MULTILINE)
    assert [row for row in rows if row.startswith(figure)]
