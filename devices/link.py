"""The only user of paho: subscribes with manual acknowledgement, publishes without hidden queues, survives brokers.

What was learned about paho and brokers, and is kept here (each has a test):
nothing may leave a callback (an exception kills the network thread while `is_connected()` still says True);
an acknowledgement carries the connection's generation (after a reconnect packet ids begin again, and an old id would
acknowledge a new message); publishing while offline is refused (paho would queue without limit in memory); only
reason code Success is success; MQTT 5 is tried first, and 3.1.1 where the broker speaks nothing newer.
"""

from __future__ import annotations

import logging
import random
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.link_probe import Protocol, probe

log = logging.getLogger(__name__)

_SESSION_EXPIRY_S = 7 * 24 * 3600
_QUEUE_MOST = 20_000
_RETRY_FIRST_S = 0.25
_RETRY_MOST_S = 30.0
_LOST_PATIENCE_S = 60.0
_POLL_S = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkOptions:
    """Where the broker is and who we are. `client_id` is stable: the session of the broker hangs on it.

    `max_inflight` bounds what the broker sends before it is acknowledged; `max_queued` what we send before the broker
    answers. `password` never shows in a repr.
    """

    host: str
    port: int
    client_id: str
    keepalive_s: int = 15
    max_inflight: int = 200
    max_queued: int = 1_000
    username: str = ""
    password: str = field(default="", repr=False)
    clean_start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AckToken:
    """What acknowledges one message. `generation` is that of the connection it came by."""

    mid: int
    qos: int
    generation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message as the broker delivered it."""

    topic: str
    payload: bytes
    is_retained: bool
    ack_token: AckToken


@dataclass(slots=True, kw_only=True)
class LinkHealth:
    """What is known of the connection. Stamps are of the monotonic clock, 0.0 = never.

    `takeovers`: how often the broker threw us out for another client with our id. `stale_acks`: acknowledgements that
    came after their connection was gone. `refused`: publishes that were not taken because there was no room or no
    connection. `overflowed`: messages that had no room in our queue.
    """

    connected_since_s: float = 0.0
    last_seen_s: float = 0.0
    takeovers: int = 0
    stale_acks: int = 0
    refused: int = 0
    overflowed: int = 0
    faults: int = 0


class Subscriber:
    """A persistent session: messages wait in the broker until `acknowledge` says they are safe.

    Thread-safe. Constructing connects nothing; `start` does, in the background, for ever, with jittered back-off.
    """

    def __init__(self, options: LinkOptions, topics: Sequence[str] = ()) -> None:
        self._options = options
        self._topics = tuple(topics)
        self._queue: Queue[Message] = Queue(maxsize=_QUEUE_MOST)
        self._lock = Lock()
        self._client: mqtt.Client | None = None
        self._generation = 0
        self._is_connected = False
        self._sent = 0
        self._answered = 0  # written by paho's thread only
        self._stop = Event()
        self._again = Event()
        self._thread: Thread | None = None
        self.health = LinkHealth()

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us and nothing says that it has gone since."""
        return self._is_connected

    @property
    def generation(self) -> int:
        """A number that changes with every connection and every loss of one."""
        return self._generation

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._stop.clear()
        self._thread = Thread(target=self._keep_connected, name=f"link-{self._options.client_id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Disconnect; the broker keeps the session and what is not acknowledged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5.0)
            self._thread = None

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Return at most `most` of the messages there are; waits up to `timeout_s` for the first, empty if none."""
        found: list[Message] = []
        try:
            found.append(self._queue.get(timeout=timeout_s))
            while len(found) < most:
                found.append(self._queue.get_nowait())
        except Empty:
            pass
        return found

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        """Tell the broker that these messages are safe. Tokens of an older connection are counted and skipped."""
        with self._lock:
            client = self._client
            for token in tokens:
                if client is None or token.generation != self._generation:
                    self.health.stale_acks += 1
                elif token.qos > 0:
                    client.ack(token.mid, token.qos)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0) -> bool:
        """Hand a message to the connection; False when there is none or too much is unanswered. Never waits."""
        client = self._client
        if client is None or not self._is_connected or self._sent - self._answered >= self._options.max_queued:
            self.health.refused += 1
            return False
        with self._lock:
            self._sent += 1
        sent = client.publish(topic, payload, qos=qos)
        if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
            return True
        self.health.refused += 1
        if sent.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:  # paho dropped it and will never answer
            with self._lock:
                self._sent -= 1
        return False

    # -- connection keeping ------------------------------------------------------------------------------------------

    def _keep_connected(self) -> None:
        """Find out what the broker speaks, connect, and begin anew when it has been lost for long."""
        pause_s = _RETRY_FIRST_S
        while not self._stop.is_set():
            protocol = probe(self._options.host, self._options.port, timeout_s=5.0)
            if protocol is None:
                # jitter keeps a town's boxes from knocking all at once after an outage
                self._stop.wait(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
                pause_s = min(_RETRY_MOST_S, pause_s * 2)
                continue
            pause_s = _RETRY_FIRST_S
            client = self._new_client(protocol)
            with self._lock:
                self._client, self._sent, self._answered = client, 0, 0
            self._connect(client, protocol)
            client.loop_start()
            self._watch()
            client.disconnect()
            client.loop_stop()
            self._lost()
            with self._lock:
                self._client = None

    def _watch(self) -> None:
        """Return when we are to stop, must begin anew, or the broker has been away so long that it may have changed."""
        lost_since_s = time.monotonic()
        self._again.clear()
        while not self._stop.wait(_POLL_S) and not self._again.is_set():
            if self._is_connected:
                lost_since_s = self.health.last_seen_s = time.monotonic()
            elif time.monotonic() - lost_since_s > _LOST_PATIENCE_S:
                return

    def _new_client(self, protocol: Protocol) -> mqtt.Client:
        options = self._options
        version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=version,
            clean_session=None if protocol == "5" else options.clean_start,
            manual_ack=True,
        )
        if options.username:
            client.username_pw_set(options.username, options.password)
        client.max_inflight_messages_set(options.max_queued)
        client.max_queued_messages_set(options.max_queued)
        client.reconnect_delay_set(min_delay=1, max_delay=int(_RETRY_MOST_S))
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def _connect(self, client: mqtt.Client, protocol: Protocol) -> None:
        options = self._options
        if protocol != "5":
            client.connect_async(options.host, options.port, keepalive=options.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = options.max_inflight
        properties.SessionExpiryInterval = 0 if options.clean_start else _SESSION_EXPIRY_S
        client.connect_async(
            options.host,
            options.port,
            keepalive=options.keepalive_s,
            clean_start=options.clean_start,
            properties=properties,
        )

    # -- paho's callbacks: run in its thread, let nothing out --------------------------------------------------------

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        try:
            if reason.is_failure:
                log.warning("link_refused", extra={"client_id": self._options.client_id, "reason": str(reason)})
                return
            with self._lock:
                self._generation += 1
            self._subscribe(client)
            self._is_connected = True
            self.health.connected_since_s = self.health.last_seen_s = time.monotonic()
            log.info("link_connected", extra={"client_id": self._options.client_id})
        except Exception:  # noqa: BLE001 - an exception that leaves a callback kills paho's thread
            self._fault("on_connect")

    def _subscribe(self, client: mqtt.Client) -> None:
        """Ask again at every connection: a broker that lost its state has lost the subscription with it."""
        if not self._topics:
            return
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            wanted = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, wanted) for topic in self._topics])
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        try:
            self._lost()
            if "taken over" in str(reason).lower():
                self.health.takeovers += 1
            if not self._stop.is_set():
                log.warning("link_lost", extra={"client_id": self._options.client_id, "reason": str(reason)})
        except Exception:  # noqa: BLE001
            self._fault("on_disconnect")

    def _lost(self) -> None:
        self._is_connected = False
        with self._lock:
            self._generation += 1

    def _on_message(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        try:
            token = AckToken(mid=message.mid, qos=message.qos, generation=self._generation)
            self._queue.put_nowait(
                Message(
                    topic=message.topic,
                    payload=bytes(message.payload),
                    is_retained=message.retain,
                    ack_token=token,
                )
            )
        except Full:
            self.health.overflowed += 1
            if message.qos > 0:
                self._again.set()  # not acknowledged: the broker sends it again after a reconnect
        except Exception:  # noqa: BLE001
            self._fault("on_message")

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, _mid: int, _reason: ReasonCode, _properties: object
    ) -> None:
        self._answered += 1  # no lock: paho holds its own here, and publish() takes them the other way round

    def _fault(self, where: str) -> None:
        self.health.faults += 1
        log.error(
            "link_callback_failed",
            extra={"client_id": self._options.client_id, "where": where},
            exc_info=sys.exc_info(),
        )


class Publisher(Subscriber):
    """A Subscriber seen from the sending side: `publish` is QoS 1 unless told otherwise."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> bool:
        """Hand a message to the connection; False when there is none or too much is unanswered. Never waits."""
        return super().publish(topic, payload, qos=qos)
