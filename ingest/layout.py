"""The town as the core sees it: which devices there are, how they hang together, and what each series is.

Devices are judged in groups: a gauge together with the thermometer that corrects it, the sensors of one home together.
Gateways are devices too.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from devices.fitting import fit_devices
from devices.model import SECOND_NS, DeviceSpec
from devices.site import Device, Site
from ingest.batch import Bools, Int32s, Int64s
from ingest.state import GrowingArray

NOBODY = ""
DEFAULT_INTERVAL_S = 600
# the same frame heard by two gateways has two of these; they say nothing about which frame it is
LINK_LEVEL = frozenset({"rssi", "snr", "link_quality"})

RESTARTED = "restarted"


class Layout:
    """Numbers for devices, groups and series of one site."""

    def __init__(self, site: Site, *, contacts: frozenset[str]) -> None:
        """Number the devices of `site`, its gateways last. `contacts` are the quantities of contacts."""
        fitted = fit_devices(site)
        self.site = site
        self._contacts = contacts
        self.devices = {device.id: device for device in site.device}
        self.specs: dict[str, DeviceSpec | None] = {d.id: fitted.get(d.id) for d in site.device}
        self.home_of = {device_id: home.id for home in site.home for device_id in home.devices}
        known = (*self.devices, *(gateway.id for gateway in site.gateway))
        self.numbers = {device_id: number for number, device_id in enumerate(known)}
        # series of devices that left the site are remembered for a while; they belong to nobody
        self.ids = (*known, NOBODY)
        self.interval_ns = np.array([self._interval_s(i) * SECOND_NS for i in self.ids], dtype=np.int64)
        self.group: Int32s = np.array(_groups(self.ids, _ties(site)), dtype=np.int32)
        self._device = GrowingArray(np.int32)
        self._is_link_level, self._is_contact = GrowingArray(np.bool_), GrowingArray(np.bool_)
        self._is_restart = GrowingArray(np.bool_)

    def _interval_s(self, device_id: str) -> int:
        device = self.devices.get(device_id)
        if device_id == NOBODY:
            return DEFAULT_INTERVAL_S
        if device is None:
            return next(g.heartbeat_interval_s for g in self.site.gateway if g.id == device_id)
        spec = self.specs[device_id]
        return device.expected_interval_s or (spec.expected_interval_s if spec else DEFAULT_INTERVAL_S)

    def temperature_source(self, device: Device) -> str:
        """Return the device whose air temperature corrects the distances of `device`; empty when none does."""
        spec = self.specs[device.id]
        is_compensated = spec.distance_compensated if spec else True
        return device.temperature_from or ("" if is_compensated else device.id)

    def add_series(self, series: int, *, device_id: str, quantity: str) -> None:
        """Learn what the next series is."""
        for array in (self._device, self._is_link_level, self._is_contact, self._is_restart):
            array.grow(series + 1)
        self._device.values[series] = self.numbers.get(device_id, len(self.numbers))
        self._is_link_level.values[series] = quantity in LINK_LEVEL
        self._is_restart.values[series] = quantity == RESTARTED
        is_openings = quantity == "count" and self._has_contact(device_id)
        self._is_contact.values[series] = is_openings or quantity in self._contacts

    def _has_contact(self, device_id: str) -> bool:
        spec = self.specs.get(device_id)
        return spec is not None and not self._contacts.isdisjoint(spec.quantities)

    @property
    def device_of(self) -> Int32s:
        """Device number of each series (S,)."""
        return self._device.values

    @property
    def is_link_level(self) -> Bools:
        """Which series (S,) describe the radio link and not what the device measured."""
        return self._is_link_level.values

    @property
    def is_restart(self) -> Bools:
        """Which series (S,) say that the device has just started, so that its counters begin again."""
        return self._is_restart.values

    @property
    def is_contact(self) -> Bools:
        """Which series (S,) are contacts, or count their openings."""
        return self._is_contact.values

    def series_of(self, devices: Int64s) -> Bools:
        """Return which series (S,) belong to `devices` (D,)."""
        is_wanted = np.zeros(len(self.ids), dtype=np.bool_)
        is_wanted[devices] = True
        return is_wanted[self.device_of]


def _ties(site: Site) -> Iterable[tuple[str, ...]]:
    yield from ((device.id, device.temperature_from) for device in site.device if device.temperature_from)
    yield from (home.devices for home in site.home)


def _groups(ids: tuple[str, ...], ties: Iterable[tuple[str, ...]]) -> list[int]:
    """Return a group number for each of `ids`: those that are tied, over however many others, share one."""
    leader = {device_id: device_id for device_id in ids}

    def lead(device_id: str) -> str:
        while leader[device_id] != device_id:
            device_id = leader[device_id]
        return device_id

    for tie in ties:
        known = sorted({lead(device_id) for device_id in tie if device_id in leader})
        leader.update(dict.fromkeys(known, known[0]) if known else {})
    numbers: dict[str, int] = {}
    return [numbers.setdefault(lead(device_id), len(numbers)) for device_id in ids]
