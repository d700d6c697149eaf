"""A file that takes room while there is some, to be given up when the disk is full.

A full disk lets SQLite neither delete nor mark a row, so a spool that filled the disk could never become smaller
again, even after the hub has everything. The room of the ballast is what those writes need.
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

log = logging.getLogger(__name__)

_LEAST_BYTES = 64 * 1024
_MOST_BYTES = 4 * 1024 * 1024
_PART_OF_DISK = 16
_CHUNK = bytes(64 * 1024)


class Ballast:
    """Belongs to one spool; its size is a sixteenth of the free disk or of the spool's bound, at most 4 MiB."""

    def __init__(self, path: Path, *, spool_bytes: int) -> None:
        self._path = path
        self._most_bytes = min(_MOST_BYTES, spool_bytes // _PART_OF_DISK)

    def keep(self) -> bool:
        """Make the ballast when there is none and the disk has four times its room; return whether it is there."""
        if self._path.exists():
            return True
        try:
            size = max(_LEAST_BYTES, min(self._most_bytes, shutil.disk_usage(self._path.parent).free // _PART_OF_DISK))
            if shutil.disk_usage(self._path.parent).free < 4 * size:
                return False
            self._write(size)
        except OSError as error:
            log.debug("ballast_not_made", extra={"error": str(error)})
            return False
        return True

    def size_bytes(self) -> int:
        """Return how much room it takes now, 0 when there is none."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def give_up(self) -> bool:
        """Free the room; return whether there was a ballast to give up."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def _write(self, size: int) -> None:
        # written, not only allocated: a file with holes takes no room
        part = self._path.with_name(self._path.name + ".part")
        try:
            with part.open("wb") as file:
                for _ in range(size // len(_CHUNK)):
                    file.write(_CHUNK)
                file.flush()
                os.fsync(file.fileno())
            part.rename(self._path)
        finally:
            part.unlink(missing_ok=True)
