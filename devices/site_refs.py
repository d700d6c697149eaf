"""Whether what a Site names exists (stations, devices, contacts, models, networks, quantities), and no id twice."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devices.fitting import catalog_of, fit_device
from devices.model import DeviceSpec, SatomoriError
from devices.offer import offer
from devices.quantities import QUANTITIES
from devices.registry import load_catalog
from devices.site import Device, Problem, Rule, Site
from devices.site_sources import check_sources

_DEV_EUI = re.compile(r"[0-9A-Fa-f]{16}")
_ENOCEAN_ID = re.compile(r"[0-9A-Fa-f]{8}(?:[0-9A-Fa-f]{4})?")
_ALWAYS_ON = frozenset(
    {"device-silent", "ingest-silent", "device-fault", "battery-outlook", "battery-soon", "trap-check"}
)
_DIRECT_MODEL = "senml"


def check_references(site: Site) -> list[Problem]:
    """Return every reference of `site` that leads nowhere and every id or address that stands twice."""
    looks = (_time_zone, _keep, _repeats, _devices, _gateways, check_sources, _homes, _rules, _routes)
    return [problem for look in looks for problem in look(site)]


def _time_zone(site: Site) -> Iterator[Problem]:
    try:
        ZoneInfo(site.town.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Problem(key="town.timezone", message=f"time zone {site.town.timezone!r} is not known")


def _keep(site: Site) -> Iterator[Problem]:
    raw_days, points_days = site.ingest.keep_raw_days, site.ingest.keep_points_days
    if points_days < raw_days:
        message = f"{points_days} days are fewer than keep_raw_days = {raw_days}; hours are kept for at least as long"
        yield Problem(key="ingest.keep_points_days", message=message)


def _repeats(site: Site) -> Iterator[Problem]:
    groups: tuple[tuple[str, Sequence[str]], ...] = (
        ("station", [s.id for s in site.station]),
        ("device", [d.id for d in site.device]),
        ("gateway", [g.id for g in site.gateway]),
        ("home", [h.id for h in site.home]),
        ("contact", [c.id for c in site.contact]),
        ("rule", [r.id for r in site.rule]),
        ("route", [r.id for r in site.route]),
    )
    for table, ids in groups:
        yield from _twice(ids, table=table, key="id")
    yield from _twice([d.address.lower() for d in site.device], table="device", key="address")
    devices = {d.id for d in site.device}
    gateways = {g.id for g in site.gateway}
    # events name their subject by id alone
    for index, gateway in enumerate(site.gateway):
        if gateway.id in devices:
            yield Problem(key=f"gateway[{index}].id", message=f"{gateway.id!r} is also the id of a device")
    for index, home in enumerate(site.home):
        if home.id in devices or home.id in gateways:
            yield Problem(key=f"home[{index}].id", message=f"{home.id!r} is also the id of a device or gateway")


def _twice(names: Sequence[str], *, table: str, key: str) -> Iterator[Problem]:
    counts = Counter(name for name in names if name)
    seen: set[str] = set()
    for index, name in enumerate(names):
        if counts[name] > 1 and name in seen:
            yield Problem(key=f"{table}[{index}].{key}", message=f"{name!r} stands twice; it must be unique")
        seen.add(name)


def _unknown(name: str, known: Collection[str], *, what: str, key: str) -> Iterator[Problem]:
    if name and name not in known:
        yield Problem(key=key, message=f"{what} {name!r} does not exist; {offer(name, known)}")


def _each(names: Iterable[str], known: Collection[str], *, what: str, key: str) -> Iterator[Problem]:
    for name in names:
        yield from _unknown(name, known, what=what, key=key)


def _catalog(site: Site) -> tuple[Mapping[str, DeviceSpec], str]:
    """Return the catalogue with the site's codecs; when these cannot be loaded, without them, and why."""
    try:
        return catalog_of(site), ""
    except SatomoriError as error:
        return load_catalog(), str(error)


def _devices(site: Site) -> Iterator[Problem]:
    stations, devices = site.stations_by_id(), site.devices_by_id()
    parents = {*devices, *(gateway.id for gateway in site.gateway)}
    catalog, trouble = _catalog(site)
    if trouble:
        yield Problem(key="codecs.folder", message=trouble)
    for index, device in enumerate(site.device):
        at = f"device[{index}]"
        yield from _unknown(device.model, catalog, what="model", key=f"{at}.model")
        yield from _unknown(device.station, stations, what="station", key=f"{at}.station")
        yield from _unknown(device.temperature_from, devices, what="device", key=f"{at}.temperature_from")
        yield from _each(device.quantities, QUANTITIES, what="quantity", key=f"{at}.quantities")
        source = devices.get(device.temperature_from)
        thermometer = catalog.get(source.model) if source is not None else None
        if thermometer is not None and "air_temperature" not in thermometer.quantities:
            message = f"device {device.temperature_from!r} gives no air_temperature"
            yield Problem(key=f"{at}.temperature_from", message=message)
        yield from _unknown(device.parent, parents, what="gateway or device", key=f"{at}.parent")
        if _is_own_ancestor(device, devices):
            yield Problem(key=f"{at}.parent", message=f"{device.id!r} is its own parent, or its parent's parent")
        spec = catalog.get(device.model)
        if spec is not None:
            yield from _address(device, spec, key=f"{at}.address")
            yield from _options(device, spec, key=f"{at}.options")


def _is_own_ancestor(device: Device, devices: Mapping[str, Device]) -> bool:
    seen: set[str] = set()
    above = device.parent
    while above in devices and above not in seen:
        seen.add(above)
        above = devices[above].parent
    return device.id in seen


def _options(device: Device, spec: DeviceSpec, *, key: str) -> Iterator[Problem]:
    try:
        fit_device(spec, device)
    except SatomoriError as error:
        yield Problem(key=key, message=str(error))


def _address(device: Device, spec: DeviceSpec, *, key: str) -> Iterator[Problem]:
    if spec.transport == "lorawan" and not _DEV_EUI.fullmatch(device.address):
        message = f"a LoRaWAN device needs its DevEUI, 16 hexadecimal digits (got {device.address!r})"
        yield Problem(key=key, message=message)
    if spec.transport == "enocean" and not _ENOCEAN_ID.fullmatch(device.address):
        message = f"an EnOcean device needs its sender id, 8 or 12 hexadecimal digits (got {device.address!r})"
        yield Problem(key=key, message=message)
    if spec.transport == "mqtt" and spec.model != _DIRECT_MODEL and not device.address:
        yield Problem(key=key, message="a device behind an MQTT bridge needs its name there as address")
    if spec.transport == "http" and not device.address:
        yield Problem(key=key, message="a device behind a network of its maker needs its number there as address")


def _gateways(site: Site) -> Iterator[Problem]:
    stations = site.stations_by_id()
    for index, gateway in enumerate(site.gateway):
        yield from _unknown(gateway.station, stations, what="station", key=f"gateway[{index}].station")


def _homes(site: Site) -> Iterator[Problem]:
    stations, devices = site.stations_by_id(), site.devices_by_id()
    owner: dict[str, str] = {}
    for index, home in enumerate(site.home):
        at = f"home[{index}]"
        yield from _unknown(home.station, stations, what="station", key=f"{at}.station")
        yield from _each(home.devices, devices, what="device", key=f"{at}.devices")
        station = stations.get(home.station)
        if station is not None and station.domain != "watch":
            yield Problem(key=f"{at}.station", message=f"station {home.station!r} is of {station.domain}, not watch")
        for name in home.devices:
            if name in owner:
                yield Problem(key=f"{at}.devices", message=f"device {name!r} stands in home {owner[name]!r} already")
            owner[name] = home.id
            place = stations.get(devices[name].station) if name in devices else None
            if place is not None and place.domain != "watch":
                message = f"device {name!r} is at station {place.id!r} of {place.domain}, not watch"
                yield Problem(key=f"{at}.devices", message=message)


def _rules(site: Site) -> Iterator[Problem]:
    subjects = {*site.devices_by_id(), *(gateway.id for gateway in site.gateway)}
    homes = {home.id for home in site.home}
    for index, rule in enumerate(site.rule):
        at = f"rule[{index}]"
        yield from _each(rule.station, site.stations_by_id(), what="station", key=f"{at}.station")
        yield from _each(rule.device, subjects, what="device", key=f"{at}.device")
        yield from _each(rule.home, homes, what="home", key=f"{at}.home")
        yield from _unknown(rule.quantity, QUANTITIES, what="quantity", key=f"{at}.quantity")
    for index, check in enumerate(site.check):
        yield from _each(check.quantity, QUANTITIES, what="quantity", key=f"check[{index}].quantity")
        yield from _each(check.device, subjects, what="device", key=f"check[{index}].device")


def _routes(site: Site) -> Iterator[Problem]:
    contacts, rules = {contact.id for contact in site.contact}, _rule_ids(site.rule)
    for index, route in enumerate(site.route):
        at = f"route[{index}]"
        yield from _each(route.contacts, contacts, what="contact", key=f"{at}.contacts")
        yield from _each(route.station, site.stations_by_id(), what="station", key=f"{at}.station")
        yield from _each(route.rule, rules, what="rule", key=f"{at}.rule")


def _rule_ids(rules: Sequence[Rule]) -> set[str]:
    """Rules that stand in the file, and those that always run: nobody may forget silence or faults."""
    return {rule.id for rule in rules} | _ALWAYS_ON
