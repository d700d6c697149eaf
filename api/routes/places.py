"""Stations, devices and the town itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from api.cards import device_out, gateways_out, station_out, town_state
from api.routes.limits import Limit, Offset, window
from api.schemas import DevicesPage, StationsPage, TownOut
from api.sources import Sources
from api.times import iso
from devices.site import Domain


def places_router(sources: Sources) -> APIRouter:
    """Return the routes over `sources`."""
    router = APIRouter(prefix="/api/v1", tags=["places"])
    site = sources.town.site

    @router.get("/town")
    def town() -> TownOut:
        """Return the town's name, its clock and the texts of the page's head."""
        at = sources.now()
        return TownOut(
            name=site.town.name,
            timezone=site.town.timezone,
            office_phone=site.town.office_phone,
            now_at=iso(at.now_ns),
            clock_speed=at.speed,
            notice=sources.settings.notice,
        )

    @router.get("/stations")
    def stations(
        domain: Annotated[Domain | None, Query(description="Only stations of this domain.")] = None,
        limit: Limit = 1000,
        offset: Offset = 0,
    ) -> StationsPage:
        """Return every station with its state and newest values. Watched homes give a word, no values."""
        page = sources.page()
        alerts = sources.open_alerts()
        picture = sources.picture(sources.journal.latest(), alerts)
        cards = [station_out(picture, station) for station in site.station]
        chosen = [card for card in cards if domain in (None, card.domain)]
        return StationsPage(**page, state=town_state(cards, alerts), stations=window(chosen, limit, offset))

    @router.get("/devices")
    def devices(limit: Limit = 1000, offset: Offset = 0) -> DevicesPage:
        """Return every device and gateway with its state."""
        page = sources.page()
        picture = sources.picture(sources.journal.latest(), sources.open_alerts())
        found = [device_out(picture, device) for device in site.device] + gateways_out(picture)
        return DevicesPage(**page, devices=window(found, limit, offset))

    return router
