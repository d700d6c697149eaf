"""Sets a damaged SQLite file aside under a name with the time; nothing is ever deleted.

The note `<name>.saving` is on disk from before the first rename until everything readable was taken over into the new
file. So a kill or a power cut in between, likely when a bad supply was what damaged the file, costs nothing: the next
start finds the note and goes on.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

_SECOND_NS = 1_000_000_000
_SIDE_FILES = ("-wal", "-shm")


def set_aside(path: Path, *, now_ns: int) -> Path:
    """Rename `path` and its log to `<name>.damaged-<time>`; return the new path.

    Call `end_saving` when all is taken over. Raises OSError when the disk refuses.
    """
    target = _free_name(path, now_ns=now_ns)
    _write_note(path, target.name)
    _move(path, target)
    return target


def unfinished(path: Path) -> list[Path]:
    """Return the files set aside from which not all was taken over when the process ended, oldest first.

    A move that was cut off is brought to its end. Raises OSError when the disk refuses.
    """
    try:
        names = _note(path).read_text(encoding="utf-8", errors="replace").split()
    except FileNotFoundError:
        return []
    targets = [path.with_name(name) for name in names if name.startswith(f"{path.name}.damaged-") and "/" not in name]
    if targets and not path.exists() and side_files(path):
        _move(path, targets[-1])
    return [target for target in targets if _parts(target)]  # the cut may have come before the first rename


def end_saving(path: Path) -> None:
    """Forget the unfinished: all that is readable is in the new file. Raises OSError when the disk refuses."""
    note = _note(path)
    if note.exists():
        note.unlink()
        sync_folder(path.parent)


def side_files(path: Path) -> list[Path]:
    """Return the log and its index that lie beside `path`."""
    return [side for suffix in _SIDE_FILES if (side := path.with_name(path.name + suffix)).exists()]


def sync_folder(folder: Path) -> None:
    """Make new names in the folder survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _free_name(path: Path, *, now_ns: int) -> Path:
    stamp = datetime.fromtimestamp(now_ns // _SECOND_NS, UTC).strftime("%Y%m%dT%H%M%SZ")
    base = target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while _parts(target):
        number += 1
        target = base.with_name(f"{base.name}-{number}")
    return target


def _move(path: Path, target: Path) -> None:
    """Rename the file first and its log after it: a log without its file is still known for what it is."""
    for part in _parts(path):
        part.rename(target.with_name(target.name + part.name.removeprefix(path.name)))
    sync_folder(path.parent)


def _parts(path: Path) -> list[Path]:
    return [*([path] if path.exists() else []), *side_files(path)]


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.saving")


def _write_note(path: Path, name: str) -> None:
    with _note(path).open("a", encoding="utf-8") as note:
        note.write(f"\n{name}\n")
        note.flush()
        os.fsync(note.fileno())
    sync_folder(path.parent)
