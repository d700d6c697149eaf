"""What a text may say about an alert: its kind of text and its typed fields. Pure.

A watched person's alert gives nothing but the case number; nothing else can then slip into a text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from alerts.model import Alert
from alerts.parents import NOTE, Parents
from alerts.routing import INGEST_SILENT
from devices.model import SECOND_NS
from devices.quantities import QUANTITIES, base_key
from devices.site import Domain, Language, Site

TextKind = Literal[
    "snow_depth", "threshold", "trap_sprung", "contact", "device_silent", "watch_check", "watch_device",
    "device_fault", "battery_outlook", "trap_check", "trap_moved", "ingest_silent", "plain",
]  # fmt: skip
TEXT_KINDS: tuple[TextKind, ...] = get_args(TextKind)
LANGUAGES: tuple[Language, ...] = get_args(Language)

DEFAULT_RULES: Mapping[str, str] = {
    "device-silent": "silent", "device-fault": "device_fault", "trap-check": "trap_check",
    "battery-outlook": "battery_outlook", "battery-soon": "battery_outlook",
}  # fmt: skip
"""Kind by rule id of the rules that ingest adds to a site that names none of the kind."""

_OF_DEVICES = frozenset({"silent", "device_fault", "battery_outlook"})
_LATE_KINDS: frozenset[TextKind] = frozenset({"trap_sprung", "trap_check", "trap_moved", "contact"})
_MOST_AREAS = 3
_UNIT_TEXTS: Mapping[str, str] = {"Cel": "℃", "1": "", "dB[mW]": "dBm", "By": "B"}
_MONTHS_EN = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an alert belongs: station (id "" when none), domain, and the name of the thing it is about."""

    station_id: str
    station_name: str
    domain: Domain
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """What is told of an alert: when it was so and the value then. `is_late`: told later than what counts as news."""

    alert: Alert
    observed_ns: int
    value: float
    limit: float
    is_late: bool = False


class SiteIndex:
    """The Site, looked up by id. Built once; holds no state."""

    def __init__(self, site: Site) -> None:
        """Index the site. Raises zoneinfo.ZoneInfoNotFoundError for a time zone that does not exist."""
        self.site = site
        self.zone = ZoneInfo(site.town.timezone)
        self._stations = site.stations_by_id()
        self._devices = site.devices_by_id()
        self._homes = {home.id: home for home in site.home}
        self._gateways = {gateway.id: gateway for gateway in site.gateway}
        self._kinds = {**DEFAULT_RULES, INGEST_SILENT: "ingest_silent"}
        self._kinds |= {rule.id: rule.kind for rule in site.rule}
        self.parents = Parents(site)

    def rule_kind(self, rule_id: str) -> str:
        """Return the plugin name of a rule, "" for a rule that is no longer in the site."""
        return self._kinds.get(rule_id, "")

    def rules_of_kind(self, kind: str) -> tuple[str, ...]:
        """Return the ids of all rules of a kind."""
        return tuple(rule_id for rule_id, its_kind in self._kinds.items() if its_kind == kind)

    def place(self, *, subject: str, device_id: str) -> Place:
        """Return where a device, home or gateway belongs; what the site does not know belongs to the system."""
        if (home := self._homes.get(subject)) is not None:
            return self._at(home.station, "watch", name=home.id)
        if (device := self._devices.get(device_id) or self._devices.get(subject)) is not None:
            return self._at(device.station, "system", name=device.name)
        if (gateway := self._gateways.get(device_id) or self._gateways.get(subject)) is not None:
            name = self._stations[gateway.station].name if gateway.station in self._stations else ""
            return Place(station_id=gateway.station, station_name=name, domain="system", name=gateway.name)
        return Place(station_id="", station_name="", domain="system", name=subject)

    def year_of(self, town_ns: int) -> int:
        """Return the calendar year in the town."""
        return self.local(town_ns).year

    def local(self, town_ns: int) -> datetime:
        """Return the town's wall time."""
        return datetime.fromtimestamp(town_ns // SECOND_NS, self.zone)

    def _at(self, station_id: str, otherwise: Domain, *, name: str) -> Place:
        station = self._stations.get(station_id)
        if station is None:
            return Place(station_id=station_id, station_name="", domain=otherwise, name=name)
        domain = "watch" if otherwise == "watch" else station.domain
        return Place(station_id=station_id, station_name=station.name, domain=domain, name=name)


def text_kind(alert: Alert, rule_kind: str) -> TextKind:
    """Return which text fits an alert; `plain` when none says something certain."""
    if alert.domain == "watch" or rule_kind == "no_motion":
        return "watch_device" if rule_kind in _OF_DEVICES else "watch_check"
    match rule_kind:
        case "ingest_silent":
            return "ingest_silent"
        case "silent":
            return "device_silent"
        case "trap_carried":
            return "trap_moved"
        case "device_fault" | "battery_outlook" | "trap_check" | "trap_moved":
            return rule_kind
        case "contact_event":
            return "trap_sprung" if alert.domain == "wildlife" else "contact"
        case "threshold":
            return "snow_depth" if alert.quantity == "snow_depth" else "threshold"
    return "plain"


def fields(occasion: Occasion, index: SiteIndex, kind: TextKind, language: Language) -> dict[str, str]:
    """Return the fields a text of `kind` may use. A number that is NaN is left out, so that its text fails closed."""
    alert = occasion.alert
    found = {
        "case_no": alert.case_no,
        "town": _plain(index.site.town.name),
        "office_phone": _plain(index.site.town.office_phone),
    }
    if kind in ("plain", "watch_check", "watch_device"):
        return found
    local = index.local(occasion.observed_ns)
    found |= {"at": short_time(local, language), "at_long": long_time(local, language)}
    if kind == "ingest_silent":
        return found
    place = index.place(subject=alert.subject, device_id=alert.device_id)
    name = _plain(place.name) + _channel(alert, kind, language)
    found |= {"place": _plain(place.station_name), "name": name}
    if kind == "device_silent":
        return found | _ties(alert, index, language)
    return found | _numbers(occasion, kind, language)


def short_time(local: datetime, language: Language) -> str:
    """Return day and time for short texts: `1/5 6:10`, in English `5 Jan 06:10`."""
    if language == "en":
        return f"{local.day} {_MONTHS_EN[local.month - 1]} {local:%H:%M}"
    return f"{local.month}/{local.day} {local.hour}:{local:%M}"


def long_time(local: datetime, language: Language) -> str:
    """Return date and time for long texts: `2026年1月5日 6時10分`, in English `5 Jan 2026 06:10`."""
    match language:
        case "en":
            return f"{local.day} {_MONTHS_EN[local.month - 1]} {local:%Y %H:%M}"
        case "ja_easy":
            return f"{local.month}月{local.day}日 {local.hour}:{local:%M}"
        case "ja":
            return f"{local.year}年{local.month}月{local.day}日 {local.hour}時{local.minute}分"


def number_text(value: float, quantity: str, language: Language) -> str:
    """Return a value in its quantity's unit with as many decimals as the quantity resolves, `23.5℃`."""
    known = QUANTITIES.get(quantity)
    if known is None:
        return f"{value:g}"
    decimals = max(0, -math.floor(math.log10(known.resolution) + 1e-9)) if known.resolution < 1 else 0
    number = f"{value:.{decimals}f}"
    if "." in number:
        number = number.rstrip("0").rstrip(".")
    unit = _UNIT_TEXTS.get(known.unit, known.unit)
    return f"{number} {unit.replace('℃', '°C')}".rstrip() if language == "en" else f"{number}{unit}"


def _numbers(occasion: Occasion, kind: TextKind, language: Language) -> dict[str, str]:
    if kind == "device_fault":
        return _fault(alert=occasion.alert, value=occasion.alert.value)
    if kind == "battery_outlook":
        return {} if math.isnan(occasion.value) else {"value": f"{max(occasion.value, 0.0):.0f}"}
    if kind in _LATE_KINDS:
        return {"late_note": "late" if occasion.is_late else ""}
    if kind not in ("snow_depth", "threshold") or math.isnan(occasion.value) or math.isnan(occasion.limit):
        return {}
    if kind == "snow_depth":
        return {"value": f"{occasion.value * 100:.0f}", "limit": f"{occasion.limit * 100:.0f}"}
    quantity = occasion.alert.quantity
    return {
        "title": _title(quantity, language),
        "value": number_text(occasion.value, quantity, language),
        "limit": number_text(occasion.limit, quantity, language),
    }


def _ties(alert: Alert, index: SiteIndex, language: Language) -> dict[str, str]:
    """Return how many devices lie behind what is silent, where (no watched home is named), and its silent parent."""
    behind = index.parents.behind(alert.subject)
    places = [index.place(subject=device.id, device_id=device.id) for device in behind]
    names = list(dict.fromkeys(_plain(place.station_name) for place in places if place.domain != "watch"))
    shown, rest = names[:_MOST_AREAS], len(names) > _MOST_AREAS or any(place.domain == "watch" for place in places)
    more = {"ja": "ほか", "ja_easy": "ほか", "en": "others"}[language]
    parent_id = alert.note.removeprefix(NOTE) if alert.note.startswith(NOTE) else ""
    return {
        "behind": str(len(behind)) if behind else "",
        "area": (", " if language == "en" else "、").join([*filter(None, shown), *([more] if rest else [])]),
        "parent": _plain(index.place(subject=parent_id, device_id=parent_id).name) if parent_id else "",
    }


def _fault(alert: Alert, value: float) -> dict[str, str]:
    """Return what is wrong, as a key that the text chooses its words by, and the device's own number."""
    if math.isnan(value):
        return {}
    quantity = base_key(alert.quantity)
    if quantity == "battery_low":
        return {"cause": "battery", "code": ""}
    labels = QUANTITIES["line_fault"].labels
    is_line = quantity == "line_fault" and 0 < value < len(labels)
    return {"cause": labels[int(value)] if is_line else "device", "code": f"{value:.0f}"}


def _channel(alert: Alert, kind: TextKind, language: Language) -> str:
    """Return which channel of a device fell silent, "" when it is the whole device."""
    if kind != "device_silent" or "/" not in alert.subject:
        return ""
    title = _title(alert.quantity or alert.subject.rpartition("/")[2], language)
    return f" ({title})" if language == "en" else f"（{title}）"


def _title(quantity: str, language: Language) -> str:
    known = QUANTITIES.get(quantity)
    if known is None:
        return quantity
    return known.title_en if language == "en" else known.title_ja


def _plain(name: str) -> str:
    """Return the name on one line, without control characters: it goes into a mail's subject."""
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())
