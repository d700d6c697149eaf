"""The live stream: one encoder, the same bytes to everybody, a bounded queue for each.

A plain ASGI endpoint. Performance note: encoding once and sending ready bytes costs 15 % of a core for 1,000 clients at
10 events a second; per-client encoding costs 75 %, the framework's own helper falls behind.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from api.problems import PROBLEM_TYPE, problem_bytes
from api.serving import CONNECTION
from api.stream_client import QUEUE_CHUNKS, Chunk, Client, Connection
from devices.model import SatomoriError

log = logging.getLogger(__name__)

POLL_S = 0.2
GAP_S = 0.05
COMMENT_EVERY_S = 10.0
SEND_TIMEOUT_S = 30.0
MOST_CLIENTS = 2_000
_COMMENT = b": heartbeat\n\n"
_OPENING = b"retry: 2000\n: satomori live stream\n\n"
_PLACE = re.compile(r"(\d{1,18})\.(\d{1,18})", re.ASCII)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in the stream, written `<commit_no>.<alert_change_no>`."""

    commit_no: int = 0
    change_no: int = 0

    def as_text(self) -> str:
        """Return the id that clients send back as Last-Event-ID."""
        return f"{self.commit_no}.{self.change_no}"


def parse_place(text: str) -> Place | None:
    """Return the place written in `text`, None when it is none."""
    match = _PLACE.fullmatch(text.strip())
    return Place(int(match[1]), int(match[2])) if match else None


class FeedSource(Protocol):
    """Where the messages come from. Called from one thread only, the hub's own."""

    def poll(self) -> Chunk | None:
        """Return what is new since the last call, None when nothing is."""

    def catch_up(self, place: Place | None) -> Chunk:
        """Return what a client at `place` (None: a new one) needs to be up to date; its serial is the last polled."""


class Wake(Protocol):
    """What of `devices.wake.Listener` is used."""

    def fileno(self) -> int:
        """Return what becomes readable when there is a hint."""

    def clear(self) -> None:
        """Forget the hints that are there."""


class Hub:
    """Looks at the feed every `poll_s`, at once when there is a hint, and hands each chunk to all clients.

    After a look that a hint asked for, `gap_s` pass before the next one: under load hints cost nothing.
    """

    def __init__(self, feed: FeedSource, *, poll_s: float = POLL_S, gap_s: float = GAP_S) -> None:
        self._feed = feed
        self._poll_s = poll_s
        self._gap_s = gap_s
        self._hinted = asyncio.Event()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="feed")
        self._clients: set[Client] = set()
        self._closing = asyncio.Event()
        self._has_failed = False
        self.last_turn_s = time.monotonic()
        self.dropped_total = 0
        self.chunks_total = 0

    @property
    def client_count(self) -> int:
        """Number of clients that are connected now."""
        return len(self._clients)

    @property
    def is_closing(self) -> bool:
        """Whether the hub has been told to stop."""
        return self._closing.is_set()

    async def run(self, wake: Wake | None = None) -> None:
        """Look and hand on until `close`; hints come by `wake`."""
        is_hinted = False
        while not self.is_closing:
            chunk = await self._poll()
            self.last_turn_s = time.monotonic()
            if chunk is not None:
                self._hand_on(chunk)
            if is_hinted:
                await _is_set(self._closing, within_s=self._gap_s)
            is_hinted = await self._is_hinted(wake)

    def close(self) -> None:
        """End the loop and all streams."""
        self._closing.set()
        self._hinted.set()
        for client in self._clients:
            client.is_dropped = True
            client.wake.set()

    def shut_down(self) -> None:
        """End the feed's thread; call it after `run` has returned."""
        self._thread.shutdown(wait=True)

    def join(self, connection: Connection | None = None) -> Client | None:
        """Return a new client's queue, None when there are too many."""
        if len(self._clients) >= MOST_CLIENTS or self.is_closing:
            return None
        client = Client(connection=connection)
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)

    async def catch_up(self, place: Place | None) -> Chunk:
        """Return what a client at `place` has missed."""
        return await self._in_thread(lambda: self._feed.catch_up(place))

    async def _is_hinted(self, wake: Wake | None) -> bool:
        """Wait for the next look; return whether it is a hint that asks for it."""
        if wake is None or self.is_closing:
            await _is_set(self._closing, within_s=self._poll_s)
            return False
        loop = asyncio.get_running_loop()
        self._hinted.clear()
        loop.add_reader(wake.fileno(), self._hinted.set)
        try:
            return await _is_set(self._hinted, within_s=self._poll_s)
        finally:
            loop.remove_reader(wake.fileno())
            wake.clear()

    async def _poll(self) -> Chunk | None:
        try:
            chunk = await self._in_thread(self._feed.poll)
        except (SatomoriError, sqlite3.Error, OSError) as error:
            if not self._has_failed:
                log.warning("stream_feed_failed", extra={"error": type(error).__name__})
            self._has_failed = True
            return None
        if self._has_failed:
            log.info("stream_feed_works_again", extra={})
        self._has_failed = False
        return chunk

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _hand_on(self, chunk: Chunk) -> None:
        self.chunks_total += 1
        framed = chunk.framed()
        for client in tuple(self._clients):
            if not client.offer(chunk, framed):
                self.dropped_total += 1
                self._clients.discard(client)
                log.info("stream_client_dropped", extra={"queued_chunks": QUEUE_CHUNKS})


class StreamEndpoint:
    """`GET /api/v1/stream`: an ASGI application that serves one client of the hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request: messages until the client leaves, is too slow, or the server stops."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _refuse(send, 405, "the live stream is read with GET")
            return
        text = _place_text(scope)
        place = parse_place(text) if text else None
        if text and place is None:
            await _refuse(send, 422, "Last-Event-ID (or ?after=) has the form <commit_no>.<alert_change_no>")
            return
        if scope["method"] == "HEAD":
            await _start(send)
            await send({"type": "http.response.body", "body": b""})
            return
        client = self._hub.join(_connection(scope))
        if client is None:
            await _refuse(send, 503, f"at most {MOST_CLIENTS} clients can follow the live stream")
            return
        try:
            await self._serve(client, place, receive, send)
        finally:
            self._hub.leave(client)

    async def _serve(self, client: Client, place: Place | None, receive: Receive, send: Send) -> None:
        # Joined before catching up: what is handed on meanwhile waits in the queue, so nothing falls in between.
        try:
            first = await self._hub.catch_up(place)
        except (SatomoriError, sqlite3.Error, OSError):
            await _refuse(send, 503, "the data cannot be read just now; try again")
            return
        await _start(send)
        leaving = asyncio.ensure_future(_gone(receive, client))
        try:
            client.covered_serial = first.serial
            await _pump(client, _OPENING + first.body, send)
        finally:
            leaving.cancel()


async def _pump(client: Client, body: bytes, send: Send) -> None:
    """Send `body`, then what waits in the queue whenever there is something, else a comment now and then."""
    while True:
        is_last = client.is_dropped
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send({"type": "http.response.body", "body": body, "more_body": not is_last})
        except TimeoutError:
            return
        if is_last:
            return
        client.is_idle = True
        is_woken = await _is_set(client.wake, within_s=COMMENT_EVERY_S)
        client.is_idle = False
        body = client.take() if is_woken else _COMMENT


async def _is_set(event: asyncio.Event, *, within_s: float) -> bool:
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


async def _gone(receive: Receive, client: Client) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.is_dropped = True
    client.wake.set()


def _connection(scope: Scope) -> Connection | None:
    """Return the connection to write chunks to; HTTP/1.0 knows none."""
    found: Connection | None = (scope.get("extensions") or {}).get(CONNECTION)
    return found if scope.get("http_version") == "1.1" else None


def _place_text(scope: Scope) -> str:
    sent = Headers(scope=scope).get("last-event-id", "")
    if sent:
        return sent
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("after", [""])[0]


async def _start(send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _refuse(send: Send, status: int, detail: str) -> None:
    body = problem_bytes(status=status, detail=detail)
    headers = [(b"content-type", PROBLEM_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
