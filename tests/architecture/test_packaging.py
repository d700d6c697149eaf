"""Seven generically named folders stay ours, and the locks pin everything by hash and nothing by address."""

from __future__ import annotations

import importlib.metadata
import os
import re
import tomllib
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT
from tests.conftest import ROOMS

LOCKS = ("requirements.lock", "requirements-test.lock")
PINNED = re.compile(r"(?P<name>[a-z0-9-]+)==[^\s;@]+( \\\n    --hash=sha256:[0-9a-f]{64})+")


def lock_entries(lock: str) -> list[str]:
    text = re.sub(r"^#.*\n", "", (ROOT / lock).read_text(encoding="utf-8"), flags=re.MULTILINE)
    return re.split(r"\n(?=\S)", text.strip())


def locked_names(lock: str) -> set[str]:
    return {entry.partition("==")[0] for entry in lock_entries(lock)}


def declared_names(*extras: str) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = [*project["dependencies"]]
    for extra in extras:
        declared += project["optional-dependencies"][extra]
    return {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in declared}


@pytest.mark.parametrize("room", ROOMS)
def test_each_room_is_of_our_distribution_only(room: str) -> None:
    # As a set: a build by hand leaves an egg-info in the checkout, which names the same distribution once more.
    assert set(importlib.metadata.packages_distributions()[room]) == {"satomori"}


def test_it_cannot_be_uploaded_by_mistake() -> None:
    classifiers = importlib.metadata.metadata("satomori").get_all("Classifier") or []
    assert "Private :: Do Not Upload" in classifiers


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_by_hash_and_names_no_address(lock: str) -> None:
    assert [entry for entry in lock_entries(lock) if not PINNED.fullmatch(entry)] == []


@pytest.mark.parametrize(("lock", "extras"), [(LOCKS[0], ("demo",)), (LOCKS[1], ("demo", "test"))])
def test_the_lock_holds_what_is_declared(lock: str, extras: tuple[str, ...]) -> None:
    assert declared_names(*extras) - locked_names(lock) == set()


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_holds_what_the_build_needs(lock: str) -> None:
    assert {"setuptools", "wheel"} <= locked_names(lock)


def test_the_test_lock_holds_the_very_versions_we_ship() -> None:
    shipped, tested = (set(lock_entries(lock)) for lock in LOCKS)
    assert shipped - tested == set()


def test_test_tools_are_not_shipped() -> None:
    assert locked_names(LOCKS[0]) & {"pytest", "hypothesis", "mypy", "ruff", "playwright", "pip-tools"} == set()


@pytest.mark.parametrize("script", [".ci/run", "scripts/venv.sh", "scripts/test.sh", "scripts/lock.sh"])
def test_scripts_are_executable(script: str) -> None:
    assert os.access(Path(ROOT / script), os.X_OK)
