"""The service process: listens, serves until told to stop, ends open streams first."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn

from api.app import create_app, open_sources
from api.home_assistant import shared_with_home_assistant
from api.serving import StreamingProtocol
from api.sources import ApiSettings
from api.stream import Hub
from devices.clock import Clock
from devices.logs import setup_logging
from devices.model import PermanentError
from devices.site import Site

log = logging.getLogger(__name__)

_LOOK_FOR_STOP_S = 0.1
_GRACE_S = 3
_BACKLOG = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What the service needs. `port` 0 takes any free one. For the rest see `ApiSettings`."""

    site: Site
    data_dir: Path
    clock: Clock = field(default_factory=Clock)
    host: str = "127.0.0.1"
    port: int = 8080
    hosts: tuple[str, ...] = ()
    has_docs: bool = False
    notice: str = ""

    def settings(self) -> ApiSettings:
        """Return what the application needs of this."""
        return ApiSettings(
            site=self.site,
            data_dir=self.data_dir,
            clock=self.clock,
            hosts=(*self.hosts, self.host),
            has_docs=self.has_docs,
            notice=self.notice,
        )


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals belong to the caller, who sets `stop`; two owners of SIGTERM would leave one of them deaf.
        yield


def run_api(options: ApiOptions, stop: threading.Event) -> None:
    """Serve page and API until `stop` is set.

    Raises PermanentError when the address cannot be listened on.
    """
    setup_logging(service="api")
    listener = open_listener(options.host, options.port)
    try:
        serve(options, listener, stop)
    except Exception:
        log.exception("service_failed", extra={})
        raise


def open_listener(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket.

    Raises PermanentError naming the address when it cannot be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise PermanentError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
    log.info("listening", extra={"host": host, "port": listener.getsockname()[1]})
    return listener


def serve(options: ApiOptions, listener: socket.socket, stop: threading.Event) -> None:
    """Serve on `listener` until `stop` is set, then close it."""
    settings = options.settings()
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        http=StreamingProtocol,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
    )
    server = _Server(config)
    with closing(open_sources(settings)) as sources, shared_with_home_assistant(sources):
        asyncio.run(_serve_until(stop, server, app.state.hub, listener))


async def _serve_until(stop: threading.Event, server: _Server, hub: Hub, listener: socket.socket) -> None:
    stopping = asyncio.create_task(_stop_when(stop, server, hub))
    try:
        await server.serve(sockets=[listener])
    finally:
        stopping.cancel()


async def _stop_when(stop: threading.Event, server: _Server, hub: Hub) -> None:
    while not stop.is_set():  # noqa: ASYNC110 - the event is of threads; waiting for it would hold one for ever
        await asyncio.sleep(_LOOK_FOR_STOP_S)
    # Streams never end by themselves; close them before the server waits for its connections.
    hub.close()
    server.should_exit = True
