"""What the tests of a power cut share: a place for many small disks, recording, and trying every cut."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.power.disk import Change, Cut, cuts, draw_places
from tests.power.recorder import Recorder, load_sqlite

SEED = 4
_FAST_FOLDER = Path("/dev/shm")

Check = Callable[[Path, Cut], None]
"""Opens the folder as the product would, and asserts that what was promised is there."""


@contextmanager
def small_disk() -> Iterator[Path]:
    """Give an empty folder, in memory where there is such a place: thousands of small files are made in it."""
    place = _FAST_FOLDER if os.access(_FAST_FOLDER, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=place) as folder:
        yield Path(folder).resolve()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What was done to a folder, and what was in it before."""

    changes: list[Change]
    contents: Mapping[str, bytes]


def record(work: Callable[[Path, Recorder], None], *, contents: Mapping[str, bytes] | None = None) -> Recording:
    """Let `work` use the product in a folder (with `contents` in it) and return everything it did there.

    Skips the test where this Python's SQLite cannot be reached.
    """
    library = load_sqlite()
    if library is None:
        pytest.skip("the SQLite inside this Python cannot be reached from outside")
    before = dict(contents or {})
    with small_disk() as folder:
        write_files(folder, before)
        recorder = Recorder(library, folder)
        with recorder.watching():
            work(folder, recorder)
    return Recording(changes=recorder.changes, contents=before)


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def try_cuts(recording: Recording, check: Check, *, count: int) -> list[str]:
    """Cut the power at `count` places, in two ways each; return what was wrong after which cut."""
    wrong: list[str] = []
    places = draw_places(recording.changes, count=count, seed=SEED)
    with small_disk() as folder:
        for number, cut in enumerate(cuts(recording.changes, places, seed=SEED, contents=recording.contents)):
            disk = folder / str(number)
            disk.mkdir()
            write_files(disk, cut.files)
            try:
                check(disk, cut)
            except Exception as error:  # noqa: BLE001 - whatever the product or the check says is a finding
                wrong.append(f"{cut}: {type(error).__name__}: {error}")
            shutil.rmtree(disk)
    return wrong


def assert_whole(path: Path) -> None:
    """Fail when SQLite finds anything wrong with a file that nobody has open."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def assert_nothing_set_aside(folder: Path) -> None:
    assert [path.name for path in folder.iterdir() if "damaged" in path.name] == []
