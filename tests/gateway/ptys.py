"""A serial line made of a pseudo-terminal that can be unplugged and plugged in again under the same name."""

from __future__ import annotations

import os
import select
import tty
from pathlib import Path

from tests.support import wait_until


class Line:
    """`port` is what a source opens; the instrument's end is `send`."""

    def __init__(self, folder: Path) -> None:
        self.port = folder / "ttyGauge"
        self._master = -1
        self.plug_in()

    def plug_in(self) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(self._master, False)
        self.port.unlink(missing_ok=True)
        self.port.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        os.close(self._master)
        self._master = -1
        self.port.unlink()

    def is_open(self) -> bool:
        """Return whether somebody reads; the kernel says HUP on our end while nobody does."""
        poll = select.poll()
        poll.register(self._master, select.POLLOUT)
        return not any(flags & select.POLLHUP for _, flags in poll.poll(0))

    def send(self, data: bytes) -> None:
        """Write all; waits while the reader is behind."""

        def write() -> bool:
            nonlocal data
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                return False
            return not data

        if data:
            wait_until(write, what="line takes bytes")

    def close(self) -> None:
        if self._master >= 0:
            self.unplug()
