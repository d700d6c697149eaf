"""Series, newest values and history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.problems import RefusedError
from api.render import latest_out, observation_out, point_out, series_out, unit_of
from api.routes.limits import MOST_POINTS, FromText, Limit, Offset, ToText, span, window
from api.schemas import LatestPage, ObservationsPage, SeriesPage
from api.sources import Sources
from api.times import iso
from devices.quantities import QUANTITIES
from ingest.journal_read import ObservationRow
from ingest.store_model import HistoryQuery

Points = Annotated[
    str, Query(max_length=4, pattern=r"^[0-9]*$", description=f"Buckets of min, max and mean, 1 to {MOST_POINTS}.")
]


def series_router(sources: Sources) -> APIRouter:
    """Return the routes over `sources`."""
    router = APIRouter(prefix="/api/v1", tags=["values"])

    @router.get("/series")
    def series(limit: Limit = 1000, offset: Offset = 0) -> SeriesPage:
        """Return every series of which something is stored."""
        page = sources.page()
        rows = window(sources.journal.series(), limit, offset)
        return SeriesPage(**page, series=[series_out(row, sources.town) for row in rows])

    @router.get("/latest")
    def latest(
        device_id: Annotated[str, Query(max_length=100, description="Only this device.")] = "",
        limit: Limit = 1000,
        offset: Offset = 0,
    ) -> LatestPage:
        """Return the newest reading of every series, with its flag and times: judge its age before you show it."""
        page = sources.page()
        rows = [row for row in sources.journal.latest() if device_id in ("", row.device_id)]
        return LatestPage(**page, latest=[latest_out(row) for row in window(rows, limit, offset)])

    @router.get("/series/{device_id}/{quantity}/observations")
    def observations(
        device_id: str,
        quantity: str,
        from_text: FromText = "",
        to_text: ToText = "",
        points: Points = "",
        limit: Limit = 1000,
    ) -> ObservationsPage:
        """Return stored values, oldest first; with `points` at most that many buckets of good values in their place.

        A page that is full gives `next_from`; its rows may begin with the last ones of this page.
        """
        _check_series(sources, device_id, quantity)
        page = sources.page()
        from_ns, to_ns = span(from_text, to_text, now_ns=sources.now().now_ns)
        head = {"device_id": device_id, "quantity": quantity, "unit": unit_of(quantity)}
        times = {"from_at": iso(from_ns), "to_at": iso(to_ns)}
        if points:
            buckets = sources.history(
                HistoryQuery(
                    device_id=device_id, quantity=quantity, from_ns=from_ns, to_ns=to_ns, points=_count(points)
                )
            )
            return ObservationsPage(**page, **head, **times, points=[point_out(row) for row in buckets])
        rows = sources.journal.observations(device_id, quantity, from_ns=from_ns, to_ns=to_ns, limit=limit)
        next_from = _next_from(rows) if len(rows) == limit else None
        found = [observation_out(row) for row in rows]
        return ObservationsPage(**page, **head, **times, observations=found, next_from=next_from)

    return router


def _check_series(sources: Sources, device_id: str, quantity: str) -> None:
    town = sources.town
    is_listed = device_id in town.devices or device_id in town.gateways
    if is_listed and quantity in QUANTITIES:
        return
    if not any((row.device_id, row.quantity) == (device_id, quantity) for row in sources.journal.series()):
        raise RefusedError(404, "no such series; /api/v1/series lists them")


def _count(points: str) -> int:
    count = int(points)
    if not 1 <= count <= MOST_POINTS:
        raise RefusedError(422, f"`points` must be 1 to {MOST_POINTS}, not {count}")
    return count


def _next_from(rows: list[ObservationRow]) -> str:
    # Rows that share the last time may be cut in two, so the next page begins with that time again.
    last_ns = rows[-1].observed_ns
    return iso(last_ns if rows[0].observed_ns < last_ns else last_ns + 1)
