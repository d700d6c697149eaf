"""From `[[gateway.source]]` to the thing that serves it: which kind of line or broker, and how it is watched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import Protocol

from devices.clock import Clock
from devices.link import LinkOptions, Subscriber
from devices.model import DeviceSpec, PermanentError, SerialLine
from devices.site import Gateway, Site, Source
from devices.site_sources import devices_on_line
from gateway.decode import Plugins, uplink_key
from gateway.intake import Intake
from gateway.line_watch import WatchLimits
from gateway.sources.http_push import HttpPushOptions, HttpPushSource, senders_of
from gateway.sources.mqtt_topics import MqttOptions, MqttSource, topics_of_session
from gateway.sources.polled import PolledDevice, PolledOptions, PolledSource
from gateway.sources.serial_port import SerialOptions, SerialSource

_SILENT_LEAST_S = 10.0
_SILENT_INTERVALS = 3


class Runs(Protocol):
    """What a source is to the process: it serves until `stop` is set."""

    def run(self, stop: Event) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceMaker:
    """Makes the sources of one gateway."""

    site: Site
    gateway: Gateway
    clock: Clock
    plugins: Plugins
    intake: Intake

    def make(self, number: int) -> Runs:
        """Return what serves the source of that number. Raises PermanentError naming a source that cannot be served."""
        source = self.gateway.source[number]
        if source.kind == "mqtt":
            return self._mqtt(number, source)
        if source.kind == "serial":
            return self._stick(number, source) if source.uplink else self._line(number, source)
        return self._http(number, source)

    def name(self, number: int) -> str:
        """Return what the source is called in logs and counters."""
        return f"{self.gateway.source[number].kind}-{number}"

    def _line(self, number: int, source: Source) -> Runs:
        names = devices_on_line(source)
        specs = [self._instrument(number, name) for name in names]
        if not specs:
            raise PermanentError(f"{self._where(number)}: no device on a serial line")
        if any(spec.polling is not None for spec in specs):
            return self._polled(number, source, dict(zip(names, specs, strict=True)))
        if len(names) > 1:
            raise PermanentError(f"{self._where(number)}: {', '.join(names)} all speak unasked; one line each, please")
        return self._speaking(number, source, specs[0])

    def _instrument(self, number: int, name: str) -> DeviceSpec:
        spec = self.plugins.devices.get(name)
        if spec is None or spec.serial is None:
            raise PermanentError(f"{self._where(number)}: {name!r} is no serial device")
        return spec

    def _speaking(self, number: int, source: Source, spec: DeviceSpec) -> SerialSource:
        device = self.site.devices_by_id()[devices_on_line(source)[0]]
        interval_s: float = device.expected_interval_s or spec.expected_interval_s
        if spec.gathering is not None:
            interval_s = spec.gathering.interval_s  # within it there are many frames
        line, baud = _settings(source, [spec])
        options = SerialOptions(
            name=self.name(number),
            gateway_id=self.gateway.id,
            port=source.port,
            device_id=device.id,
            line=line,
            baud=baud,
            limits=WatchLimits(silent_s=self._silent_s(interval_s)),
        )
        return SerialSource(options, self.intake, now_ns=self.clock.now_ns)

    def _polled(self, number: int, source: Source, specs: dict[str, DeviceSpec]) -> PolledSource:
        devices = self.site.devices_by_id()
        for name, spec in specs.items():
            if spec.polling is None:
                message = f"{name!r} speaks unasked, so it must be alone on its line"
                raise PermanentError(f"{self._where(number)}: {message}")
        line, baud = _settings(source, list(specs.values()))
        options = PolledOptions(
            name=self.name(number),
            gateway_id=self.gateway.id,
            port=source.port,
            line=line,
            baud=baud,
            devices=tuple(
                PolledDevice(device_id=name, polling=spec.polling, address=devices[name].bus_address)
                for name, spec in specs.items()
                if spec.polling is not None
            ),
        )
        return PolledSource(options, self.intake, clock=self.clock)

    def _stick(self, number: int, source: Source) -> SerialSource:
        key = uplink_key(number, source)
        uplink = self.plugins.uplinks.get(key)
        if uplink is None or uplink.serial is None:
            raise PermanentError(f"{self._where(number)}: uplink {source.uplink!r} does not come by a serial stick")
        sticks = [n for n, other in enumerate(self.gateway.source) if other.kind == "serial" and other.uplink]
        channel = sticks.index(number) + 1
        options = SerialOptions(
            name=self.name(number),
            gateway_id=self.gateway.id,
            port=source.port,
            uplink=key,
            line=_line_of(source, uplink.serial),
            baud=source.baud or uplink.serial.baud,
            limits=WatchLimits(is_open_enough=True),
            fault_quantity="line_fault" if channel == 1 else f"line_fault.{channel}",
        )
        return SerialSource(options, self.intake, now_ns=self.clock.now_ns)

    def _mqtt(self, number: int, source: Source) -> MqttSource:
        name, key = self.name(number), uplink_key(number, source)
        uplink = self.plugins.uplinks.get(key)
        if uplink is None:
            raise PermanentError(f"{self._where(number)}: uplink {source.uplink!r} is unknown")
        session, topics = self._session(number), source.topics or uplink.topics
        link_options = LinkOptions(host=source.host, port=source.port_number, client_id=session)
        feed = Subscriber(link_options, topics, former_topics=topics_of_session(self.intake, session))
        mqtt_options = MqttOptions(name=name, gateway_id=self.gateway.id, uplink=key, topics=topics, session=session)
        return MqttSource(mqtt_options, feed, self.intake, now_ns=self.clock.now_ns)

    def _session(self, number: int) -> str:
        """Return the client id on which the session in the broker hangs, with all that waits there for us.

        Not the source's number: when another one is put before it, its messages would come to that one.
        """
        mine = self.gateway.source[number]
        alike = [
            n
            for n, other in enumerate(self.gateway.source)
            if (other.kind, other.host, other.port_number, other.uplink)
            == (mine.kind, mine.host, mine.port_number, mine.uplink)
        ]
        place = alike.index(number)
        return f"{self.gateway.id}-{mine.uplink}" + (f"-{place + 1}" if place else "")

    def _http(self, number: int, source: Source) -> HttpPushSource:
        options = HttpPushOptions(
            name=self.name(number),
            gateway_id=self.gateway.id,
            uplink=uplink_key(number, source),
            path=source.uplink,
            host=source.host,
            port=source.port_number,
            senders=senders_of(source, self.site),
        )
        return HttpPushSource(options, self.intake, now_ns=self.clock.now_ns)

    def _silent_s(self, interval_s: float) -> float:
        """Intervals are the town's; a line's silence is measured on the machine's clock."""
        return max(_SILENT_LEAST_S, _SILENT_INTERVALS * interval_s / self.clock.speed)

    def _where(self, number: int) -> str:
        return f"source {self.name(number)} of {self.gateway.id}"


def _settings(source: Source, specs: Sequence[DeviceSpec]) -> tuple[SerialLine, int]:
    """Return format and speed of a line. Raises PermanentError when the instruments on it differ and nobody decides."""
    lines = [_line_of(source, spec.serial) for spec in specs if spec.serial is not None]
    formats = {(source.baud or line.baud, line.bytesize, line.parity, line.stopbits) for line in lines}
    if len(formats) > 1:
        said = ", ".join(f"{baud} {bits}{parity}{stop}" for baud, bits, parity, stop in sorted(formats))
        message = f"the instruments on {source.port!r} come with different settings ({said})"
        raise PermanentError(f"{message}; set them alike, then give baud and parity of the source")
    return lines[0], source.baud or lines[0].baud


def _line_of(source: Source, line: SerialLine) -> SerialLine:
    return line if source.parity is None else replace(line, parity=source.parity)
