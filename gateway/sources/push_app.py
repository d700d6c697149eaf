"""What a push must look like to be taken: the ASGI application of an `http` source.

`POST` or `GET` `/push/<uplink>/<token>[/<topic>]`, or without the token there and with `Authorization: Bearer <token>`.
Answers carry a short reason and never anything of the message; the token is in no log, and neither is the path.

    204   the message is on disk (also when it could not be read: then it lies in quarantine)
    400   no message in it      401   no known token       403   the token may not speak for the device
    404   another path          405   another method       408   the body did not come in time
    413   longer than the limit 415   another kind of text 429   more often than the token may
    503   the disk refuses, or there are too many at once: send it again later
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_TOPIC_CHARS = 256
_MOST_DRAINED = 1 << 20
_MOST_FIELDS = 100
_FORM = "application/x-www-form-urlencoded"
_TYPES = frozenset(
    {"", "application/json", "application/senml+json", "application/senml+cbor", "application/cbor", "text/plain",
     "application/octet-stream", _FORM}
)  # fmt: skip
_CHARSETS = frozenset({"", "utf-8", "utf8", "us-ascii"})
_AGAIN_S = {HTTPStatus.TOO_MANY_REQUESTS: 5, HTTPStatus.SERVICE_UNAVAILABLE: 5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who holds a token: its SHA-256 in hex, and the devices it may speak for (empty = all).

    `address` is that of its device when it has only one: then neither path nor message needs to name it.
    """

    name: str
    sha256: str
    devices: frozenset[str] = frozenset()
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushLimits:
    """What one box takes. Rates are of each token: `burst` at once, `per_s` in the long run.

    They are generous (a box takes some 400 a second), because not every cloud sends again what was refused.
    """

    body_bytes: int = 65_536
    body_s: float = 10.0
    at_once: int = 128
    per_s: float = 50.0
    burst: int = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A message whose sender is known. `topic` is the path behind the token."""

    sender: Sender
    topic: str
    payload: bytes


class RefusedError(Exception):
    """The push is not taken; `status` and `reason` go to the sender."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


Take = Callable[[Push], Awaitable[None]]
"""Puts a push on disk; raises RefusedError when it could not."""


@dataclass(slots=True)
class _Bucket:
    level: float
    at_s: float


@dataclass(slots=True, kw_only=True)
class PushApp:
    """The application. `count(name)` adds to a counter of the gateway; `now_s` is the monotonic clock."""

    uplink: str
    senders: tuple[Sender, ...]
    limits: PushLimits
    take: Take
    count: Callable[[str], None]
    now_s: Callable[[], float] = time.monotonic
    _busy: int = 0
    _buckets: dict[str, _Bucket] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        self._busy += 1
        try:
            answer = await self._answer(scope, receive)
        finally:
            self._busy -= 1
        if answer is not None:
            status, reason = answer
            self.count(f"pushes_{status.value}")
            await _respond(send, status, reason)

    async def _answer(self, scope: Scope, receive: Receive) -> tuple[HTTPStatus, str] | None:
        """Return status and reason; None when the sender has gone."""
        try:
            if self._busy > self.limits.at_once:
                raise RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "too many at once")
            push = await self._read(scope, receive)
            if push is None:
                return None
            await self.take(push)
        except RefusedError as refused:
            return refused.status, refused.reason
        return HTTPStatus.NO_CONTENT, ""

    async def _read(self, scope: Scope, receive: Receive) -> Push | None:
        method, headers = scope["method"], dict(scope["headers"])
        if method not in ("POST", "GET"):
            raise RefusedError(HTTPStatus.METHOD_NOT_ALLOWED, "POST or GET")
        sender, topic = self._sender(scope["path"], headers)
        self._bound_rate(sender)
        topic = topic or sender.address or _header(headers, "x-soracom-imsi")
        if len(topic) > _TOPIC_CHARS:
            raise RefusedError(HTTPStatus.NOT_FOUND, f"the path is longer than {_TOPIC_CHARS} characters")
        if method == "GET":
            payload: bytes | None = _fields_as_json(scope["query_string"])
        else:
            kind = _content_type(headers)
            payload = await self._body(headers, receive)
            if payload and kind == _FORM:
                payload = _fields_as_json(payload)
        if payload == b"":
            raise RefusedError(HTTPStatus.BAD_REQUEST, "no message")
        return None if payload is None else Push(sender=sender, topic=topic, payload=payload)

    def _sender(self, path: str, headers: dict[bytes, bytes]) -> tuple[Sender, str]:
        """Return who sends and the topic. Raises RefusedError for another path and for a token nobody has."""
        head, _, rest = path.removeprefix("/push/").partition("/")
        if not path.startswith("/push/") or head != self.uplink:
            raise RefusedError(HTTPStatus.NOT_FOUND, "no such path")
        scheme, _, token = _header(headers, "authorization").partition(" ")
        if scheme.lower() == "bearer":
            topic = rest
        else:
            token, _, topic = rest.partition("/")
        given = hashlib.sha256(token.strip().encode("utf-8", errors="replace")).hexdigest()
        found: Sender | None = None
        for sender in self.senders:  # all of them, whichever fits: the time must not tell which
            if hmac.compare_digest(given, sender.sha256):
                found = sender
        if found is None or not token:
            raise RefusedError(HTTPStatus.UNAUTHORIZED, "no known token")
        return found, topic.strip("/")

    def _bound_rate(self, sender: Sender) -> None:
        now_s, limits = self.now_s(), self.limits
        bucket = self._buckets.setdefault(sender.sha256, _Bucket(level=float(limits.burst), at_s=now_s))
        level = min(float(limits.burst), bucket.level + (now_s - bucket.at_s) * limits.per_s)
        bucket.at_s, bucket.level = now_s, max(0.0, level - 1.0)
        if level < 1.0:
            raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "too often")

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
        """Return the body, None when the sender went away in the middle of it."""
        most = self.limits.body_bytes
        length = _header(headers, "content-length")
        if length.isascii() and length.isdigit() and int(length[:12]) > _MOST_DRAINED:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"longer than {most} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body_s):
                while True:
                    event = await receive()
                    if event["type"] == "http.disconnect":
                        return None
                    body += event.get("body", b"")
                    has_more = event.get("more_body", False)
                    # what is only a little too long is read to its end, else the sender would not hear the answer
                    if len(body) > _MOST_DRAINED or (len(body) > most and not has_more):
                        raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"longer than {most} bytes")
                    if not has_more:
                        return bytes(body)
        except TimeoutError:
            raise RefusedError(HTTPStatus.REQUEST_TIMEOUT, "the body did not come in time") from None


def _header(headers: dict[bytes, bytes], name: str) -> str:
    return headers.get(name.encode("ascii"), b"").decode("latin-1").strip()


def _content_type(headers: dict[bytes, bytes]) -> str:
    """Return the media type. Raises RefusedError for what no uplink reads, for compression and foreign alphabets."""
    kind, _, parameters = _header(headers, "content-type").lower().partition(";")
    name, _, charset = parameters.strip().partition("=")
    foreign = name.strip() == "charset" and charset.strip(' "') not in _CHARSETS
    if kind.strip() not in _TYPES or foreign or _header(headers, "content-encoding") not in {"", "identity"}:
        raise RefusedError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "JSON in UTF-8, a form, text, or bytes, not compressed")
    return kind.strip()


def _fields_as_json(query: bytes) -> bytes:
    """Return the fields of a query or a form as a JSON object of texts; empty when there is none."""
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS) if text else []
    except ValueError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "fields cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise RefusedError(HTTPStatus.BAD_REQUEST, "a field stands twice")
    return json.dumps(fields).encode() if fields else b""


async def _respond(send: Send, status: HTTPStatus, reason: str) -> None:
    body = f"{reason}\n".encode() if reason else b""
    headers = [(b"content-type", b"text/plain; charset=utf-8")] if body else []
    if body:
        headers.append((b"content-length", str(len(body)).encode()))
    if status in _AGAIN_S:
        headers.append((b"retry-after", str(_AGAIN_S[status]).encode()))
    if status is HTTPStatus.UNAUTHORIZED:
        headers.append((b"www-authenticate", b"Bearer"))
    if status is not HTTPStatus.NO_CONTENT:
        headers.append((b"connection", b"close"))  # what is left of its body is not waited for
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
