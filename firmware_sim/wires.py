"""Which sender speaks for which device of a site, and how what it says becomes bytes on that wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from devices.model import Decoded, DeviceSpec, Envelope, Frame, PermanentError, Reading, TransientError, UplinkSpec
from devices.registry import load_catalog, load_uplinks
from devices.senml import encode_readings
from devices.site import Device, Site, Source
from firmware_sim.rows import Uttering
from firmware_sim.send import MqttSender, SerialSender

DIRECT_MODEL = "senml"
_READER_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went out: the values as the receiver must decode them (rounded by the wire format)."""

    device_id: str
    values: Mapping[str, float]
    seq: int | None
    observed_ns: int | None


@dataclass(slots=True)
class Wires:
    """All senders of a site, opened when first needed."""

    site: Site
    stop: Event
    _catalog: Mapping[str, DeviceSpec] = field(default_factory=load_catalog)
    _uplinks: Mapping[str, UplinkSpec] = field(default_factory=load_uplinks)
    _serial: dict[str, SerialSender] = field(default_factory=dict)
    _mqtt: dict[str, MqttSender] = field(default_factory=dict)

    def serial_ports(self, device_ids: set[str]) -> set[str]:
        """Return the ports of the serial devices among `device_ids`."""
        devices = self.site.devices_by_id()
        known = [devices[device_id] for device_id in device_ids if device_id in devices]
        serial = [device for device in known if device.model in self._catalog]
        return {self._serial_source(d).port for d in serial if self._spec(d).transport == "serial"}

    def open_lines(self, ports: set[str]) -> None:
        """Make the serial lines `ports`, then wait until somebody reads each.

        Raises TransientError naming the port that nobody opened within 30 s.
        """
        lines = {port: self._line(port) for port in sorted(ports)}
        for port, line in lines.items():
            if not line.wait_for_reader(timeout_s=_READER_PATIENCE_S, stop=self.stop) and not self.stop.is_set():
                raise TransientError(f"nobody opened the serial port {port} within {_READER_PATIENCE_S:.0f} s")

    def say(self, uttering: Uttering, *, sent_ns: int) -> Sent:
        """Send what a device says, as the device would; return what a receiver must understand.

        Raises PermanentError naming the device when the site does not know it or its model cannot say this.
        """
        device = self.site.devices_by_id().get(uttering.device_id)
        if device is None:
            raise PermanentError(f"device {uttering.device_id!r} of the recording is not in the site")
        if device.model == DIRECT_MODEL:
            return self._say_directly(uttering, sent_ns=sent_ns)
        spec = self._spec(device)
        said = Decoded(values=uttering.values, seq=uttering.seq, observed_ns=uttering.observed_ns)
        frame = replace(spec.encode(said), gateway_id="sim", address=device.address, received_ns=sent_ns)
        understood = spec.decode(frame)
        if spec.transport == "serial":
            self._line(self._serial_source(device).port).send(frame.payload)
        else:
            self._publish(frame, uttering, said)
        return Sent(
            device_id=device.id,
            values=understood.values,
            seq=uttering.seq if understood.seq is None and spec.transport == "lorawan" else understood.seq,
            observed_ns=understood.observed_ns,
        )

    def send_raw_serial(self, port: str, payload: bytes) -> None:
        """Write recorded bytes to a serial line."""
        self._line(port).send(payload)

    def send_raw_mqtt(self, *, topic: str, payload: bytes, is_retained: bool) -> None:
        """Publish a recorded message to the site's broker."""
        broker = self.site.broker
        self._client(broker.host, broker.port, "sim-recording").send(
            topic=topic, payload=payload, is_retained=is_retained
        )

    def close(self) -> bool:
        """Wait until everything is taken (at most 30 s), close all; True when nothing was left."""
        is_drained = all(sender.drain(timeout_s=30.0) for sender in self._mqtt.values())
        for line in self._serial.values():
            for _ in range(100):
                if line.unread_bytes() == 0 or self.stop.wait(0.05):
                    break
            is_drained = is_drained and line.unread_bytes() == 0
            line.close()
        for sender in self._mqtt.values():
            sender.close()
        return is_drained

    def _say_directly(self, uttering: Uttering, *, sent_ns: int) -> Sent:
        readings = [
            Reading(
                device_id=uttering.device_id, quantity=quantity, value=value, observed_ns=uttering.observed_ns,
                received_ns=sent_ns, clock="device", seq=uttering.seq,
            )
            for quantity, value in sorted(uttering.values.items())
        ]  # fmt: skip
        broker = self.site.broker
        client = self._client(broker.host, broker.port, f"sim-{uttering.device_id}")
        client.send(topic=f"readings/v1/{uttering.device_id}", payload=encode_readings(readings))
        return Sent(
            device_id=uttering.device_id, values=uttering.values, seq=uttering.seq, observed_ns=uttering.observed_ns
        )

    def _publish(self, frame: Frame, uttering: Uttering, said: Decoded) -> None:
        source, uplink = self._network(frame)
        topic, payload = uplink.wrap(Envelope(frame=frame, seq=uttering.seq, observed_ns=said.observed_ns))
        self._client(source.host, source.port_number, f"sim-{uplink.name}").send(topic=topic, payload=payload)

    def _spec(self, device: Device) -> DeviceSpec:
        return self._catalog[device.model]

    def _line(self, port: str) -> SerialSender:
        if port not in self._serial:
            line = SerialSender(Path(port))
            line.open()
            self._serial[port] = line
        return self._serial[port]

    def _client(self, host: str, port: int, client_id: str) -> MqttSender:
        if client_id not in self._mqtt:
            client = MqttSender(host=host, port=port, client_id=client_id)
            client.open()
            self._mqtt[client_id] = client
        return self._mqtt[client_id]

    def _serial_source(self, device: Device) -> Source:
        for gateway in self.site.gateway:
            for source in gateway.source:
                if source.kind == "serial" and source.device == device.id:
                    return source
        raise PermanentError(f"device {device.id!r} is serial but no gateway has a line for it")

    def _network(self, frame: Frame) -> tuple[Source, UplinkSpec]:
        for gateway in self.site.gateway:
            for source in gateway.source:
                uplink = self._uplinks.get(source.uplink)
                if uplink is not None and uplink.carries == frame.transport:
                    return source, uplink
        raise PermanentError(f"no gateway of the site has a source that carries {frame.transport}")
