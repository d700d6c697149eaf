"""The application: one call wires stores, live stream, routes and pages together. Nothing is global.

There are no logins yet: whoever reaches the port sees everything the JSON API gives, raw series of watched homes
included. It therefore listens on loopback by default; the start page itself shows watched homes as one word only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.routing import Route

from api.feed import Feed
from api.guard import Guard, HostNames, known_names
from api.history import open_history
from api.metrics import open_registry
from api.notices import open_notices
from api.problems import PROBLEM_TYPE, install_problem_handlers
from api.routes.alerts import alerts_router
from api.routes.pages import WEB, pages_router
from api.routes.places import places_router
from api.routes.records import records_router
from api.routes.series import series_router
from api.routes.service import service_router
from api.sources import ApiSettings, Sources
from api.stream import Hub, StreamEndpoint
from api.town import open_town
from devices.fitting import fit_devices
from devices.wake import API_WAKE, Listener
from ingest.journal_read import JournalReader

_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {"description": "What is wrong, in a sentence.", "content": {PROBLEM_TYPE: {"schema": _PROBLEM_SCHEMA}}}
}
_DESCRIPTION = """Readings, events and alerts of a town's snow, wildlife and watch services.

Times end in `_at` and are ISO 8601 UTC with nine digits; NaN is null; units are UCUM. Every list carries `now_at` (the
town's clock) and `cursor`, the place from which `GET /api/v1/stream?after=…` goes on: server-sent events of the types
`reading`, `event`, `alert`, `health`; a dropped connection resumes by `Last-Event-ID`.
"""


def open_sources(settings: ApiSettings) -> Sources:
    """Return readers of the town's files; the files may come later."""
    town = open_town(settings.site, fit_devices(settings.site))
    journal = JournalReader(settings.data_dir / "journal.db")
    return Sources(
        settings=settings,
        town=town,
        journal=journal,
        history=open_history(settings.site, journal),
        notices=open_notices(town, settings.data_dir),
    )


def create_app(settings: ApiSettings, *, sources: Sources | None = None) -> FastAPI:
    """Return the application for `settings`; `sources` replaces the town's files (tests)."""
    stands_on = sources or open_sources(settings)
    hub = Hub(Feed(stands_on, time.monotonic))
    app = FastAPI(
        title="Satomori",
        version="1",
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan_of(hub, stands_on),
        responses=_PROBLEM,
    )
    app.state.hub = hub
    install_problem_handlers(app)
    site = settings.site
    hosts = HostNames(known=known_names(site.alerting.base_url, *settings.hosts))
    app.add_middleware(Guard, hosts=hosts)
    for router in (places_router, series_router, records_router, alerts_router):
        app.include_router(router(stands_on))
    app.include_router(service_router(stands_on, hub, open_registry(stands_on, hub)))
    app.include_router(pages_router(has_docs=settings.has_docs))
    app.router.routes.append(Route("/api/v1/stream", StreamEndpoint(hub), include_in_schema=False))
    app.mount("/web", StaticFiles(directory=WEB), name="web")
    return app


def _lifespan_of(hub: Hub, sources: Sources) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        wake = Listener(sources.settings.data_dir / API_WAKE)
        polling = asyncio.create_task(hub.run(wake))
        yield
        hub.close()
        await polling
        wake.close()
        hub.shut_down()
        sources.close()

    return lifespan
