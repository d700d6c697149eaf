"""A hint from one service to another that there is something new to read: a named pipe in the data folder.

Nothing depends on it. Who listens looks by itself every now and then, so a hint that is lost costs only that wait: a
folder that allows no pipe, a pipe that is gone, full, of another user or left behind by a process that was killed. A
pipe, and no socket: it knows no longest path, has nothing to clear away after a kill, and works between containers that
share the folder. Of several that listen in one folder under one name, one hears each hint.
"""

from __future__ import annotations

import os
import select
import stat
from contextlib import suppress
from pathlib import Path
from threading import Lock

ALERTS_WAKE = "alerts.wake"
API_WAKE = "api.wake"
_HINT = b"!"
_READ_BYTES = 65_536
_FLAGS = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Bell:
    """The side that has news."""

    def __init__(self, path: Path) -> None:
        """Remember the path; nothing is opened."""
        self._path = path

    def ring(self) -> None:
        """Wake who listens, if anybody does. Never waits, never raises."""
        with suppress(OSError):
            end = _open_pipe(self._path, os.O_WRONLY)  # anew each time: who listens may have been started anew
            try:
                os.write(end, _HINT)
            finally:
                os.close(end)


class Listener:
    """The side that waits. `nudge` may be called by any thread, the rest by one; close it at the end."""

    def __init__(self, path: Path) -> None:
        """Open the pipe, made if need be; without one only `nudge` and the time end a `wait`."""
        try:
            self._read_end, self._write_end = _both_ends(path)
            self.hears_others = True
        except OSError:
            self._read_end, self._write_end = os.pipe()
            os.set_blocking(self._read_end, False)
            os.set_blocking(self._write_end, False)
            self.hears_others = False
        self._closing = Lock()
        self._is_closed = False
        self._poll = select.poll()
        self._poll.register(self._read_end, select.POLLIN)

    def fileno(self) -> int:
        """Return what becomes readable when there is a hint, for an event loop; call `clear` then."""
        return self._read_end

    def nudge(self) -> None:
        """End the present or the next `wait`, from inside this process."""
        with self._closing, suppress(BlockingIOError):  # full: it ends anyway
            if not self._is_closed:  # else the number may be another file's by now
                os.write(self._write_end, _HINT)

    def wait(self, timeout_s: float) -> bool:
        """Return True as soon as there is a hint, False after `timeout_s`. Look for news after it, not before."""
        is_woken = bool(self._poll.poll(timeout_s * 1_000))
        if is_woken:
            self.clear()
        return is_woken

    def clear(self) -> None:
        """Forget the hints that are there."""
        with suppress(BlockingIOError):
            while len(os.read(self._read_end, _READ_BYTES)) == _READ_BYTES:
                pass

    def close(self) -> None:
        """Close the pipe; its file stays, a hint into it goes nowhere."""
        with self._closing:
            self._is_closed = True
            os.close(self._read_end)
            os.close(self._write_end)


def _both_ends(path: Path) -> tuple[int, int]:
    with suppress(FileExistsError):
        os.mkfifo(path, 0o600)
    read_end = _open_pipe(path, os.O_RDONLY)
    try:
        # our own write end: without any, the read end would count as readable for ever
        return read_end, _open_pipe(path, os.O_WRONLY)
    except OSError:
        os.close(read_end)
        raise


def _open_pipe(path: Path, mode: int) -> int:
    end = os.open(path, mode | _FLAGS)
    if not stat.S_ISFIFO(os.fstat(end).st_mode):
        os.close(end)
        raise FileExistsError(f"{path} is no pipe")
    return end
