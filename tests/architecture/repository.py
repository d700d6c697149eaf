"""What the repository holds: its tracked files, for tests that read them."""

from __future__ import annotations

import ast
import subprocess
from functools import cache
from pathlib import Path

from tests.conftest import ROOMS

ROOT = Path(__file__).parents[2]

PLUGIN_FOLDERS = ("devices/catalog", "devices/uplinks", "ingest/checks", "ingest/rules", "alerts/channels")


@cache
def tracked_files() -> tuple[str, ...]:
    """Give every file git tracks and that is still there, as paths below the root."""
    # A clone may belong to another user than the one who tests it; git then wants to be told that this is fine.
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), "ls-files", "-z"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return tuple(path for path in listed.split("\0") if path and (ROOT / path).is_file())


def python_files(*, below: tuple[str, ...] = (*ROOMS, "tests")) -> list[str]:
    """Give the tracked Python files in these top folders."""
    return [path for path in tracked_files() if path.endswith(".py") and path.split("/")[0] in below]


def plugin_files() -> list[str]:
    """Give the tracked plugin files: one device, uplink, check, rule or channel each."""
    return [
        path
        for path in python_files(below=ROOMS)
        if str(Path(path).parent) in PLUGIN_FOLDERS and not Path(path).name.startswith("_")
    ]


def parse(path: str) -> ast.Module:
    """Parse a tracked Python file."""
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=path)
