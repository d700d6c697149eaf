"""The live stream: resumes without loss, one encoding for all, slow clients dropped, bounded everywhere."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from alerts.model import AlertState
from api.stream import Hub, Place, StreamEndpoint, parse_place
from api.stream_client import QUEUE_BYTES, QUEUE_CHUNKS, Chunk, Client
from devices.model import TransientError
from devices.wake import Bell, Listener
from tests.api.conftest import Server
from tests.api.world import World, an_alert
from tests.support import wait_until, wait_until_async


@dataclass(slots=True)
class Heard:
    """What a client of the stream has heard so far."""

    messages: list[tuple[str, str, Any]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Any]:
        return [body for found, _, body in self.messages if found == kind]

    @property
    def last_id(self) -> str:
        return next((id_ for _, id_, _ in reversed(self.messages) if id_), "")


@contextmanager
def listening(server: Server, *, last_id: str = "", query: str = "") -> Iterator[Heard]:
    headers = {"last-event-id": last_id} if last_id else {}
    url = f"{server.url}/api/v1/stream{query}"
    with httpx.stream("GET", url, headers=headers, timeout=httpx.Timeout(5, read=20)) as answer:
        assert answer.status_code == 200
        heard = Heard()
        thread = threading.Thread(target=_read_messages, args=(answer, heard), name="listener")
        thread.start()
        yield heard
        answer.extensions["network_stream"].get_extra_info("socket").shutdown(socket.SHUT_RDWR)
        thread.join(timeout=15)
        assert not thread.is_alive()


def _read_messages(answer: httpx.Response, heard: Heard) -> None:
    fields: dict[str, str] = {}
    with suppress(httpx.HTTPError):  # the test hangs up in the middle of an endless answer
        for line in answer.iter_lines():
            heard.lines.append(line)
            if not line and "data" in fields:
                heard.messages.append((fields["event"], fields.get("id", ""), json.loads(fields["data"])))
                fields = {}
            elif line and not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


def place(server: Server) -> str:
    cursor: str = httpx.get(f"{server.url}/api/v1/stations").json()["cursor"]
    return cursor


def test_a_new_client_hears_the_present_then_changes(world: World, server: Server) -> None:
    with listening(server) as heard:
        wait_until(lambda: heard.of("health"))
        first = heard.of("health")[0]
        assert [card["station_id"] for card in first["stations"]] == ["road-17", "pass", "trap-east", "home-07"]
        assert first["clock_speed"] == 1.0
        world.journal.reading("snow-17", "snow_depth", 1.23, observed_ns=world.now_ns())
        wait_until(lambda: heard.of("reading"))
        assert heard.of("reading")[0]["value"] == 1.23
        wait_until(lambda: len(heard.of("health")) > 1)
        cards = heard.of("health")[1]["stations"]
    assert [(card["station_id"], card["state"]) for card in cards] == [("road-17", "ok")]


def test_events_and_alerts_come_too(world: World, server: Server) -> None:
    with listening(server) as heard:
        wait_until(lambda: heard.of("health"))
        world.journal.event("snow-17", observed_ns=world.now_ns())
        world.alerts.put(an_alert(opened_ns=world.now_ns()))
        wait_until(lambda: heard.of("event") and heard.of("alert"))
    assert heard.of("event")[0]["subject"] == "snow-17"
    assert heard.of("alert")[0]["text_ja"].startswith("【除雪の目安】")


def test_a_client_resumes_where_it_was(world: World, server: Server) -> None:
    with listening(server) as stayed:
        with listening(server) as heard:
            world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
            world.journal.event("snow-17", observed_ns=world.now_ns())
            wait_until(lambda: heard.of("event") and heard.last_id == place(server))
        world.journal.reading("snow-pass", "snow_depth", 2.0, observed_ns=world.now_ns())
        world.journal.event("snow-pass", observed_ns=world.now_ns())
        world.alerts.put(replace(an_alert(opened_ns=world.now_ns()), state=AlertState.ACKNOWLEDGED))
        # What is told from now on to somebody new must come from memory, not from the next look.
        wait_until(lambda: stayed.last_id == place(server))
    with listening(server, last_id=heard.last_id) as again:
        wait_until(lambda: again.last_id == place(server))
    assert [reading["device_id"] for reading in again.of("reading")] == ["snow-pass"]
    assert [event["subject"] for event in again.of("event")] == ["snow-pass"]
    assert [alert["state"] for alert in again.of("alert")] == ["acknowledged"]


def test_nothing_is_told_again_to_who_is_up_to_date(world: World, server: Server) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    world.journal.event("snow-17", observed_ns=world.now_ns())
    with listening(server) as heard:
        wait_until(lambda: heard.last_id == place(server))
    with listening(server, last_id=heard.last_id) as again:
        wait_until(lambda: again.of("health"))
    assert {kind for kind, _, _ in again.messages} == {"health"}


def test_the_cursor_of_a_list_is_a_place_in_the_stream(world: World, server: Server) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    cursor = httpx.get(f"{server.url}/api/v1/latest").json()["cursor"]
    world.journal.reading("snow-17", "snow_depth", 2.0, observed_ns=world.now_ns())
    with listening(server, query=f"?after={cursor}") as heard:
        wait_until(lambda: heard.of("reading"))
    assert [reading["value"] for reading in heard.of("reading")] == [2.0]


def test_a_place_of_another_journal_gets_everything(world: World, server: Server) -> None:
    world.journal.reading("snow-17", "snow_depth", 1.0, observed_ns=world.now_ns())
    with listening(server, last_id="999999999999999999.999") as heard:
        wait_until(lambda: heard.of("reading"))
    assert heard.of("reading")[0]["value"] == 1.0


@pytest.mark.parametrize("last_id", ["x", "1", "1.", "-1.0", "1.0.0", "1" * 40 + ".0"])
def test_a_place_that_is_none_is_refused(server: Server, last_id: str) -> None:
    answer = httpx.get(f"{server.url}/api/v1/stream", headers={"last-event-id": last_id})
    assert answer.status_code == 422
    assert "Last-Event-ID" in answer.json()["detail"]


def test_the_stream_is_read_only(server: Server) -> None:
    answer = httpx.post(f"{server.url}/api/v1/stream", json={})
    assert answer.status_code == 405


def test_the_stream_is_never_cached(server: Server) -> None:
    with httpx.stream("GET", f"{server.url}/api/v1/stream") as answer:
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"


def test_places_are_written_as_two_numbers() -> None:
    assert parse_place("12.3") == Place(12, 3)
    assert Place(12, 3).as_text() == "12.3"


def test_a_slow_client_is_dropped_and_its_queue_forgotten() -> None:
    client = Client()
    taken = [client.offer(Chunk(serial=i, body=b"x")) for i in range(QUEUE_CHUNKS + 1)]
    assert taken == [True] * QUEUE_CHUNKS + [False]
    assert client.is_dropped
    assert client.take() == b""


def test_a_queue_is_bounded_in_bytes() -> None:
    client = Client()
    assert client.offer(Chunk(serial=1, body=b"x" * QUEUE_BYTES))
    assert not client.offer(Chunk(serial=2, body=b"x"))


def test_what_catching_up_covered_is_not_sent_again() -> None:
    client = Client(covered_serial=2)
    for serial in (1, 2, 3):
        client.offer(Chunk(serial=serial, body=str(serial).encode()))
    assert client.take() == b"3"
    assert client.take() == b""


class Tape:
    """A feed that plays chunks; `fail` makes the next looks fail, `may_look` holds them up while it is clear."""

    def __init__(self) -> None:
        self.may_look = threading.Event()
        self.may_look.set()
        self.chunks: list[bytes] = []
        self.fail = False
        self.polls = 0
        self._serial = 0

    def poll(self) -> Chunk | None:
        self.polls += 1
        self.may_look.wait(10)
        if self.fail:
            raise TransientError("busy")
        if not self.chunks:
            return None
        self._serial += 1
        return Chunk(serial=self._serial, body=self.chunks.pop(0))

    def catch_up(self, place: Place | None) -> Chunk:
        return Chunk(serial=self._serial, body=b"present")


def test_a_feed_that_fails_for_a_while_is_looked_at_again() -> None:
    async def play() -> bytes:
        tape = Tape()
        hub = Hub(tape, poll_s=0.001)
        running = asyncio.create_task(hub.run())
        client = hub.join()
        assert client is not None
        tape.fail = True
        polls = tape.polls
        await wait_until_async(lambda: tape.polls > polls + 3)
        tape.fail = False
        tape.chunks = [b"after"]
        await asyncio.wait_for(client.wake.wait(), 5)
        body = client.take()
        hub.close()
        await running
        hub.shut_down()
        return body

    assert asyncio.run(play()) == b"after"


def test_a_hint_makes_it_look_at_once_and_not_more_often_than_the_gap(tmp_path: Path) -> None:
    async def play() -> tuple[int, int]:
        tape, wake, bell = Tape(), Listener(tmp_path / "api.wake"), Bell(tmp_path / "api.wake")
        hub = Hub(tape, poll_s=3_600.0, gap_s=0.2)
        running = asyncio.create_task(hub.run(wake))
        client = hub.join()
        assert client is not None
        await wait_until_async(lambda: tape.polls == 1)
        tape.chunks = [b"news"]
        bell.ring()
        await asyncio.wait_for(client.wake.wait(), 5)
        polls = tape.polls
        began_s = time.monotonic()
        while time.monotonic() < began_s + 1.0:
            bell.ring()
            await asyncio.sleep(0.001)
        more, took_s = tape.polls - polls, time.monotonic() - began_s
        hub.close()
        await running
        hub.shut_down()
        wake.close()
        return more, int(took_s / 0.2) + 1

    more, most = asyncio.run(play())
    assert 1 <= more <= most


def test_a_client_that_never_reads_holds_up_nobody() -> None:
    async def play() -> tuple[int, bytes]:
        tape = Tape()
        hub = Hub(tape, poll_s=0.0001)
        running = asyncio.create_task(hub.run())
        blocked = asyncio.Event()
        endpoint = StreamEndpoint(hub)
        stuck = asyncio.create_task(endpoint(_scope(), _never, _stuck_send(blocked)))
        quick_body = bytearray()
        quick = asyncio.create_task(endpoint(_scope(), _never, _collecting_send(quick_body)))
        await wait_until_async(lambda: hub.client_count == 2 and quick_body)
        tape.chunks = [f"{i};".encode() for i in range(QUEUE_CHUNKS + 50)]
        last = f"{QUEUE_CHUNKS + 49};".encode()
        await wait_until_async(lambda: hub.dropped_total and last in quick_body)
        blocked.set()
        await asyncio.wait_for(stuck, 5)
        hub.close()
        await asyncio.gather(running, quick)
        hub.shut_down()
        return hub.dropped_total, bytes(quick_body)

    dropped, body = asyncio.run(asyncio.wait_for(play(), 30))
    assert dropped == 1
    assert all(f"{i};".encode() in body for i in range(QUEUE_CHUNKS + 50))


def test_what_came_while_joining_is_told_once() -> None:
    async def play() -> bytes:
        tape = Tape()
        tape.may_look.clear()
        hub = Hub(tape, poll_s=0.001)
        running = asyncio.create_task(hub.run())
        await wait_until_async(lambda: tape.polls == 1)
        tape.chunks = [b"first;"]
        body = bytearray()
        serving = asyncio.create_task(StreamEndpoint(hub)(_scope(), _never, _collecting_send(body)))
        await wait_until_async(lambda: hub.client_count == 1)
        # The look that was under way ends with a chunk for the new client, whose present already holds it.
        tape.may_look.set()
        await wait_until_async(lambda: b"present" in body)
        tape.chunks = [b"second;"]
        await wait_until_async(lambda: b"second;" in body)
        hub.close()
        await asyncio.gather(running, serving)
        hub.shut_down()
        return bytes(body)

    body = asyncio.run(play())
    assert b"first;" not in body
    assert body.count(b"second;") == 1


def _scope() -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/api/v1/stream", "headers": [], "query_string": b""}


async def _never() -> dict[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


def _stuck_send(blocked: asyncio.Event) -> Any:
    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await blocked.wait()

    return send


def _collecting_send(into: bytearray) -> Any:
    async def send(message: dict[str, Any]) -> None:
        into.extend(message.get("body", b""))

    return send
