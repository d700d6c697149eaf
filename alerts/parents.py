"""Whose silence explains whose: a gateway or parent unit that is not heard takes all behind it with it.

A device names its parent in the site; a device on a serial line of a gateway has that gateway for parent. When both are
silent, one message tells of the parent, and everybody who would have been told of a device behind it gets that one. The
devices' own alerts stand on the page as unknown, never as fine, and are told after all when the parent has been heard
again for as long as the device may be silent, and it still is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from devices.fitting import fit_devices
from devices.model import SECOND_NS
from devices.site import Device, Rule, Site

NOTE = "parent:"
"""Begins the note of an alert that a silent parent explains; its id follows."""

_INTERVALS, _GRACE_S = 3.0, 600.0  # the defaults of the rule `silent`
_INTERVAL_S = 600.0


class Parents:
    """The ties of a site. Holds no state."""

    def __init__(self, site: Site) -> None:
        """Look the ties up."""
        self._devices = site.devices_by_id()
        self._specs = fit_devices(site)
        self._parent: Mapping[str, str] = dict(_ties(site))
        self._rules = {rule.id: rule for rule in site.rule}
        self._behind: dict[str, list[Device]] = {}
        for device in site.device:
            for ancestor in self.ancestors(device.id):
                self._behind.setdefault(ancestor, []).append(device)

    def ancestors(self, device_id: str) -> tuple[str, ...]:
        """Return the parent of a device, that one's parent and so on; none for a device without one."""
        found: list[str] = []
        parent = self._parent.get(device_id, "")
        while parent and parent not in found and parent != device_id:
            found.append(parent)
            parent = self._parent.get(parent, "")
        return tuple(found)

    def behind(self, subject: str) -> tuple[Device, ...]:
        """Return all devices that are heard only through a device or gateway, in the order of the site."""
        return tuple(self._behind.get(subject, ()))

    def patience_ns(self, device_id: str, rule_id: str) -> int:
        """Return for how long a device may be silent before the rule says so."""
        device, rule, spec = self._devices.get(device_id), self._rules.get(rule_id), self._specs.get(device_id)
        modelled_s = float(spec.expected_interval_s) if spec is not None else _INTERVAL_S
        interval_s = (device.expected_interval_s if device is not None else None) or modelled_s
        intervals = _number(rule, "intervals", _INTERVALS)
        return round((intervals * interval_s + _number(rule, "grace_s", _GRACE_S)) * SECOND_NS)


def _ties(site: Site) -> Iterator[tuple[str, str]]:
    for gateway in site.gateway:
        for source in gateway.source:
            if source.kind == "serial":
                yield from ((device_id, gateway.id) for device_id in (source.device, *source.devices) if device_id)
    yield from ((device.id, device.parent) for device in site.device if device.parent)


def _number(rule: Rule | None, key: str, otherwise: float) -> float:
    found = rule.params.get(key, otherwise) if rule is not None else otherwise
    return float(found) if isinstance(found, int | float) else otherwise
