"""What every request passes first: host name, origin, size and type checks in; security headers out.

A plain ASGI layer of our own, so that it also covers the live stream and the static pages.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import PROBLEM_TYPE, RefusedError, problem_bytes

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_S = 10.0
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NETLOC = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", re.ASCII)

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Mapping[str, str] = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNames:
    """The names under which this server answers.

    A page of another site can point its own DNS name at our address and would then be "same origin"; it cannot do so
    with an IP address. So addresses and `localhost` are always right, other names must be known.
    """

    known: frozenset[str] = field(default_factory=frozenset)

    def accepts(self, host: str) -> bool:
        """Return whether the Host header `host` is well-formed and one of ours."""
        match = _NETLOC.fullmatch(host)
        if match is None:
            return False
        name = match["name"].lower().rstrip(".")
        return name == "localhost" or name in self.known or _is_address(name)


def known_names(*texts: str) -> frozenset[str]:
    """Return the host names in URLs or bare names; what has none is left out."""
    names = (urlsplit(text if "//" in text else f"//{text}").hostname for text in texts if text)
    return frozenset(name.lower() for name in names if name)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


class Guard:
    """ASGI layer: refuses what does not belong here, adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, *, hosts: HostNames) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check the request, then pass it on; a refusal is answered here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sender = _with_headers(send, path=scope["path"])
        try:
            headers = Headers(scope=scope)
            self._check_host(headers)
            if scope["method"] not in _SAFE_METHODS:
                _check_origin(headers)
                _check_type(headers)
                receive = await _whole_body(headers, receive)
        except RefusedError as refusal:
            await _answer(refusal, sender)
            return
        await self._app(scope, receive, sender)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1:
            raise RefusedError(400, "exactly one Host header is needed")
        if not self._hosts.accepts(hosts[0]):
            raise RefusedError(421, "this host name is not ours; set [alerting] base_url to the name people use")


def _check_origin(headers: Headers) -> None:
    site = headers.get("sec-fetch-site", "none")
    if site not in {"same-origin", "none"}:
        raise RefusedError(403, f"a request from another site (Sec-Fetch-Site {site[:20]!r}) may not change anything")
    origin = headers.get("origin")
    host = headers["host"].lower()
    if origin is not None and origin.lower() not in {f"http://{host}", f"https://{host}"}:
        raise RefusedError(403, "a request from another origin may not change anything")


def _check_type(headers: Headers) -> None:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise RefusedError(415, "send application/json")


async def _whole_body(headers: Headers, receive: Receive) -> Receive:
    # Read before the application starts, so that "too large" is one answer and never a half-read request.
    length = headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()):
        raise RefusedError(400, "Content-Length is no number")
    if len(length) > len(str(MAX_BODY_BYTES)) or int(length) > MAX_BODY_BYTES:
        raise RefusedError(413, f"the body may have at most {MAX_BODY_BYTES} bytes")
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            body = await _read_body(receive)
    except TimeoutError:
        raise RefusedError(408, f"the body did not arrive within {BODY_TIMEOUT_S:g} s") from None
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the connection closed before the body was complete")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise RefusedError(413, f"the body may have at most {MAX_BODY_BYTES} bytes")
        if not message.get("more_body", False):
            return b"".join(parts)


def _with_headers(send: Send, *, path: str) -> Send:
    # Data and pages with data are never kept; the static files may be, but must be asked about each time.
    is_static = path.startswith("/web/")

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["cache-control"] = "no-cache" if is_static else "no-store"
        await send(message)

    return sender


async def _answer(refusal: RefusedError, send: Send) -> None:
    body = problem_bytes(status=refusal.status, detail=refusal.detail)
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def is_loopback(address: str) -> bool:
    """Return whether a client's address is this machine."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
