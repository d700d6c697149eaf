"""The Site as the page asks it: which device belongs where, how often it should speak, which values stand on a card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from alerts.parents import Parents
from devices.model import DeviceSpec
from devices.site import Device, Domain, Gateway, Site, Station

DEFAULT_INTERVAL_S = 600.0
MOTION_QUANTITIES = ("occupancy", "contact_open")

# What people come for, by domain, most important first; of a group in brackets the first one that exists.
_HEADLINES: Mapping[Domain, tuple[tuple[str, ...], ...]] = MappingProxyType(
    {
        "snow": (("snow_depth", "distance"), ("air_temperature",)),
        "wildlife": (("contact_open", "trap_state"), ("occupancy",), ("count",)),
        "watch": (),
        "system": (("air_temperature",), ("battery_level", "battery_voltage")),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """The Site with its look-ups.

    `interval_s` maps every device and gateway to its expected interval in seconds, `parents` those devices that are
    heard through another device or a gateway to that one's id.
    """

    site: Site
    stations: Mapping[str, Station]
    devices: Mapping[str, Device]
    gateways: Mapping[str, Gateway]
    interval_s: Mapping[str, float]
    subjects: Mapping[str, tuple[str, ...]]
    members: Mapping[str, tuple[Device, ...]]
    parents: Mapping[str, str]

    def domain_of(self, device_id: str) -> Domain:
        """Return the domain of a device's station; gateways and strangers are `system`."""
        device = self.devices.get(device_id)
        station = self.stations.get(device.station) if device else None
        return station.domain if station else "system"

    def station_of(self, subject: str) -> str:
        """Return the station id of a device, gateway or home, empty when it has none."""
        for device_id in self.subjects.get(subject, ()):
            device = self.devices.get(device_id)
            if device is not None:
                return device.station
            return self.gateways[device_id].station
        return ""

    def devices_at(self, station_id: str) -> tuple[Device, ...]:
        """Return the devices of a station in the order of the Site."""
        return self.members.get(station_id, ())

    def headline(self, device: Device, known: frozenset[str]) -> tuple[str, ...]:
        """Return the quantities of `device` that stand on its card, of those in `known`; may be empty."""
        groups = _HEADLINES[self.domain_of(device.id)]
        firsts = (next((key for key in group if key in known), "") for group in groups)
        return tuple(key for key in firsts if key)


def open_town(site: Site, fitted: Mapping[str, DeviceSpec]) -> Town:
    """Return the Town of `site`; devices of which `fitted` has no spec are expected every ten minutes."""
    intervals = {device.id: _interval_s(device, fitted) for device in site.device}
    intervals |= {gateway.id: float(gateway.heartbeat_interval_s) for gateway in site.gateway}
    # An alert's subject is a device, a gateway or a home; all three lead to what can be heard.
    subjects: dict[str, tuple[str, ...]] = {device.id: (device.id,) for device in site.device}
    subjects |= {gateway.id: (gateway.id,) for gateway in site.gateway}
    subjects |= {home.id: home.devices for home in site.home}
    ties = Parents(site)
    members = {s.id: tuple(device for device in site.device if device.station == s.id) for s in site.station}
    return Town(
        site=site,
        stations=site.stations_by_id(),
        devices=site.devices_by_id(),
        gateways={gateway.id: gateway for gateway in site.gateway},
        interval_s=MappingProxyType(intervals),
        subjects=MappingProxyType(subjects),
        members=MappingProxyType(members),
        parents=MappingProxyType({key: ties.ancestors(key)[0] for key in intervals if ties.ancestors(key)}),
    )


def _interval_s(device: Device, fitted: Mapping[str, DeviceSpec]) -> float:
    if device.expected_interval_s is not None:
        return float(device.expected_interval_s)
    spec = fitted.get(device.id)
    return float(spec.expected_interval_s) if spec else DEFAULT_INTERVAL_S
