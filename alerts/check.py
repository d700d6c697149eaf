"""Looks at what the Site says about telling: channels and their parameters, routes, addresses. Finds all at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import ValidationError

from alerts.channels_found import load_channels
from alerts.model import ChannelSpec
from alerts.routing import address_of
from devices.site import Contact, Problem, Route, Site

Channels = Mapping[str, ChannelSpec]


def check_channels(site: Site) -> tuple[Problem, ...]:
    """Return every problem of `[channel]`, `[[route]]` and the addresses of `[[contact]]`. A SiteCheck."""
    channels = load_channels()
    return (
        *_zone(site),
        *_parameters(site, channels),
        *_addresses(site, channels),
        *_routes(site, channels),
    )


def _zone(site: Site) -> Iterator[Problem]:
    try:
        ZoneInfo(site.town.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem(key="town.timezone", message=f"time zone {site.town.timezone!r} does not exist")


def _parameters(site: Site, channels: Channels) -> Iterator[Problem]:
    for name, params in site.channel.items():
        if name not in channels:
            yield Problem(key=f"channel.{name}", message=f"channel {name!r} is unknown; there are {_names(channels)}")
            continue
        yield from _wrong_parameters(channels[name], params)


def _wrong_parameters(spec: ChannelSpec, params: Mapping[str, object]) -> Iterator[Problem]:
    try:
        spec.params.model_validate(params)
    except ValidationError as error:
        for wrong in error.errors(include_url=False, include_input=False):
            path = ".".join(str(part) for part in wrong["loc"])
            yield Problem(key=f"channel.{spec.name}.{path}".rstrip("."), message=wrong["msg"])


def _addresses(site: Site, channels: Channels) -> Iterator[Problem]:
    for place, contact in enumerate(site.contact):
        for spec in channels.values():
            address = address_of(contact, spec.address_field)
            wrong = spec.check_address(address) if address else ""
            if wrong:
                # the address itself stays out of the text: it may be a person's, or hold a secret
                yield Problem(key=f"contact[{place}].{spec.address_field}", message=f"of {contact.id} {wrong}")


def _routes(site: Site, channels: Channels) -> Iterator[Problem]:
    contacts = {contact.id: contact for contact in site.contact}
    for place, route in enumerate(site.route):
        for name in route.channels:
            yield from _wrong_channel(f"route[{place}].channels", name, site, channels)
        for contact_id in route.contacts:
            if contact_id in contacts and not _is_reachable(contacts[contact_id], route, channels):
                message = f"contact {contact_id!r} has no address for any of {', '.join(route.channels)}"
                yield Problem(key=f"route[{place}].contacts", message=message)


def _wrong_channel(key: str, name: str, site: Site, channels: Channels) -> Iterator[Problem]:
    if name not in channels:
        yield Problem(key=key, message=f"channel {name!r} is unknown; there are {_names(channels)}")
    elif name not in site.channel:
        try:
            channels[name].params.model_validate({})
        except ValidationError:
            yield Problem(key=key, message=f"channel {name!r} needs its parameters in [channel.{name}]")


def _is_reachable(contact: Contact, route: Route, channels: Channels) -> bool:
    return any(name in channels and address_of(contact, channels[name].address_field) for name in route.channels)


def _names(channels: Channels) -> str:
    return ", ".join(sorted(channels))
