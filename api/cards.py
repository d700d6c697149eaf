"""Station cards and device states: pure functions from the journal's newest values and the open alerts to shapes.

On the public start page watched homes show a word only (active, quiet, unknown), never a value: there are no logins
yet, and what is shown to everybody must not tell when somebody moves. Roles come with a later issue.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alerts.model import AlertState
from api.freshness import Condition, Facts, State, age_state, condition, worst
from api.schemas import Activity, AlertOut, DeviceOut, FlagKey, Meaning, StationOut, ValueOut
from api.times import iso, iso_or_none, parse_iso
from api.town import Town
from devices.model import SECOND_NS, Severity
from devices.quantities import QUANTITIES, is_hearsay, label_value
from devices.site import Device, SeverityKey, Station
from ingest.journal_read import LatestRow
from ingest.setup import effective_rules

SLACK_REAL_S = 5.0
_DAY_NS = 86_400 * SECOND_NS
_FLAGS: Mapping[int, FlagKey] = {1: "good", 2: "unknown", 3: "suspect", 4: "bad", 9: "missing"}
_SEVERITIES: Mapping[Severity, SeverityKey] = {
    Severity.INFO: "info",
    Severity.WARNING: "warning",
    Severity.CRITICAL: "critical",
    Severity.LIFE: "life",
}
_TRAP_STATES: Mapping[float, Meaning] = {
    label_value("trap_state", "armed"): "armed",
    label_value("trap_state", "sprung"): "fired",
}
_USELESS: frozenset[FlagKey] = frozenset({"bad", "missing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """What is known at one moment: newest values by device and quantity, worst open alert by device, time.

    `moved` holds the devices of watched homes that recorded movement lately, `battery_days` those whose battery will
    soon be empty, with the days left, `to_check` traps of which nobody knows since when they are sprung. `speed` is
    that of the town clock.
    """

    town: Town
    latest: Mapping[str, Mapping[str, LatestRow]]
    severity: Mapping[str, Severity]
    open_alerts: Mapping[str, int]
    now_ns: int
    speed: float = 1.0
    moved: frozenset[str] = field(default_factory=frozenset)
    battery_days: Mapping[str, float] = field(default_factory=dict)
    to_check: frozenset[str] = field(default_factory=frozenset)


def flag_key(flag: int) -> FlagKey:
    """Return the word of a QARTOD flag; numbers that are none are `unknown` (not evaluated)."""
    return _FLAGS.get(flag, "unknown")


def severity_key(severity: Severity) -> SeverityKey:
    """Return the word of a severity."""
    return _SEVERITIES[severity]


def is_current(alert: AlertOut) -> bool:
    """Return whether an alert colours what it is about: neither over nor old news."""
    return alert.state is not AlertState.RESOLVED and not alert.is_history


def number_or_none(value: float) -> float | None:
    """Return `value`, or None when JSON has no number for it (NaN, infinite)."""
    return value if math.isfinite(value) else None


def group_latest(rows: Sequence[LatestRow]) -> dict[str, dict[str, LatestRow]]:
    """Return the rows by device id and quantity."""
    grouped: dict[str, dict[str, LatestRow]] = defaultdict(dict)
    for row in rows:
        grouped[row.device_id][row.quantity] = row
    return dict(grouped)


def worst_severities(town: Town, alerts: Sequence[AlertOut]) -> dict[str, Severity]:
    """Return the most urgent open alert of each device and gateway; an alert of a home counts for all its devices."""
    found: dict[str, Severity] = {}
    for alert in alerts:
        if not is_current(alert):
            continue
        severity = Severity.from_key(alert.severity)
        for device_id in town.subjects.get(alert.subject) or town.subjects.get(alert.device_id, ()):
            found[device_id] = max(severity, found.get(device_id, severity))
    return found


def count_alerts(alerts: Sequence[AlertOut]) -> dict[str, int]:
    """Return how many alerts are open at each station."""
    found: dict[str, int] = defaultdict(int)
    for alert in alerts:
        if is_current(alert):
            found[alert.station_id] += 1
    return dict(found)


def battery_days(town: Town, alerts: Sequence[AlertOut], *, now_ns: int) -> dict[str, float]:
    """Return for how many days from now the batteries will last of which an open alert says that they end soon."""
    found: dict[str, float] = {}
    for alert in _of_kind(town, alerts, "battery_outlook"):
        if alert.value is not None:
            left = max(0.0, alert.value - (now_ns - parse_iso(alert.observed_at)) / _DAY_NS)
            found[alert.device_id] = round(min(left, found.get(alert.device_id, left)), 1)
    return found


def to_check(town: Town, alerts: Sequence[AlertOut]) -> frozenset[str]:
    """Return the traps that stand sprung and nobody knows since when."""
    return frozenset(alert.device_id for alert in _of_kind(town, alerts, "trap_check"))


def _of_kind(town: Town, alerts: Sequence[AlertOut], kind: str) -> list[AlertOut]:
    rules = {rule.id for rule in effective_rules(town.site) if rule.kind == kind}
    return [alert for alert in alerts if alert.rule_id in rules and is_current(alert)]


def device_facts(picture: Picture, device_id: str, *, quantity: str = "") -> Facts:
    """Return what the freshness of a device (or of one of its channels) rests on."""
    rows = picture.latest.get(device_id, {})
    channels = [rows[quantity]] if quantity in rows else list(rows.values()) if not quantity else []
    heard_ns = max((row.heard_ns for row in channels), default=0)
    return Facts(
        domain=picture.town.domain_of(device_id),
        interval_s=picture.town.interval_s[device_id],
        heard_ns=heard_ns or None,
        slack_s=SLACK_REAL_S * picture.speed,
        is_usable=not quantity or any(_is_usable(row) for row in channels),
        severity=picture.severity.get(device_id),
    )


def device_parts(picture: Picture, device_id: str) -> list[Facts]:
    """Return the device itself and those of its channels that must not fall silent.

    These are the ones the Site lists and the first value on its card: a gauge that answers without a depth is not fine.
    """
    parts = [device_facts(picture, device_id)]
    device = picture.town.devices.get(device_id)
    if device is not None:
        known = frozenset(picture.latest.get(device_id, {}))
        needed = dict.fromkeys((*device.quantities, *picture.town.headline(device, known)[:1]))
        parts += [device_facts(picture, device_id, quantity=key) for key in needed if not is_hearsay(key)]
    return parts


def device_condition(picture: Picture, device_id: str) -> Condition:
    """Return the state of a device: the worst of its parts."""
    conditions = (condition(facts, now_ns=picture.now_ns) for facts in device_parts(picture, device_id))
    return worst(conditions, domain=picture.town.domain_of(device_id))


def device_out(picture: Picture, device: Device) -> DeviceOut:
    """Return a device as the API shows it."""
    state = device_condition(picture, device.id)
    return DeviceOut(
        device_id=device.id,
        name=device.name,
        kind="device",
        model=device.model,
        station_id=device.station,
        domain=picture.town.domain_of(device.id),
        heard_at=iso_or_none(device_facts(picture, device.id).heard_ns),
        expected_interval_s=picture.town.interval_s[device.id],
        quantities=sorted(picture.latest.get(device.id, {})),
        battery_outlook_days=picture.battery_days.get(device.id),
        parent_id=picture.town.parents.get(device.id),
        state=state.state,
        muted_by=state.mute.by if state.mute else None,
        muted_until_at=iso(state.mute.until_ns) if state.mute else None,
    )


def gateways_out(picture: Picture) -> list[DeviceOut]:
    """Return the gateways, which are devices that must not fall silent too."""
    return [
        DeviceOut(
            device_id=gateway.id,
            name=gateway.name,
            kind="gateway",
            model="gateway",
            station_id=gateway.station,
            domain="system",
            heard_at=iso_or_none(device_facts(picture, gateway.id).heard_ns),
            expected_interval_s=picture.town.interval_s[gateway.id],
            quantities=sorted(picture.latest.get(gateway.id, {})),
            state=device_condition(picture, gateway.id).state,
        )
        for gateway in picture.town.site.gateway
    ]


def station_out(picture: Picture, station: Station) -> StationOut:
    """Return the card of a station. A station without devices speaks through its gateways, if it has any."""
    members = member_ids(picture.town, station.id)
    state = worst((device_condition(picture, device_id) for device_id in members), domain=station.domain)
    facts = {device_id: device_facts(picture, device_id) for device_id in members}
    silent = [d for d in members if age_state(facts[d], now_ns=picture.now_ns) is State.UNKNOWN]
    return StationOut(
        station_id=station.id,
        name=station.name,
        domain=station.domain,
        latitude=station.latitude,
        longitude=station.longitude,
        elevation_m=station.elevation_m,
        heard_at=iso_or_none(max((fact.heard_ns or 0 for fact in facts.values()), default=0)),
        activity=_activity(picture, members) if station.domain == "watch" else None,
        open_alerts=picture.open_alerts.get(station.id, 0),
        silent_devices=silent,
        values=_values(picture, station),
        state=state.state,
        muted_by=state.mute.by if state.mute else None,
        muted_until_at=iso(state.mute.until_ns) if state.mute else None,
    )


def town_state(stations: Sequence[StationOut], alerts: Sequence[AlertOut]) -> State:
    """Return the state of the whole town: the worst station, and any open alert that belongs to no station."""
    parts = [Condition(state=station.state) for station in stations]
    severities = [Severity.from_key(alert.severity) for alert in alerts if is_current(alert)]
    if severities and max(severities) >= Severity.WARNING:
        parts.append(Condition(state=State.ALARM if max(severities) >= Severity.CRITICAL else State.WARNING))
    return worst(parts, domain="system").state


def member_ids(town: Town, station_id: str) -> list[str]:
    """Return what speaks for a station: its devices, without any its gateways."""
    devices = [device.id for device in town.devices_at(station_id)]
    return devices or [gateway.id for gateway in town.site.gateway if gateway.station == station_id]


def _activity(picture: Picture, members: Sequence[str]) -> Activity:
    # One silent sensor is enough: somebody may be moving just where nothing is measured.
    parts = [facts for device_id in members for facts in device_parts(picture, device_id)]
    if not parts or any(age_state(facts, now_ns=picture.now_ns) is State.UNKNOWN for facts in parts):
        return "unknown"
    return "active" if any(device_id in picture.moved for device_id in members) else "quiet"


def _values(picture: Picture, station: Station) -> list[ValueOut]:
    if station.domain == "watch":
        return []
    return [
        _value(picture, device, picture.latest[device.id][quantity])
        for device in picture.town.devices_at(station.id)
        for quantity in picture.town.headline(device, frozenset(picture.latest.get(device.id, {})))
    ]


def _value(picture: Picture, device: Device, row: LatestRow) -> ValueOut:
    quantity = QUANTITIES.get(row.quantity)
    age = age_state(device_facts(picture, device.id, quantity=row.quantity), now_ns=picture.now_ns)
    flag = flag_key(row.flag)
    return ValueOut(
        device_id=device.id,
        device_name=device.name,
        quantity=row.quantity,
        title_ja=quantity.title_ja if quantity else row.quantity,
        title_en=quantity.title_en if quantity else row.quantity,
        value=number_or_none(row.value) if flag not in _USELESS else None,
        unit=quantity.unit if quantity else "1",
        meaning=_meaning(picture, device, row),
        flag=flag,
        state=age,
        observed_at=iso(row.observed_ns),
        heard_at=iso_or_none(row.heard_ns),
    )


def _meaning(picture: Picture, device: Device, row: LatestRow) -> Meaning:
    is_true, domain = row.value >= 0.5, picture.town.domain_of(device.id)
    if row.quantity == "trap_state":
        return _TRAP_STATES.get(row.value, "check")
    if row.quantity == "contact_open" and domain == "wildlife":
        is_sprung = is_true == (device.sprung_when == "open")
        return ("check" if device.id in picture.to_check else "fired") if is_sprung else "armed"
    if row.quantity == "contact_open":
        return "open" if is_true else "closed"
    if row.quantity == "occupancy":
        return "moving" if is_true else "still"
    return ""


def _is_usable(row: LatestRow) -> bool:
    return math.isfinite(row.value) and flag_key(row.flag) not in _USELESS
