"""The way to the hub over MQTT: packs go out on `readings/v1/<gateway>`, receipts come in."""

from __future__ import annotations

from devices.link import LinkOptions, Publisher
from devices.site import Broker

_RECEIPTS_MOST = 200


def hub_link_options(broker: Broker, *, gateway_id: str) -> LinkOptions:
    """Return how the gateway connects to the hub's broker: no session there, the spool is the only memory."""
    return LinkOptions(host=broker.host, port=broker.port, client_id=f"{gateway_id}-uplink", clean_start=True)


class HubPublisher:
    """The `gateway.uplink.HubLink` over a real broker."""

    def __init__(self, options: LinkOptions, *, gateway_id: str) -> None:
        self._publisher = Publisher(options, [f"receipts/v1/{gateway_id}"])

    def start(self) -> None:
        """Begin to connect."""
        self._publisher.start()

    def stop(self) -> None:
        """Disconnect."""
        self._publisher.stop()

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us. Whether anything arrives is told by receipts only."""
        return self._publisher.is_connected

    @property
    def generation(self) -> int:
        """A number that changes with every connection."""
        return self._publisher.generation

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand a message to the connection; False when it takes none now."""
        return self._publisher.publish(topic, payload, qos=qos)

    def take_receipts(self) -> list[bytes]:
        """Return the receipts that came since the last call, oldest first."""
        return [message.payload for message in self._publisher.take(timeout_s=0.0, most=_RECEIPTS_MOST)]
