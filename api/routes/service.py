"""The server about itself: health for people and monitors, a sign of life, figures."""

from __future__ import annotations

import time

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from api.guard import is_loopback
from api.problems import RefusedError
from api.schemas import HealthOut, LiveOut
from api.sources import Sources
from api.stream import Hub
from devices.model import TransientError
from ingest.journal_read import LatestRow

LIVE_WITHIN_S = 10.0


def service_router(sources: Sources, hub: Hub, registry: CollectorRegistry) -> APIRouter:
    """Return the routes over `sources` and `hub`."""
    router = APIRouter(tags=["service"])

    @router.get("/health", responses={503: {"model": HealthOut, "description": "A part is unknown or at fault."}})
    def health(response: Response) -> HealthOut:
        """Return each part of the system: its state, since when, and what to do."""
        answer = sources.health(_latest(sources))
        if answer.status in {"unknown", "fault"}:
            response.status_code = 503
        return answer

    @router.get("/livez", responses={503: {"model": LiveOut, "description": "The loop stands still."}})
    async def livez(response: Response) -> LiveOut:
        """Return whether this process turns its loop; asks no store and no other service."""
        age_s = time.monotonic() - hub.last_turn_s
        if age_s > LIVE_WITHIN_S:
            response.status_code = 503
        return LiveOut(is_alive=age_s <= LIVE_WITHIN_S, loop_age_s=round(age_s, 3))

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics(request: Request) -> Response:
        """Return figures in the Prometheus text format, on this machine only."""
        if request.client is None or not is_loopback(request.client.host):
            raise RefusedError(403, "figures are given on this machine only")
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


def _latest(sources: Sources) -> list[LatestRow]:
    # Health must answer even when the journal cannot be read; the part for ingest then says so.
    try:
        return sources.journal.latest()
    except TransientError:
        return []
