"""Pushes over real HTTP: what is taken is on disk, what is not says why, and a kill loses nothing that was answered."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import multiprocessing
import socket
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from devices.model import TransientError
from devices.uplinks.the_things_stack_v3 import UPLINK as TTS
from gateway.sources import http_push
from gateway.sources.push_app import PushApp, PushLimits, Sender
from gateway.spool import Spool
from tests.gateway.pushes import ALL_TOKEN, ONE_TOKEN, answers, press, pushing, serve_for_ever, sha, told
from tests.gateway.spools import numbers, open_spool
from tests.support import free_port, wait_until

PATH = f"/push/soracom/{ALL_TOKEN}"


@pytest.mark.lesson(1)
def test_what_is_answered_is_on_disk(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        answer = client.post(PATH, json=press())
        assert (answer.status_code, answer.content) == (204, b"")
        assert told(spool) == [("button-1", "battery_voltage", 42), ("button-1", "button", 42)]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        (PATH, {}),
        (PATH + "/", {}),
        (PATH + "/some/topic", {}),
        ("/push/soracom", {"Authorization": f"Bearer {ALL_TOKEN}"}),
        ("/push/soracom/some/topic", {"authorization": f"bearer {ALL_TOKEN}"}),
        (f"/push/soracom/{ONE_TOKEN}", {}),
    ],
)
def test_the_token_is_in_the_path_or_in_a_header(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    with pushing(open_spool(tmp_path)) as client:
        assert client.post(path, json=press(), headers=headers).status_code == 204


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/push/soracom/wrong", {}, 401),
        ("POST", "/push/soracom/", {}, 401),
        ("POST", "/push/soracom", {}, 401),
        ("POST", "/push/soracom", {"Authorization": "Bearer wrong"}, 401),
        ("POST", "/push/soracom/x", {"Authorization": "Bearer x y"}, 401),
        ("POST", f"/push/soracom/{sha(ALL_TOKEN)}", {}, 401),
        ("POST", f"/push/other/{ALL_TOKEN}", {}, 404),
        ("POST", f"/pull/soracom/{ALL_TOKEN}", {}, 404),
        ("POST", "/", {}, 404),
        ("POST", PATH + "/" + "x" * 300, {}, 404),
        ("PUT", PATH, {}, 405),
        ("DELETE", PATH, {}, 405),
        ("POST", PATH, {"Content-Type": "image/png"}, 415),
        ("POST", PATH, {"Content-Type": "application/json; charset=shift_jis"}, 415),
        ("POST", PATH, {"Content-Encoding": "gzip"}, 415),
        ("POST", PATH, {"Content-Length": "0"}, 400),
        ("GET", PATH, {}, 400),
        ("GET", PATH + "?a=1&a=2", {}, 400),
    ],
)
def test_what_is_refused_says_why_and_leaves_nothing(
    tmp_path: Path, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        content = b"" if status == 400 else json.dumps(press()).encode()
        answer = client.request(method, path, content=content, headers=headers)
        assert answer.status_code == status
        assert 0 < len(answer.text) < 80
        assert client.post(PATH, json=press()).status_code == 204
    assert len(told(spool)) == 2


@pytest.mark.parametrize("has_length", [True, False])
def test_a_body_that_is_too_long_is_refused(tmp_path: Path, has_length: bool) -> None:
    long = json.dumps({"x": "y" * 66_000}).encode()
    with pushing(open_spool(tmp_path)) as client:
        content: Any = long if has_length else iter([long[:60_000], long[60_000:]])
        assert client.post(PATH, content=content).status_code == 413


def test_a_token_speaks_only_for_its_devices(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        other = client.post(f"/push/soracom/{ONE_TOKEN}", json=press(imsi="440100000000002"))
        assert other.status_code == 403
    assert told(spool) == [("button-2", "not_allowed", None)]


def test_a_token_of_one_device_need_not_name_it(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        assert client.post(f"/push/soracom/{ONE_TOKEN}", json=press()["payloads"]).status_code == 204
    assert {device for device, _, _ in told(spool)} == {"button-1"}


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b'{"payloads": 5}', b"\xff\xfe"])
def test_what_cannot_be_read_is_taken_and_lies_in_quarantine(tmp_path: Path, content: bytes) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        assert client.post(PATH, content=content).status_code == 204
    assert told(spool) == [("", "undecodable", None)]


def test_a_query_or_a_form_is_a_message_too(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client:
        assert client.get(PATH, params={"payload": "e30="}).status_code == 204
        assert client.post(PATH, data={"payload": "e30="}).status_code == 204
    assert [reason for _, reason, _ in told(spool)] == ["undecodable", "undecodable"]


def test_a_webhook_of_a_lorawan_network(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    body = {
        "end_device_ids": {"dev_eui": "70B3D57BA0003BB8"},
        "uplink_message": {"f_port": 85, "f_cnt": 1, "frm_payload": base64.b64encode(b"\x01\x75\x5c").decode()},
    }
    with pushing(spool, uplink=TTS.name) as client:
        assert client.post(f"/push/{TTS.name}/{ALL_TOKEN}", json=body).status_code == 204
    assert told(spool) == [("", "unknown_device", None)]


def test_while_the_disk_refuses_the_sender_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = open_spool(tmp_path)
    append = Spool.append

    def refuse(*_: Any, **__: Any) -> range:
        raise TransientError("disk full")

    with pushing(spool) as client:
        monkeypatch.setattr(Spool, "append", refuse)
        answer = client.post(PATH, json=press())
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        monkeypatch.setattr(Spool, "append", append)
        assert client.post(PATH, json=press()).status_code == 204
    assert len(told(spool)) == 2


def test_many_at_once_are_each_answered_and_share_commits(tmp_path: Path) -> None:
    spool = open_spool(tmp_path)
    with pushing(spool) as client, ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda seq: client.post(PATH, json=press(seq=seq)).status_code, range(100)))
    assert statuses == [204] * 100
    assert {seq for _, _, seq in told(spool)} == set(range(100))


def test_neither_token_nor_message_is_in_a_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pushing(open_spool(tmp_path)) as client:
        client.post(PATH, json=press())
        client.post(f"/push/soracom/{ONE_TOKEN}", json=press(imsi="440100000000002"))
        client.post("/push/soracom/secret-guess", json=press())
        client.post(PATH, content=b"secret message")
        port = client.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.sendall(b"NONSENSE secret-guess\r\n\r\n")
            raw.recv(1000)
    ours = [r for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    said = "\n".join(f"{r.getMessage()} {r.__dict__}" for r in ours)
    for secret in (ALL_TOKEN, ONE_TOKEN, "secret", "44010000", "Single short click"):
        assert secret not in said


def test_a_connection_that_asks_nothing_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_push, "_CONNECTION_S", 1.0)
    with pushing(open_spool(tmp_path)) as client:
        port = client.base_url.port
        assert port is not None
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.settimeout(10)
            raw.sendall(b"POST /push/sor")
            assert raw.recv(100) == b""
        assert client.post(PATH, json=press()).status_code == 204


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Exception, match="cannot listen on"):
        http_push._listen(
            http_push.HttpPushOptions(name="http-0", gateway_id="g", uplink="x", path="x", port=taken.getsockname()[1])
        )


def test_a_kill_loses_nothing_that_was_answered(tmp_path: Path) -> None:
    port, answered = free_port(), []
    context = multiprocessing.get_context("spawn")
    for life in range(4):
        child = context.Process(target=serve_for_ever, args=(tmp_path, port), daemon=True)
        child.start()
        wait_until(lambda: answers(port), 30.0, what="push source answers")
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10.0) as client, ThreadPoolExecutor(4) as pool:
            pushes = [pool.submit(_push, client, life * 1000 + n) for n in range(200)]
            least = 20 + 15 * life
            wait_until(partial(_are_done, pushes, least), 30.0, what="some are answered")
            child.kill()
            child.join(10)
            answered += [seq for p in pushes if (seq := p.result()) is not None]
    assert len(answered) > 80
    spool = open_spool(tmp_path)
    kept = {seq for _, quantity, seq in told(spool) if quantity == "button"}
    assert set(answered) <= kept
    assert numbers(spool) == sorted(set(numbers(spool)))


def _are_done(pushes: list[Future[int | None]], least: int) -> bool:
    return sum(push.done() for push in pushes) > least


def _push(client: httpx.Client, seq: int) -> int | None:
    try:
        return seq if client.post(PATH, json=press(seq=seq)).status_code == 204 else None
    except httpx.HTTPError:
        return None


class Wire:
    """One request to the application itself, with its body in pieces."""

    def __init__(self, *pieces: bytes | None, path: str = "/push/u/t") -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": path,
            "headers": [],
            "query_string": b"",
        }
        self.sent: list[dict[str, Any]] = []
        self._pieces = list(pieces)

    async def receive(self) -> dict[str, Any]:
        if not self._pieces:
            return {"type": "http.disconnect"}
        piece = self._pieces.pop(0)
        if piece is None:
            raise TimeoutError
        return {"type": "http.request", "body": piece, "more_body": True}

    async def send(self, event: Any) -> None:
        self.sent.append(dict(event))


def make_app(now_s: list[float], **limits: Any) -> PushApp:
    async def take(_: object) -> None:
        return

    sender = Sender(name="s", sha256=sha("t"))
    return PushApp(
        uplink="u", senders=(sender,), limits=PushLimits(**limits), take=take, count=lambda _: None,
        now_s=lambda: now_s[0],
    )  # fmt: skip


async def status_of(app: PushApp, wire: Wire) -> int | None:
    await app(wire.scope, wire.receive, wire.send)
    return wire.sent[0]["status"] if wire.sent else None


def run(coroutine: Coroutine[Any, Any, int | None]) -> int | None:
    return asyncio.run(coroutine)


def test_a_sender_that_goes_away_gets_no_answer() -> None:
    assert run(status_of(make_app([0.0]), Wire(b"{"))) is None


def test_a_body_that_does_not_come_in_time_is_refused() -> None:
    assert run(status_of(make_app([0.0]), Wire(b"{", None))) == 408


def test_a_body_without_end_is_not_read_to_its_end() -> None:
    wire = Wire(*[b"x" * 60_000] * 30)
    assert run(status_of(make_app([0.0]), wire)) == 413
    declared = Wire(b"x")
    declared.scope["headers"] = [(b"content-length", b"99999999999")]
    assert run(status_of(make_app([0.0]), declared)) == 413


def test_a_token_may_push_so_often_and_again_later() -> None:
    now_s = [0.0]
    app = make_app(now_s, burst=3, per_s=0.5)

    def push() -> int | None:
        return run(status_of(app, Wire(b"{", None)))

    assert [push() for _ in range(5)] == [408, 408, 408, 429, 429]
    now_s[0] = 2.0
    assert [push() for _ in range(2)] == [408, 429]


def test_more_at_once_than_the_box_takes_are_sent_away() -> None:
    app = make_app([0.0], at_once=1)
    app._busy = 1
    assert run(status_of(app, Wire(b"{}"))) == 503
