"""A client that publishes with QoS 1 until the broker has acknowledged, as a network's server or a device does.

mosquitto answers PUBACK before it saves what it took (both in one round of its loop, 2.0.11). So a client whose
connection breaks sends again what was acknowledged within the last `MEMORY_S`: a PUBACK counts once it is that old.
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections import deque
from contextlib import suppress
from itertools import count

MEMORY_S = 2.0
_RETRY_S = 0.05
_WINDOW = 50
_CONNACK, _PUBACK = 2, 4
_KEEPALIVE_S = 0

Message = tuple[str, bytes]


class Sender:
    """One client; `run` is its life, `put` may be called at any time."""

    def __init__(self, port: int, client_id: str) -> None:
        self.sent = 0
        self.connects = 0
        self._port, self._client_id = port, client_id
        self._queue: deque[Message] = deque()
        self._unanswered: dict[int, Message] = {}
        self._answered: deque[tuple[float, Message]] = deque()
        self._mids = count()
        self._more = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether everything was acknowledged, and so long ago that the broker has saved it."""
        self._forget()
        return not self._queue and not self._unanswered and not self._answered

    def put(self, topic: str, payload: bytes) -> None:
        """Publish this as soon as the broker takes it."""
        self._queue.append((topic, payload))
        self._more.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        while True:
            with suppress(OSError, EOFError):
                await self._serve()
            self._forget()
            again = [message for _, message in self._answered] + list(self._unanswered.values())
            self._queue.extendleft(reversed(again))
            self._answered.clear()
            self._unanswered.clear()
            await asyncio.sleep(_RETRY_S)

    async def _serve(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            body = b"\x00\x04MQTT\x04\x02" + struct.pack(">H", _KEEPALIVE_S) + _text(self._client_id)
            writer.write(b"\x10" + _length(len(body)) + body)
            if (await asyncio.wait_for(_packet(reader), 5.0))[0] != _CONNACK:
                return
            self.connects += 1
            hearing = asyncio.create_task(self._hear(reader))
            try:
                while not hearing.done():
                    await self._write(writer)
                    self._more.clear()
                    if not self._queue or len(self._unanswered) >= _WINDOW:
                        more = asyncio.create_task(self._more.wait())
                        await asyncio.wait((hearing, more), return_when=asyncio.FIRST_COMPLETED)
                        more.cancel()
            finally:
                hearing.cancel()
                with suppress(OSError, EOFError, asyncio.CancelledError):
                    await hearing
        finally:
            writer.transport.abort()

    async def _write(self, writer: asyncio.StreamWriter) -> None:
        while self._queue and len(self._unanswered) < _WINDOW and not writer.is_closing():
            topic, payload = self._queue.popleft()
            mid = 1 + next(self._mids) % 65_535
            self._unanswered[mid] = (topic, payload)
            body = _text(topic) + struct.pack(">H", mid) + payload
            writer.write(b"\x32" + _length(len(body)) + body)
            self.sent += 1
        await writer.drain()

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        while True:
            kind, body = await _packet(reader)
            if kind == _PUBACK:
                message = self._unanswered.pop(int.from_bytes(body[:2], "big"), None)
                if message is not None:
                    self._answered.append((time.monotonic(), message))
                self._forget()
                self._more.set()

    def _forget(self) -> None:
        sure_s = time.monotonic() - MEMORY_S
        while self._answered and self._answered[0][0] < sure_s:
            self._answered.popleft()


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    kind = (await reader.readexactly(1))[0] >> 4
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length, shift = length | (byte & 0x7F) << shift, shift + 7
        if byte < 0x80:
            return kind, await reader.readexactly(length)


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(length: int) -> bytes:
    groups = bytearray()
    while True:
        length, group = divmod(length, 128)
        groups.append(group | (0x80 if length else 0))
        if not length:
            return bytes(groups)
