"""uvicorn's HTTP/1.1, which hands the connection itself to the live stream as an ASGI extension.

Without the extension (another server, a test client, HTTP/1.0) the stream uses `send`, which costs each client a turn
of its task and of h11's state machine for every message.
"""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

CONNECTION = "satomori.connection"


class StreamingProtocol(H11Protocol):
    """One connection; adds `scope["extensions"]["satomori.connection"]`, an asyncio.Transport."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        app: ASGIApp = self.app

        async def with_connection(scope: Scope, receive: Receive, send: Send) -> None:
            scope["extensions"] = {**(scope.get("extensions") or {}), CONNECTION: self.transport}
            await app(scope, receive, send)

        self.app = with_connection
