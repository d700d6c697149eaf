"""One client of the live stream: what waits for it, and the short way to its connection.

A chunk goes to everybody as the same bytes. Where the server lets us (see `api.serving`), they are written straight to
the connection of each client that has taken everything so far: one system call a client. Whoever has not waits in the
queue, which is bounded.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

QUEUE_CHUNKS = 256
QUEUE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Encoded messages that go to everybody together; `serial` counts them up."""

    serial: int
    body: bytes

    def framed(self) -> bytes:
        """Return the body as a chunk of HTTP/1.1 (RFC 9112, section 7.1)."""
        return b"%x\r\n%b\r\n" % (len(self.body), self.body)


class Connection(Protocol):
    """What of an asyncio transport is used."""

    def write(self, data: bytes) -> None:
        """Send, or keep what the system does not take at once."""

    def get_write_buffer_size(self) -> int:
        """Return how much is kept."""

    def is_closing(self) -> bool:
        """Tell whether it is at its end."""


@dataclass(slots=True, eq=False)
class Client:
    """What waits to be sent to one client. A client too slow to keep up is dropped and comes back by itself.

    `is_idle`: all that was taken is sent. `connection`: the short way, None when there is none. `covered_serial`: what
    catching up covered.
    """

    connection: Connection | None = None
    waiting: deque[Chunk] = field(default_factory=deque)
    waiting_bytes: int = 0
    covered_serial: int = 0
    is_idle: bool = False
    is_dropped: bool = False
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    def offer(self, chunk: Chunk, framed: bytes = b"") -> bool:
        """Send `chunk` (as `framed`) or queue it; return False, and forget the queue, when that is full."""
        if framed and self._write(chunk, framed):
            return True
        has_room = not self.waiting or self.waiting_bytes + len(chunk.body) <= QUEUE_BYTES
        is_full = len(self.waiting) >= QUEUE_CHUNKS or not has_room
        if is_full:
            self.is_dropped = True
            self.waiting.clear()
            self.waiting_bytes = 0
        else:
            self.waiting.append(chunk)
            self.waiting_bytes += len(chunk.body)
        self.wake.set()
        return not is_full

    def take(self) -> bytes:
        """Return all that waits as one piece, without what catching up already covered."""
        body = b"".join(chunk.body for chunk in self.waiting if chunk.serial > self.covered_serial)
        self.waiting.clear()
        self.waiting_bytes = 0
        self.wake.clear()
        return body

    def _write(self, chunk: Chunk, framed: bytes) -> bool:
        """Write to the connection if nothing is before it; return whether that was so."""
        connection = self.connection
        if connection is None or not self.is_idle or self.wake.is_set() or connection.is_closing():
            return False
        if connection.get_write_buffer_size():
            return False
        if chunk.serial > self.covered_serial:
            connection.write(framed)
        return True
