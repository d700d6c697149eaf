"""How a service takes hold of its folder: one process a folder, and a disk that refuses is waited for."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import IO, TypeVar

from devices.model import PermanentError, TransientError

T = TypeVar("T")

_BACKOFF_FIRST_S = 0.1
_BACKOFF_MOST_S = 5.0


def hold(path: Path, *, what: str) -> IO[str]:
    """Lock the file `path` and return it; close it to let go. The kernel lets go when the process ends, however.

    `what` names the service. Raises PermanentError when another process holds it, TransientError when the disk refuses.
    """
    try:
        lock = path.open("w")
    except OSError as error:
        raise TransientError(f"lock file {path} cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise PermanentError(f"another {what} works in {path.parent}; there must be one") from None
    return lock


def when_possible(attempt: Callable[[], T], stop: Event, *, on_fault: Callable[[TransientError], None]) -> T | None:
    """Return what `attempt` returns, trying again with growing pauses while it raises TransientError.

    A service on a full or read-only disk stays up and says so. `on_fault` is called with the first fault. Returns None
    when `stop` came before.
    """
    pause_s = 0.0
    while not stop.wait(pause_s):
        try:
            return attempt()
        except TransientError as error:
            if pause_s == 0.0:
                on_fault(error)
        pause_s = min(_BACKOFF_MOST_S, max(_BACKOFF_FIRST_S, pause_s * 2))
    return None
