"""What has been concluded and what could not be read: events and quarantine."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.counted import THROUGHPUT, all_counted
from api.metrics import quarantine_counts
from api.render import counted_out, event_out, quarantine_out
from api.routes.limits import MOST_ROWS, FromText, Limit, ToText, span
from api.schemas import EventsPage, QuarantinePage
from api.sources import Sources
from devices.model import SECOND_NS

# An event may lie a little ahead of now: devices' clocks are trusted within minutes.
_AHEAD_NS = 3600 * SECOND_NS


def records_router(sources: Sources) -> APIRouter:
    """Return the routes over `sources`."""
    router = APIRouter(prefix="/api/v1", tags=["records"])

    @router.get("/events")
    def events(
        from_text: FromText = "",
        to_text: ToText = "",
        subject: Annotated[str, Query(max_length=100, description="Only this device, gateway or home.")] = "",
        limit: Limit = 1000,
    ) -> EventsPage:
        """Return events by the time at which they happened, newest first."""
        page = sources.page()
        now_ns = sources.now().now_ns
        from_ns, to_ns = span(from_text, to_text, now_ns=now_ns)
        if not to_text:
            to_ns = now_ns + _AHEAD_NS
        rows = sources.journal.events(since_ns=from_ns, until_ns=to_ns, limit=MOST_ROWS if subject else limit)
        chosen = [row for row in rows if subject in ("", row.event.subject)][:limit]
        return EventsPage(**page, events=[event_out(row, sources.town) for row in chosen])

    @router.get("/quarantine")
    def quarantine(
        limit: Annotated[int, Query(ge=1, le=1000, description="Most rows of the answer.")] = 100,
    ) -> QuarantinePage:
        """Return how much input could not become a reading, by reason, and the newest of it."""
        page = sources.page()
        counts = quarantine_counts(sources.journal.counters())
        rows = sources.journal.quarantine(limit=limit)
        counted = [counted_out(one) for one in all_counted(sources) if one.value and one.name not in THROUGHPUT]
        return QuarantinePage(**page, counts=counts, rows=[quarantine_out(row) for row in rows], counted=counted)

    return router
