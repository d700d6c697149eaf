"""The instrument's end of a simulated serial line: a pseudo-terminal, reachable by a symbolic link."""

from __future__ import annotations

import os
import tty
from pathlib import Path

from devices.model import PermanentError

_CHUNK_BYTES = 4_096


def open_pty(link: Path) -> tuple[int, str]:
    """Make a line at `link`; return our end (a file descriptor that does not block) and the path of the other.

    Raises PermanentError when `link` is something else than a link of ours, or has no place.
    """
    if link.exists() and not link.is_symlink():
        raise PermanentError(f"{link} exists and is not a link; the simulator does not replace real ports")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
    except OSError as error:
        raise PermanentError(f"serial line {link} cannot be made: {error.strerror}") from error
    master, slave = os.openpty()
    tty.setraw(slave)
    slave_path = os.ttyname(slave)
    os.close(slave)
    os.set_blocking(master, False)
    link.symlink_to(slave_path)
    return master, slave_path


class Plug:
    """A line that can be unplugged and plugged in again, also under another name."""

    def __init__(self) -> None:
        self._master = -1
        self._link: Path | None = None

    def plug_in(self, link: Path) -> None:
        """Make the line at `link`. Raises PermanentError as `open_pty` does."""
        self.unplug()
        self._master, _ = open_pty(link)
        self._link = link

    def unplug(self) -> None:
        """Take the line away: whoever has it open sees it vanish."""
        if self._link is None:
            return
        os.close(self._master)
        self._link.unlink(missing_ok=True)
        self._link = None

    def read(self) -> bytes:
        """Return what came, b"" when nothing did, nobody is there or the line is unplugged."""
        if self._link is None:
            return b""
        try:
            return os.read(self._master, _CHUNK_BYTES)
        except OSError:  # EAGAIN: nothing came; EIO: nobody has the other end open
            return b""

    def write(self, data: bytes) -> None:
        """Send; what a full line does not take is lost, as on a wire that nobody reads."""
        if self._link is None:
            return
        try:
            os.write(self._master, data)
        except OSError:
            return
