"""Real small disks for tests: a tmpfs that can be filled and made read-only. Mounting needs root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CHUNK = bytes(4096)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallDisk:
    """A mounted tmpfs."""

    folder: Path

    def fill(self) -> None:
        """Let somebody else take all the room that is left."""
        try:
            with (self.folder / "somebody-else").open("wb", buffering=0) as file:
                while True:
                    file.write(CHUNK)
        except OSError:
            return

    def free(self) -> None:
        (self.folder / "somebody-else").unlink()

    def remount(self, how: str) -> None:
        """`ro` or `rw`; `ro` works only while nobody has a file open for writing."""
        subprocess.run(["mount", "-o", f"remount,{how}", str(self.folder)], check=True)


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[SmallDisk]:
    """Mount a disk of that size on an empty folder; skips the test where that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root")
    try:
        yield SmallDisk(folder=folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
