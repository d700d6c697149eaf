"""What Home Assistant is told: one configuration a device and one for the town's alerts, states, availability. Pure.

A value is available only while the device is heard (`availability` of the device, all of them must be online) and
expires by itself (`expire_after`) should we stop in the middle; states are never retained, so that no old one looks
fresh. Whether a device is silent or has an open alert is told by its `problem` sensor, which stays available. Nothing
personal goes out: no name, station or movement of a watched home unless the site includes it, and never who
acknowledged.

Source: Home Assistant documentation, `mqtt` (device discovery: `dev`, `o`, `cmps`; a component is removed by one with
nothing but its platform; an empty payload removes the device), `sensor.mqtt`, `binary_sensor.mqtt`.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from api.cards import Picture, device_condition, device_facts, flag_key, is_current
from api.freshness import UNKNOWN_INTERVALS, State, age_state
from api.ha_entities import POSITION, UNKNOWN, Json, component, payload
from api.schemas import AlertOut
from api.times import iso_or_none
from devices.quantities import QUANTITIES, base_key
from devices.site import Device, Gateway, Site
from ingest.journal_read import LatestRow

ONLINE, OFFLINE = b"online", b"offline"
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_SLACK_S = 60.0
_FINE = frozenset({State.OK, State.LATE, State.MUTED})
_ORIGIN: Json = {"name": "Satomori"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One message to publish."""

    topic: str
    payload: bytes
    retain: bool = False


class Topics:
    """The topics of one town. Ids become what Home Assistant allows in topics and ids, distinct ones stay distinct."""

    def __init__(self, site: Site) -> None:
        settings = site.home_assistant
        self._discovery = settings.discovery_prefix
        self._town = _safe(site.town.id)
        self._base = f"{settings.topic_prefix}/{self._town}"
        self.status = f"{self._base}/status"
        self.birth = f"{self._discovery}/status"
        self.all_configs = f"{self._discovery}/device/+/config"

    def node(self, device_id: str) -> str:
        """Return the id of a device there; "" is the town itself."""
        return f"satomori_{self._town}_{_safe(device_id)}" if device_id else f"satomori_{self._town}"

    def config(self, device_id: str) -> str:
        """Return where the configuration of a device stands."""
        return f"{self._discovery}/device/{self.node(device_id)}/config"

    def of(self, device_id: str, *parts: str) -> str:
        """Return a topic below the device's own; "" stands for the town's alerts."""
        return "/".join((self._base, *(("device", _safe(device_id)) if device_id else ("alert",)), *map(_safe, parts)))

    def retained_by(self, config_topic: str) -> tuple[str, ...]:
        """Return the retained topics of the device whose configuration stands there."""
        node = config_topic.removeprefix(f"{self._discovery}/device/").removesuffix("/config")
        mine = f"{self._base}/device/{node.removeprefix(self.node('') + '_')}"
        return tuple(f"{mine}/{part}" for part in ("availability", "problem", "problem/attributes"))

    def is_ours(self, topic: str, config: bytes) -> bool:
        """Return whether a configuration found at the broker was written by this town."""
        node = topic.removeprefix(f"{self._discovery}/device/").removesuffix("/config")
        is_named = node == self.node("") or node.startswith(f"{self.node('')}_")
        return is_named and json.dumps(self.status).encode() in config


def _safe(name: str) -> str:
    plain = _UNSAFE.sub("_", name)
    return plain if plain == name else f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Writes the messages of one town."""

    site: Site
    topics: Topics

    def shared(self, picture: Picture) -> list[Device | Gateway]:
        """Return what is told of: all devices and gateways, but watched homes only when the site says so."""
        has_watch = self.site.home_assistant.include_watch
        devices = [d for d in self.site.device if has_watch or picture.town.domain_of(d.id) != "watch"]
        return [*devices, *self.site.gateway]

    def config(self, picture: Picture, device: Device | Gateway) -> Json:
        """Return the configuration of a device: a component for each known quantity, and its problem sensor."""
        components: dict[str, Json] = {"problem": self._problem(device.id)}
        rows = picture.latest.get(device.id, {})
        for key in sorted(rows):
            if key in QUANTITIES and base_key(key) not in POSITION:
                components[_safe(key)] = self._value(picture, device.id, key)
        if rows.keys() >= POSITION:
            components["position"] = self._position(device.id)
        return {"dev": self._device(picture, device), "o": _ORIGIN, "cmps": components, "qos": 1}

    def _device(self, picture: Picture, device: Device | Gateway) -> Json:
        is_watch = picture.town.domain_of(device.id) == "watch"
        station = picture.town.stations.get(device.station)
        found: Json = {"ids": self.topics.node(device.id), "name": device.id if is_watch else device.name}
        found["mdl"] = device.model if isinstance(device, Device) else "Satomori gateway"
        return found | ({"sa": station.name} if station is not None and not is_watch else {})

    def _component(self, device_id: str, key: str) -> Json:
        return {
            "unique_id": f"{self.topics.node(device_id)}_{_safe(key)}",
            "state_topic": self.topics.of(device_id, key),
            "availability": [{"topic": self.topics.status}],
            "availability_mode": "all",
        }

    def _problem(self, device_id: str) -> Json:
        mine: Json = {
            "p": "binary_sensor", "name": "状態", "device_class": "problem", "entity_category": "diagnostic",
            "json_attributes_topic": self.topics.of(device_id, "problem", "attributes"),
        }  # fmt: skip
        return mine | self._component(device_id, "problem")

    def _value(self, picture: Picture, device_id: str, key: str) -> Json:
        found = component(QUANTITIES[key]) | self._component(device_id, key)
        if QUANTITIES[key].is_hearsay:
            return found
        expires_s = UNKNOWN_INTERVALS * picture.town.interval_s[device_id] / picture.speed + _SLACK_S
        own = {"topic": self.topics.of(device_id, "availability")}
        return found | {
            "expire_after": math.ceil(expires_s), "availability": [{"topic": self.topics.status}, own],
        }  # fmt: skip

    def _position(self, device_id: str) -> Json:
        found = self._component(device_id, "position")
        del found["state_topic"]
        attributes = self.topics.of(device_id, "position", "attributes")
        return {
            "p": "device_tracker",
            "name": "位置",
            "source_type": "gps",
            "json_attributes_topic": attributes,
        } | found

    def alerts_config(self, alerts: Mapping[str, AlertOut]) -> Json:
        """Return the configuration of the town: a problem sensor for each alert, by its key."""
        components = {
            key: {
                "p": "binary_sensor", "name": f"通知 {alert.rule_id} {alert.subject}", "device_class": "problem",
                "json_attributes_topic": self.topics.of("", key, "attributes"), **self._component("", key),
            }
            for key, alert in sorted(alerts.items())
        }  # fmt: skip
        device: Json = {"ids": self.topics.node(""), "name": f"Satomori {self.site.town.name}", "mdl": "Satomori"}
        return {"dev": device, "o": _ORIGIN, "cmps": components, "qos": 1}

    def is_told(self, alert: AlertOut) -> bool:
        """Return whether an alert goes out: open, no old news, and of a watched home only when the site says so."""
        return is_current(alert) and (alert.domain != "watch" or self.site.home_assistant.include_watch)

    def standing(self, picture: Picture) -> Iterator[Post]:
        """Yield what is so of every device: whether it is heard, and its problem sensor."""
        for device in self.shared(picture):
            facts = device_facts(picture, device.id)
            is_heard = age_state(facts, now_ns=picture.now_ns) is not State.UNKNOWN
            state = device_condition(picture, device.id).state
            yield Post(
                topic=self.topics.of(device.id, "availability"), payload=ONLINE if is_heard else OFFLINE, retain=True
            )
            yield Post(
                topic=self.topics.of(device.id, "problem"), payload=b"OFF" if state in _FINE else b"ON", retain=True
            )
            attributes = {
                "state": state.value, "heard_at": iso_or_none(facts.heard_ns or 0),
                "expected_interval_s": facts.interval_s,
                "battery_outlook_days": picture.battery_days.get(device.id),
            }  # fmt: skip
            yield Post(topic=self.topics.of(device.id, "problem", "attributes"), payload=_json(attributes), retain=True)

    def values(self, picture: Picture, rows: Sequence[LatestRow]) -> Iterator[Post]:
        """Yield the states that `rows` give, as far as they are current."""
        shared = {device.id for device in self.shared(picture)}
        for row in rows:
            if row.device_id in shared and row.quantity in QUANTITIES and self._is_current(picture, row):
                yield from self._states(picture, row)

    def _states(self, picture: Picture, row: LatestRow) -> Iterator[Post]:
        if base_key(row.quantity) not in POSITION:
            is_useless = flag_key(row.flag) in ("bad", "missing")
            text = UNKNOWN if is_useless else payload(QUANTITIES[row.quantity], row.value)
            yield Post(topic=self.topics.of(row.device_id, row.quantity), payload=text.encode())
            return
        rows = picture.latest.get(row.device_id, {})
        if row.quantity == "longitude" and "latitude" in rows and math.isfinite(rows["latitude"].value + row.value):
            where: Json = {"latitude": rows["latitude"].value, "longitude": row.value}
            accuracy = rows.get("position_accuracy")
            if accuracy is not None and math.isfinite(accuracy.value):
                where["gps_accuracy"] = accuracy.value
            yield Post(topic=self.topics.of(row.device_id, "position", "attributes"), payload=_json(where))

    def _is_current(self, picture: Picture, row: LatestRow) -> bool:
        if QUANTITIES[row.quantity].is_hearsay:
            return True
        facts = device_facts(picture, row.device_id, quantity=row.quantity)
        age_s = (picture.now_ns - row.heard_ns) / 1e9 - facts.slack_s
        return row.heard_ns > 0 and age_s <= UNKNOWN_INTERVALS * facts.interval_s

    def alert_states(self, alerts: Mapping[str, AlertOut]) -> Iterator[Post]:
        """Yield the state of each alert, by its key, and what may be known of it."""
        for key, alert in alerts.items():
            yield Post(topic=self.topics.of("", key), payload=b"ON" if self.is_told(alert) else b"OFF", retain=True)
            told = {
                "case_no": alert.case_no, "rule_id": alert.rule_id, "severity": alert.severity,
                "state": alert.state.value, "text_ja": alert.text_ja, "text_en": alert.text_en,
            }  # fmt: skip
            if alert.domain != "watch":
                told |= {"subject": alert.subject, "station": alert.station_name, "observed_at": alert.observed_at}
            yield Post(topic=self.topics.of("", key, "attributes"), payload=_json(told), retain=True)


def alert_key(alert: AlertOut) -> str:
    """Return the key of an alert's component: the same whenever this rule speaks of this subject."""
    return f"alert_{hashlib.sha256(f'{alert.rule_id}|{alert.subject}'.encode()).hexdigest()[:12]}"


def without_gone(config: Json, before: Mapping[str, str]) -> Json:
    """Return `config` with what removes the components of `before` (platform by key) that it lacks."""
    components = cast("dict[str, Json]", config["cmps"])
    gone: dict[str, Json] = {key: {"p": platform} for key, platform in before.items() if key not in components}
    return {**config, "cmps": {**components, **gone}}


def platforms(config: bytes) -> dict[str, str]:
    """Return the components (platform by key) of a configuration that was found at the broker; bad ones have none."""
    try:
        components = json.loads(config)["cmps"]
        return {key: part["p"] for key, part in components.items() if isinstance(part["p"], str)}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def as_bytes(config: Json) -> bytes:
    """Return a configuration as it is published."""
    return _json(config)


def _json(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, sort_keys=True).encode()
