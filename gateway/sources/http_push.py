"""Pushes by HTTP (webhooks of clouds, devices on a SIM): into the spool, and only then acknowledged.

It speaks plain HTTP and belongs behind a tunnel or a proxy that does TLS; it listens on loopback unless the site says
otherwise. Messages that arrive together share one commit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from devices.model import PermanentError, TransientError, UplinkMessage
from devices.site import Site, Source
from gateway.decode import MessageArrival
from gateway.intake import Intake, Verdict
from gateway.sources.push_app import Push, PushApp, PushLimits, RefusedError, Sender
from gateway.sources.stamps import Stamps

log = logging.getLogger(__name__)

_BATCH = 200
_LOOK_FOR_STOP_S = 0.1
_GRACE_S = 1
_MOST_CONNECTIONS = 200
_CONNECTION_S = 30.0
_BACKLOG = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpPushOptions:
    """One listening address of a gateway. `uplink` is its key in `Plugins.uplinks`, `path` its name in the URL."""

    name: str
    gateway_id: str
    uplink: str
    path: str
    port: int
    host: str = "127.0.0.1"
    senders: tuple[Sender, ...] = ()
    limits: PushLimits = field(default_factory=PushLimits)


def senders_of(source: Source, site: Site) -> tuple[Sender, ...]:
    """Return who may push to `source`."""
    devices = site.devices_by_id()
    return tuple(
        Sender(
            name=token.name,
            sha256=token.sha256,
            devices=frozenset(token.devices),
            address=devices[token.devices[0]].address
            if len(token.devices) == 1 and token.devices[0] in devices
            else "",
        )
        for token in source.token
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    arrival: MessageArrival
    verdict: asyncio.Future[Verdict]


class HttpPushSource:
    """`run` serves until it is told to stop. A push is answered 204 when it is on disk."""

    def __init__(self, options: HttpPushOptions, intake: Intake, *, now_ns: Callable[[], int]) -> None:
        self._options = options
        self._intake = intake
        self._now_ns = now_ns
        self._stamps = Stamps()
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    def run(self, stop: threading.Event) -> None:
        """Serve until `stop` is set. Raises PermanentError naming an address that cannot be listened on."""
        listener = _listen(self._options)
        try:
            asyncio.run(self._serve(listener, stop))
        finally:
            listener.close()

    async def _serve(self, listener: socket.socket, stop: threading.Event) -> None:
        self._waiting = asyncio.Queue()
        app = PushApp(
            uplink=self._options.path,
            senders=self._options.senders,
            limits=self._options.limits,
            take=self._take,
            count=lambda name: self._intake.count(name, 1),
        )
        server = _Server(_config(app))
        tasks = [asyncio.create_task(_stop_when(stop, server)), asyncio.create_task(self._commit_for_ever())]
        try:
            await server.serve(sockets=[listener])
        finally:
            for task in tasks:
                task.cancel()

    async def _take(self, push: Push) -> None:
        arrival = MessageArrival(
            message=UplinkMessage(
                gateway_id=self._options.gateway_id,
                topic=push.topic,
                payload=push.payload,
                received_ns=self._stamps.stamp(self._now_ns()),
            ),
            uplink=self._options.uplink,
            allowed=push.sender.devices,
        )
        waiting = _Waiting(arrival=arrival, verdict=asyncio.get_running_loop().create_future())
        self._waiting.put_nowait(waiting)
        verdict = await waiting.verdict
        if not verdict.is_allowed:
            log.warning("push_not_allowed", extra={"source": self._options.name, "sender": push.sender.name})
            raise RefusedError(HTTPStatus.FORBIDDEN, "the token may not speak for this device")

    async def _commit_for_ever(self) -> None:
        while True:
            batch = [await self._waiting.get()]
            while len(batch) < _BATCH and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            try:
                verdicts = await asyncio.to_thread(self._commit, [each.arrival for each in batch])
            except TransientError:  # logged by the spool at its start and at its end
                _refuse(batch)
            except Exception:
                log.exception("push_failed", extra={"source": self._options.name})
                _refuse(batch)
            else:
                for each, verdict in zip(batch, verdicts, strict=True):
                    if not each.verdict.done():
                        each.verdict.set_result(verdict)

    def _commit(self, arrivals: Sequence[MessageArrival]) -> tuple[Verdict, ...]:
        prepared = self._intake.prepare(self._options.name, arrivals, now_s=time.monotonic())
        self._intake.commit(prepared)
        return prepared.verdicts


def _refuse(batch: Sequence[_Waiting]) -> None:
    for each in batch:
        if not each.verdict.done():
            each.verdict.set_exception(RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, "the disk refuses; send it again"))


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the process, which sets `stop`.
        yield


class _TimedProtocol(H11Protocol):
    """A connection that is closed when it has stood for a while without a request in work.

    The server itself waits for ever for the first line of a request, so a few hundred slow clients would bar the door.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.loop.call_later(_CONNECTION_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self.transport.is_closing():
            return
        cycle: RequestResponseCycle | None = self.cycle  # None until the first request
        if cycle is not None and not cycle.response_complete:
            self.loop.call_later(_CONNECTION_S, self._close_if_idle)
        else:
            self.transport.close()


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_TimedProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        limit_concurrency=_MOST_CONNECTIONS,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=_GRACE_S,
    )


def _listen(options: HttpPushOptions) -> socket.socket:
    try:
        family = socket.getaddrinfo(options.host, options.port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((options.host, options.port), family=family, backlog=_BACKLOG)
    except OSError as error:
        where = f"{options.host} port {options.port}"
        raise PermanentError(f"source {options.name} cannot listen on {where}: {error.strerror or error}") from error
    log.info("push_listening", extra={"source": options.name, "host": options.host, "port": options.port})
    return listener


async def _stop_when(stop: threading.Event, server: uvicorn.Server) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - the event is of threads; waiting for it would hold one for ever
        await asyncio.sleep(_LOOK_FOR_STOP_S)
    server.should_exit = True
