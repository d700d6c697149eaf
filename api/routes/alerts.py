"""Alerts, and the one thing people may do with them here: say that they have seen one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from alerts.links import LinkExpiredError, LinkInvalidError
from alerts.model import AlertState, Via
from api.problems import RefusedError
from api.routes.limits import Limit
from api.schemas import AcknowledgeIn, AcknowledgeOut, AlertOut, AlertsPage, LinkOut, TokenIn
from api.sources import Link, Receipt, Sources
from api.times import iso

AlertId = Annotated[str, Path(max_length=100)]


def alerts_router(sources: Sources) -> APIRouter:
    """Return the routes over `sources`."""
    router = APIRouter(prefix="/api/v1", tags=["alerts"])

    @router.get("/alerts")
    def alerts(
        state: Annotated[
            list[AlertState] | None, Query(max_length=3, description="Only alerts in these states.")
        ] = None,
        limit: Limit = 1000,
    ) -> AlertsPage:
        """Return the newest alerts, newest first."""
        page = sources.page()
        return AlertsPage(**page, alerts=sources.notices.newest(states=[one.value for one in state or ()], limit=limit))

    @router.get("/alerts/{alert_id}")
    def alert(alert_id: AlertId) -> AlertOut:
        """Return one alert."""
        return _known(sources, alert_id)

    @router.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(alert_id: AlertId, body: AcknowledgeIn, request: Request) -> AcknowledgeOut:
        """Record that somebody has seen the alert. Sent again, it changes nothing and answers with the first one."""
        _known(sources, alert_id)
        # Browsers say where a request comes from; programs do not.
        via: Via = "page" if "sec-fetch-site" in request.headers else "api"
        return _out(alert_id, _record(sources, alert_id, body.by, via))

    @router.post("/links/show")
    def show_link(body: TokenIn) -> LinkOut:
        """Return the alert behind an acknowledge link. Changes nothing."""
        link = _link(sources, body.token)
        return LinkOut(alert=_known(sources, link.alert_id), by=link.name)

    @router.post("/links/acknowledge")
    def acknowledge_link(body: TokenIn) -> AcknowledgeOut:
        """Record that the person to whom the link was sent has seen the alert."""
        link = _link(sources, body.token)
        _known(sources, link.alert_id)
        return _out(link.alert_id, _record(sources, link.alert_id, link.contact_id, "link"))

    return router


def _known(sources: Sources, alert_id: str) -> AlertOut:
    alert = sources.notices.find(alert_id)
    if alert is None:
        raise RefusedError(404, "no such alert; /api/v1/alerts lists them")
    return alert


def _link(sources: Sources, token: str) -> Link:
    try:
        return sources.notices.read_link(token, now_ns=sources.clock.now_ns())
    except LinkExpiredError:
        raise RefusedError(410, "this link has expired") from None
    except LinkInvalidError:
        raise RefusedError(404, "this link is not one of ours, or was cut short") from None


def _record(sources: Sources, alert_id: str, by: str, via: Via) -> Receipt:
    return sources.notices.acknowledge(alert_id, by=by, at_ns=sources.clock.now_ns(), via=via)


def _out(alert_id: str, receipt: Receipt) -> AcknowledgeOut:
    return AcknowledgeOut(alert_id=alert_id, order_id=receipt.order_id, by=receipt.by, at=iso(receipt.at_ns))
