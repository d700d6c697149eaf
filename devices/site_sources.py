"""Whether the lines and brokers of a site's gateways can be served: ports, instruments on them, uplinks, tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from devices.fitting import catalog_of, fit_uplink
from devices.model import DeviceSpec, SatomoriError, UplinkSpec
from devices.offer import offer
from devices.registry import load_catalog, load_uplinks
from devices.site import Device, Gateway, Problem, Site, Source


def check_sources(site: Site) -> Iterator[Problem]:
    """Return what is wrong with `[[gateway.source]]`."""
    town = _Town(site)
    for index, gateway in enumerate(site.gateway):
        yield from _repeated_places(gateway, at=f"gateway[{index}]")
        for number, source in enumerate(gateway.source):
            yield from town.source(source, at=f"gateway[{index}].source[{number}]")
    yield from _on_two_lines(site)


def devices_on_line(source: Source) -> tuple[str, ...]:
    """Return the ids of the instruments on a serial line."""
    return (source.device, *source.devices) if source.device else source.devices


def _repeated_places(gateway: Gateway, *, at: str) -> Iterator[Problem]:
    ports = [source.port if source.kind == "serial" else "" for source in gateway.source]
    doors = [f"{source.port_number}" if source.kind == "http" else "" for source in gateway.source]
    yield from _twice(ports, at=at, key="port")
    yield from _twice(doors, at=at, key="port_number")


def _twice(names: Sequence[str], *, at: str, key: str) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name and name in names[:index]:
            yield Problem(key=f"{at}.source[{index}].{key}", message=f"{name!r} stands twice; it must be unique")


def _on_two_lines(site: Site) -> Iterator[Problem]:
    lines = [
        (f"gateway[{g}].source[{s}].{'device' if name == source.device else 'devices'}", name)
        for g, gateway in enumerate(site.gateway)
        for s, source in enumerate(gateway.source)
        if source.kind == "serial"
        for name in devices_on_line(source)
    ]
    counts = Counter(name for _, name in lines)
    for key, name in lines:
        if counts[name] > 1:
            yield Problem(key=key, message=f"device {name!r} is on {counts[name]} serial lines; it can be on one")


class _Town:
    """What sources are checked against."""

    def __init__(self, site: Site) -> None:
        self._devices: Mapping[str, Device] = site.devices_by_id()
        self._uplinks: Mapping[str, UplinkSpec] = load_uplinks()
        try:
            self._catalog: Mapping[str, DeviceSpec] = catalog_of(site)
        except SatomoriError:  # told with the devices
            self._catalog = load_catalog()

    def source(self, source: Source, *, at: str) -> Iterator[Problem]:
        """Return what is wrong with one source; nothing of one whose kind is wrong, that is told already."""
        if source.kind not in ("serial", "mqtt", "http"):
            return
        if source.kind == "serial":
            yield from self._serial(source, at=at)
        elif not source.uplink:
            message = f"an {source.kind} source needs its uplink (name of a network envelope)"
            yield Problem(key=f"{at}.uplink", message=message)
        yield from self._uplink(source, at=at)
        yield from self._door(source, at=at)
        yield from self._tokens(source, at=at)

    def _serial(self, source: Source, *, at: str) -> Iterator[Problem]:
        if not source.port:
            yield Problem(key=f"{at}.port", message="a serial source needs its port, such as /dev/serial/by-id/...")
        names = devices_on_line(source)
        if not names and not source.uplink:
            message = "a serial source needs the device on its line (or devices, or the uplink of a radio stick)"
            yield Problem(key=f"{at}.device", message=message)
        if names and source.uplink:
            yield Problem(key=f"{at}.uplink", message="a line has its own device, or a radio stick, not both")
        for name in names:
            key = f"{at}.device" if name == source.device else f"{at}.devices"
            yield from self._instrument(name, is_alone=len(names) == 1, key=key)
        yield from self._bus(names, at=at)

    def _instrument(self, name: str, *, is_alone: bool, key: str) -> Iterator[Problem]:
        device = self._devices.get(name)
        if device is None:
            yield Problem(key=key, message=f"device {name!r} does not exist; {offer(name, self._devices)}")
            return
        spec = self._catalog.get(device.model)
        if spec is None:
            return  # told with the devices
        if spec.serial is None:
            yield Problem(key=key, message=f"model {spec.model!r} does not speak on a serial line")
        elif spec.polling is None and not is_alone:
            yield Problem(key=key, message=f"model {spec.model!r} speaks unasked, so it must be alone on its line")

    def _bus(self, names: Sequence[str], *, at: str) -> Iterator[Problem]:
        addresses = [self._devices[name].bus_address for name in names if name in self._devices]
        for address, count in Counter(addresses).items():
            if count > 1:
                said = f"bus_address {address!r}" if address else "no bus_address"
                yield Problem(key=f"{at}.devices", message=f"{count} instruments on one line have {said}")

    def _uplink(self, source: Source, *, at: str) -> Iterator[Problem]:
        if not source.uplink:
            return
        spec = self._uplinks.get(source.uplink)
        if spec is None:
            message = f"uplink {source.uplink!r} does not exist; {offer(source.uplink, self._uplinks)}"
            yield Problem(key=f"{at}.uplink", message=message)
            return
        try:
            spec = fit_uplink(source)
        except SatomoriError as error:
            yield Problem(key=f"{at}.options", message=str(error))
            return
        fits = {"serial": spec.serial is not None, "mqtt": bool(spec.topics or source.topics), "http": spec.is_pushed}
        if not fits[source.kind]:
            yield Problem(key=f"{at}.uplink", message=f"uplink {spec.name!r} does not come by {source.kind}")

    def _door(self, source: Source, *, at: str) -> Iterator[Problem]:
        if source.kind == "http" and "port_number" not in source.model_fields_set:
            yield Problem(key=f"{at}.port_number", message="an http source needs its port_number, such as 8090")

    def _tokens(self, source: Source, *, at: str) -> Iterator[Problem]:
        if source.kind == "http" and not source.token:
            yield Problem(key=f"{at}.token", message="an http source needs a token (satomori devices token)")
        if source.kind != "http" and source.token:
            yield Problem(key=f"{at}.token", message=f"a {source.kind} source has no tokens")
        for number, token in enumerate(source.token):
            for name in token.devices:
                if name not in self._devices:
                    yield Problem(key=f"{at}.token[{number}].devices", message=f"device {name!r} does not exist")
