"""The short way to a client's connection: used only when nothing is before it, so the order never changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, MutableMapping
from typing import Any

import httpx
import pytest

from api.serving import CONNECTION
from api.stream import Hub, Place, StreamEndpoint
from api.stream_client import Chunk, Client
from tests.api.conftest import Server
from tests.api.world import World
from tests.support import wait_until, wait_until_async

NEWS = Chunk(serial=3, body=b"news")


class Wire:
    """A connection that keeps what was written; `kept` is what the system has not taken yet."""

    def __init__(self) -> None:
        self.written = b""
        self.kept = 0
        self.is_at_its_end = False

    def write(self, data: bytes) -> None:
        self.written += data

    def get_write_buffer_size(self) -> int:
        return self.kept

    def is_closing(self) -> bool:
        return self.is_at_its_end


def test_who_has_taken_everything_is_written_to() -> None:
    wire = Wire()
    client = Client(connection=wire, is_idle=True)
    assert client.offer(NEWS, NEWS.framed())
    assert (wire.written, client.take()) == (b"4\r\nnews\r\n", b"")


def test_what_catching_up_covered_is_not_written() -> None:
    wire = Wire()
    client = Client(connection=wire, is_idle=True, covered_serial=3)
    assert client.offer(NEWS, NEWS.framed())
    assert (wire.written, client.take()) == (b"", b"")


def not_idle(client: Client, _wire: Wire) -> None:
    client.is_idle = False


def something_waits(client: Client, _wire: Wire) -> None:
    client.wake.set()


def not_all_taken(_client: Client, wire: Wire) -> None:
    wire.kept = 1


def at_its_end(_client: Client, wire: Wire) -> None:
    wire.is_at_its_end = True


def no_connection(client: Client, _wire: Wire) -> None:
    client.connection = None


@pytest.mark.parametrize("make", [not_idle, something_waits, not_all_taken, at_its_end, no_connection])
def test_else_it_waits_in_the_queue(make: Callable[[Client, Wire], None]) -> None:
    wire = Wire()
    client = Client(connection=wire, is_idle=True)
    make(client, wire)
    assert client.offer(NEWS, NEWS.framed())
    assert (wire.written, client.take()) == (b"", b"news")


class Tape:
    """A feed that gives a numbered chunk at every look while it is on."""

    def __init__(self) -> None:
        self.serial = 0
        self.is_on = True

    def poll(self) -> Chunk | None:
        if not self.is_on:
            return None
        self.serial += 1
        return Chunk(serial=self.serial, body=b"%d;" % self.serial)

    def catch_up(self, place: Place | None) -> Chunk:
        return Chunk(serial=self.serial, body=b"present %d;" % self.serial)


@pytest.mark.parametrize("seed", range(5))
def test_both_ways_together_keep_the_order(seed: int) -> None:
    """The connection now and then keeps something, and sending takes its time; nothing is lost, doubled or moved."""
    chance, wire, tape = random.Random(seed), Wire(), Tape()
    direct = 0

    async def send(message: MutableMapping[str, Any]) -> None:
        await asyncio.sleep(chance.choice((0, 0.002)))
        body = message.get("body", b"")
        wire.written += Chunk(serial=0, body=body).framed() if body else b""
        wire.kept = chance.choice((0, 0, 1))

    async def play() -> None:
        nonlocal direct
        hub = Hub(tape, poll_s=0.0005)
        running = asyncio.create_task(hub.run())
        serving = asyncio.create_task(StreamEndpoint(hub)(scope("1.1", wire), never, send))
        await wait_until_async(lambda: hub.client_count)
        (client,) = hub._clients
        while tape.serial < 300:
            before = wire.written
            await asyncio.sleep(0.001)
            direct += len(wire.written) > len(before)
            wire.kept = chance.choice((0, 0, 1))
        tape.is_on = False
        wire.kept = 0
        await wait_until_async(lambda: not client.waiting and client.is_idle)
        hub.close()
        await asyncio.gather(running, serving)
        hub.shut_down()

    asyncio.run(asyncio.wait_for(play(), 30))
    said = unframed(wire.written).split(b"present ")[1].split(b";")
    first, *later = [int(part) for part in said if part]
    assert later == list(range(first + 1, tape.serial + 1))
    assert direct > 0


@pytest.mark.parametrize(("version", "extensions"), [("1.0", True), ("1.1", False)])
def test_without_a_way_for_chunks_the_server_sends(version: str, extensions: bool) -> None:
    sent: list[bytes] = []
    wire, tape = Wire(), Tape()

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message.get("body", b""))

    async def play() -> None:
        hub = Hub(tape, poll_s=0.0005)
        running = asyncio.create_task(hub.run())
        where = scope(version, wire if extensions else None)
        serving = asyncio.create_task(StreamEndpoint(hub)(where, never, send))
        await wait_until_async(lambda: len(sent) > 5)
        hub.close()
        await asyncio.gather(running, serving)
        hub.shut_down()

    asyncio.run(asyncio.wait_for(play(), 30))
    assert wire.written == b""


def test_the_real_server_gives_the_connection(world: World, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[bool] = []
    write = Client._write

    def watched(self: Client, chunk: Chunk, framed: bytes) -> bool:
        ways.append(write(self, chunk, framed))
        return ways[-1]

    monkeypatch.setattr(Client, "_write", watched)
    with httpx.stream("GET", f"{server.url}/api/v1/stream", timeout=10) as answer:
        lines = answer.iter_lines()
        wait_until(lambda: next(lines).startswith("event: health"))
        for number in range(5):
            world.journal.reading("snow-17", "snow_depth", number / 10, observed_ns=world.now_ns())
            wait_until(lambda text=f'"value":{number / 10}': text in next(lines))  # type: ignore[misc]
    assert True in ways


def scope(version: str, wire: Wire | None) -> dict[str, Any]:
    extensions = {CONNECTION: wire} if wire else {}
    return {
        "type": "http", "http_version": version, "method": "GET", "path": "/api/v1/stream", "headers": [],
        "query_string": b"", "extensions": extensions,
    }  # fmt: skip


async def never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


def unframed(data: bytes) -> bytes:
    """Return the bodies of chunks of HTTP/1.1; fails on anything else."""
    body = b""
    while data:
        size, _, rest = data.partition(b"\r\n")
        length = int(size, 16)
        assert rest[length : length + 2] == b"\r\n"
        body, data = body + rest[:length], rest[length + 2 :]
    return body
