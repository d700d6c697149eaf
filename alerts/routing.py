"""Whom to tell of what, by what: one table of routes from the Site. Pure.

All routes that match apply; a person is told once by each channel however many routes name them. A contact without an
address for a channel is left out there (`alerts.check` makes sure that each has at least one).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from alerts.model import AddressField, Alert, Lane, Telling
from devices.model import Severity
from devices.site import Contact, Route, Site

INGEST_SILENT = "ingest-silent"
"""Rule id of the alert about ingest itself; made by the watchdog, not by a rule of the site."""

AddressFields = Mapping[str, AddressField]
"""By channel name, which field of a contact holds the address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipient:
    """One contact and channel, and the route that chose them."""

    route_id: str
    contact: Contact
    channel: str

    @property
    def lane(self) -> Lane:
        """The queue this recipient's messages wait in."""
        return Lane(channel=self.channel, contact_id=self.contact.id)


def recipients(alert: Alert, site: Site, fields: AddressFields, *, telling: Telling) -> list[Recipient]:
    """Return who is told of this step, in the order of the routes.

    That something ended is told by routes with `tell_cleared` only; a correction goes by all routes. When nobody
    would hear that ingest is silent, everybody on any route does: nothing else can be told any more.
    """
    matching = [route for route in site.route if matches(route, alert)]
    found = _unique(_expand(matching, site, fields, telling=telling))
    if not found and alert.rule_id == INGEST_SILENT:
        found = _unique(_expand(site.route, site, fields, telling=telling))
    return found


def only_told(found: list[Recipient], told: Collection[Lane]) -> list[Recipient]:
    """Return the recipients who have been told that it began."""
    return [recipient for recipient in found if recipient.lane in told]


def matches(route: Route, alert: Alert) -> bool:
    """Tell whether every given field of the route fits the alert."""
    return (
        (not route.domain or alert.domain in route.domain)
        and (not route.station or alert.station_id in route.station)
        and (not route.rule or alert.rule_id in route.rule)
        and alert.severity >= Severity.from_key(route.severity_min)
    )


def address_of(contact: Contact, field: AddressField) -> str:
    """Return the contact's address in `field`, "" when there is none."""
    return contact.email if field == "email" else contact.webhook_url


def _expand(routes: Collection[Route], site: Site, fields: AddressFields, *, telling: Telling) -> list[Recipient]:
    contacts = {contact.id: contact for contact in site.contact}
    return [
        Recipient(route_id=route.id, contact=contacts[contact_id], channel=channel)
        for route in routes
        if route.tell_cleared or telling is not Telling.CLEARED
        for contact_id in route.contacts
        for channel in route.channels
        if contact_id in contacts and channel in fields and address_of(contacts[contact_id], fields[channel])
    ]


def _unique(found: list[Recipient]) -> list[Recipient]:
    by_lane: dict[Lane, Recipient] = {}
    for recipient in found:
        by_lane.setdefault(recipient.lane, recipient)
    return list(by_lane.values())
