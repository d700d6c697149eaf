"""Which sender speaks for which device of a site, and how what it says becomes bytes on that wire."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from devices.fitting import fit_devices
from devices.model import Decoded, DeviceSpec, Envelope, PermanentError, Reading, TransientError, Transport, UplinkSpec
from devices.quantities import base_key
from devices.registry import load_uplinks
from devices.senml import encode_readings
from devices.site import Device, Site, Source
from firmware_sim.rows import Uttering
from firmware_sim.send import MqttSender, Patience, SerialSender

DIRECT_MODEL = "senml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What went out: the values as the receiver must decode them (rounded by the wire format)."""

    device_id: str
    values: Mapping[str, float]
    seq: int | None
    observed_ns: int | None


@dataclass(slots=True)
class Wires:
    """All senders of a site, opened when first needed.

    `patience` is for a reader or broker that is away.
    """

    site: Site
    patience: Patience
    _devices: Mapping[str, Device] = field(init=False)
    _specs: Mapping[str, DeviceSpec] = field(init=False)
    _uplinks: Mapping[str, UplinkSpec] = field(default_factory=load_uplinks)
    _serial: dict[str, SerialSender] = field(default_factory=dict)
    _mqtt: dict[str, MqttSender] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look up devices once; a long recording asks for every row."""
        self._devices = self.site.devices_by_id()
        self._specs = fit_devices(self.site)

    def serial_ports(self, device_ids: Collection[str]) -> set[str]:
        """Return the ports of the lines on which `device_ids` are heard: their own, or that of a radio stick."""
        devices = [self._device(device_id) for device_id in device_ids]
        sources = [self._source(device) for device in devices if device.model != DIRECT_MODEL]
        return {source.port for source in sources if source.kind == "serial"}

    def open_lines(self, ports: set[str]) -> None:
        """Make the serial lines `ports`, then wait until somebody reads each.

        Raises TransientError naming the port that nobody opened in time.
        """
        lines = {port: self._line(port) for port in sorted(ports)}
        deadline_s = time.monotonic() + self.patience.seconds
        for port, line in lines.items():
            if not line.wait_for_reader(deadline_s=deadline_s) and not self.patience.stop.is_set():
                raise TransientError(f"nobody opened the serial port {port} within {self.patience.seconds:g} s")

    def check(self, said: Mapping[str, Collection[str]]) -> None:
        """Look at which device is to say which quantities, before anything is sent.

        Raises PermanentError naming the first device that is not in the site, has no way to it, or cannot say that.
        """
        for device_id, quantities in sorted(said.items()):
            device = self._device(device_id)
            spec = self._spec(device)
            link = _link_quantities(spec)
            unknown = sorted(key for key in set(quantities) if base_key(key) not in {*spec.quantities, *link})
            if unknown:
                raise PermanentError(f"device {device_id!r} ({device.model}) cannot say {unknown[0]!r}")
            if spec.transport == "serial":
                self._serial_source(device)
            elif device.model != DIRECT_MODEL:
                self._network(spec.transport)

    def say(self, uttering: Uttering, *, sent_ns: int) -> Sent | None:
        """Send what a device says, as the device would; return what a receiver must understand.

        None when told to stop before it was sent.

        Raises PermanentError naming the device when the site does not know it or its model cannot say this.
        """
        device = self._device(uttering.device_id)
        if device.model == DIRECT_MODEL:
            return self._say_directly(uttering)
        spec = self._spec(device)
        own = {key: value for key, value in uttering.values.items() if base_key(key) in spec.quantities}
        said = Decoded(values=own, seq=uttering.seq, observed_ns=uttering.observed_ns)
        link = {key: value for key, value in uttering.values.items() if key not in own}
        frame = replace(spec.encode(said), gateway_id="sim", address=device.address, received_ns=sent_ns)
        understood = spec.decode(frame)
        if spec.transport == "serial":
            is_sent = self._line(self._serial_source(device).port).send(frame.payload)
        else:
            envelope = Envelope(frame=frame, seq=uttering.seq, observed_ns=uttering.observed_ns, values=link)
            is_sent = self._publish(envelope)
        if not is_sent:
            return None
        return Sent(
            device_id=device.id,
            values={**understood.values, **link},
            seq=uttering.seq if understood.seq is None and spec.transport == "lorawan" else understood.seq,
            observed_ns=understood.observed_ns,
        )

    def send_raw_serial(self, port: str, payload: bytes) -> bool:
        """Write recorded bytes to a serial line; False when told to stop before."""
        return self._line(port).send(payload)

    def send_raw_mqtt(self, *, topic: str, payload: bytes, is_retained: bool) -> bool:
        """Publish a recorded message to the site's broker; False when told to stop before."""
        broker = self.site.broker
        return self._client(broker.host, broker.port, "sim-recording").send(
            topic=topic, payload=payload, is_retained=is_retained
        )

    def drain(self) -> None:
        """Wait until everything that was sent is taken.

        Raises TransientError naming what is not, unless told to stop: then a moment is all there is.
        """
        left = [f"the serial port {port}" for port, line in self._serial.items() if not line.drain()]
        left += [f"the broker (as {client_id})" for client_id, sender in self._mqtt.items() if not sender.drain()]
        if left and not self.patience.stop.is_set():
            raise TransientError("not everything that was sent has been taken by " + " and ".join(left))

    def close(self) -> None:
        """Unplug the lines and disconnect the clients."""
        for line in self._serial.values():
            line.close()
        for sender in self._mqtt.values():
            sender.close()

    def _say_directly(self, uttering: Uttering) -> Sent | None:
        readings = [
            Reading(
                device_id=uttering.device_id, quantity=quantity, value=value, observed_ns=uttering.observed_ns,
                received_ns=0, clock="device", seq=uttering.seq,
            )
            for quantity, value in sorted(uttering.values.items())
        ]  # fmt: skip
        broker = self.site.broker
        client = self._client(broker.host, broker.port, f"sim-{uttering.device_id}")
        if not client.send(topic=f"readings/v1/{uttering.device_id}", payload=encode_readings(readings)):
            return None
        return Sent(
            device_id=uttering.device_id, values=uttering.values, seq=uttering.seq, observed_ns=uttering.observed_ns
        )

    def _publish(self, envelope: Envelope) -> bool:
        source, uplink = self._network(envelope.frame.transport)
        topic, payload = uplink.wrap(envelope)
        if source.kind == "serial":
            return self._line(source.port).send(payload)
        return self._client(source.host, source.port_number, f"sim-{uplink.name}").send(topic=topic, payload=payload)

    def _device(self, device_id: str) -> Device:
        device = self._devices.get(device_id)
        if device is None:
            raise PermanentError(f"device {device_id!r} of the recording is not in the site")
        return device

    def _spec(self, device: Device) -> DeviceSpec:
        spec = self._specs[device.id]
        if spec.polling is not None:
            message = f"model {spec.model} speaks only when it is asked: satomori sim instrument stands in for it"
            raise PermanentError(f"device {device.id!r}: {message}")
        return spec

    def _source(self, device: Device) -> Source:
        spec = self._spec(device)
        return self._serial_source(device) if spec.transport == "serial" else self._network(spec.transport)[0]

    def _line(self, port: str) -> SerialSender:
        if port not in self._serial:
            line = SerialSender(Path(port), self.patience)
            line.open()
            self._serial[port] = line
        return self._serial[port]

    def _client(self, host: str, port: int, client_id: str) -> MqttSender:
        if client_id not in self._mqtt:
            client = MqttSender(host=host, port=port, client_id=client_id, patience=self.patience)
            client.open()
            self._mqtt[client_id] = client
        return self._mqtt[client_id]

    def _serial_source(self, device: Device) -> Source:
        for gateway in self.site.gateway:
            for source in gateway.source:
                if source.kind == "serial" and source.device == device.id:
                    return source
        raise PermanentError(f"device {device.id!r} is serial but no gateway has a line for it")

    def _network(self, transport: Transport) -> tuple[Source, UplinkSpec]:
        for gateway in self.site.gateway:
            for source in gateway.source:
                uplink = self._uplinks.get(source.uplink)
                if uplink is not None and uplink.carries == transport and source.kind != "http":
                    return source, uplink
        raise PermanentError(f"no gateway of the site has a source that carries {transport}")


def _link_quantities(spec: DeviceSpec) -> set[str]:
    """What the network says of a frame, not the device."""
    return {"rssi", "snr"} if spec.transport == "lorawan" else set()
