"""Receivers that behave badly on purpose: an SMTP server (aiosmtpd) and a webhook server (http.server)."""

from __future__ import annotations

import asyncio
import email
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import default as default_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from aiosmtpd.controller import Controller

from tests.support import free_port

Behaviour = Literal["ok", "451", "554", "close", "hang", "rcpt-550", "rcpt-552", "rcpt-451"]
Choose = Callable[[str], Behaviour]


class Mails:
    """What the SMTP server took, by Message-ID; safe to read while it works."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._raw: list[bytes] = []
        self.attempts = 0

    def add(self, raw: bytes) -> None:
        with self._lock:
            self._raw.append(raw)

    def all(self) -> list[EmailMessage]:
        with self._lock:
            return [email.message_from_bytes(raw, policy=default_policy) for raw in self._raw]

    def count_by_id(self) -> Counter[str]:
        return Counter(str(mail["Message-ID"]) for mail in self.all())


class _Handler:
    def __init__(self, mails: Mails, choose: Choose) -> None:
        self._mails = mails
        self._choose = choose

    async def handle_RCPT(  # noqa: N802 - name is aiosmtpd's
        self, server: object, session: object, envelope: Any, address: str, options: list[str]
    ) -> str:
        match self._choose(f"rcpt {address}"):
            case "rcpt-550":
                return f"550 5.1.1 <{address}>: no such user here"
            case "rcpt-552":
                return f"552 5.2.2 <{address}>: mailbox full"
            case "rcpt-451":
                return f"451 4.7.1 <{address}>: greylisted"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: object, envelope: Any) -> str:  # noqa: N802 - name is aiosmtpd's
        self._mails.attempts += 1
        behaviour = self._choose(f"data {envelope.rcpt_tos[0]}")
        match behaviour:
            case "451":
                return f"451 4.3.0 try later, {envelope.rcpt_tos[0]}"
            case "554":
                return "554 5.6.0 no"
            case "hang":
                await asyncio.sleep(3600)
        self._mails.add(envelope.original_content)
        if behaviour == "close":
            server.transport.abort()
        return "250 kept"


@contextmanager
def smtp_server(choose: Choose = lambda _what: "ok") -> Iterator[tuple[int, Mails]]:
    """Run the server on a free loopback port; give the port and the mails it took."""
    mails = Mails()
    controller = Controller(_Handler(mails, choose), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port, mails
    finally:
        controller.stop()


class Hooks:
    """What the webhook server was sent, and how it answers by path."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.connections = 0
        self.open_connections = 0
        self.answers: dict[str, list[tuple[int, dict[str, str]]]] = {}
        self.released = threading.Event()
        self.body = b"{}"

    def paths(self) -> list[str]:
        with self.lock:
            return [path for path, _headers, _body in self.requests]

    def keys(self, path: str) -> list[str]:
        with self.lock:
            return [headers["idempotency-key"] for p, headers, _body in self.requests if p == path]

    def next_answer(self, path: str) -> tuple[int, dict[str, str]]:
        """Give the scripted answers one after the other, the last one for ever; 200 without a script."""
        with self.lock:
            script = self.answers.get(path, [(200, {})])
            return script.pop(0) if len(script) > 1 else script[0]


@contextmanager
def webhook_server() -> Iterator[tuple[str, Hooks]]:
    """Run the server on a free loopback port; give its URL and what it was sent.

    The path `/hang` answers only when `released` is set, `/flood` answers until then. `/leave` answers and closes the
    connection without having said so; `/vanish` takes the request and closes without an answer.
    """
    hooks = Hooks()
    server = _Server(hooks)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", hooks
    finally:
        hooks.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, hooks: Hooks) -> None:
        super().__init__(("127.0.0.1", 0), _HookHandler)
        self.hooks = hooks

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing: a client that gave up is what these tests are about."""


class _HookHandler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536  # head and body in one packet, else delayed acknowledgements cost 40 ms a request

    def setup(self) -> None:
        super().setup()
        with self.server.hooks.lock:
            self.server.hooks.connections += 1
            self.server.hooks.open_connections += 1

    def finish(self) -> None:
        super().finish()
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        with self.server.hooks.lock:
            self.server.hooks.open_connections -= 1

    def do_POST(self) -> None:
        hooks = self.server.hooks
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with hooks.lock:
            hooks.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        match self.path:
            case "/hang":
                hooks.released.wait()
            case "/flood":
                self._flood()
                return
            case "/vanish":
                self.close_connection = True
                return
        status, headers = hooks.next_answer(self.path)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(hooks.body)))
        self.end_headers()
        self.wfile.write(hooks.body)
        self.close_connection = self.close_connection or self.path == "/leave"

    def _flood(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10**12))
        self.end_headers()
        while not self.server.hooks.released.is_set():
            self.wfile.write(b"x" * 65_536)

    do_GET = do_POST  # noqa: N815 - name is http.server's

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""
