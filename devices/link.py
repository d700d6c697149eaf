"""The only user of paho: subscribes with manual acknowledgement, publishes without hidden queues, survives brokers.

What was learned about paho and brokers, and is kept here (each has a test): an exception in a callback kills paho's
own network thread while `is_connected()` still says True, so the thread is ours and catches everything, and health is
a stamp of its loop; an acknowledgement carries the connection's generation (after a reconnect packet ids begin again,
and an old id would acknowledge a new message); publishing while offline is refused (paho would queue without limit);
only reason code Success is success; two clients with one id throw each other out for ever, so a connection that did
not last is tried again later and later. MQTT 5 is spoken where the broker can, else 3.1.1.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Event, Lock, RLock, Thread

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from devices.link_bulk import StockClient, client_class
from devices.link_inbox import Inbox
from devices.link_model import AckToken, LinkHealth, LinkOptions, Message
from devices.link_probe import Protocol, probe
from devices.model import TransientError

__all__ = ["AckToken", "LinkHealth", "LinkOptions", "Message", "Publisher", "Subscriber"]

log = logging.getLogger(__name__)

_SESSION_EXPIRY_S = 30 * 24 * 3600
_RETRY_FIRST_S = 0.5
_RETRY_MOST_S = 30.0
_LASTING_S = 10.0
_CONNECT_TIMEOUT_S = 5.0
_LOOP_S = 0.2
_LINGER_S = 0.005
_GATHER_S = 0.002
_DENSE_MESSAGES = 8
_LOOP_STALE_S = 30.0
_GOODBYE_S = 1.0
_ATTEMPTS_PER_PROBE = 3
_TAKEN_OVER = 0x8E


class Subscriber:
    """A persistent session: messages wait in the broker until `acknowledge` says they are safe.

    Thread-safe. Constructing connects nothing; `start` does, in the background, for ever, with jittered back-off.
    """

    def __init__(self, options: LinkOptions, topics: Sequence[str] = (), *, former_topics: Sequence[str] = ()) -> None:
        """`former_topics` are subscriptions of earlier settings, which the session in the broker may still have."""
        self.health = LinkHealth()
        self._options = options
        self._topics = tuple(topics)
        self._former_topics = tuple(topic for topic in former_topics if topic not in topics)
        self._inbox: Inbox[Message] = Inbox(_bytes_of)
        self._lock = Lock()  # guards the generation against acknowledgements on their way out
        self._sending = RLock()
        self._client: StockClient | None = None
        self._protocol: Protocol | None = None
        self._attempts = self._received = 0
        self._unanswered: deque[mqtt.MQTTMessageInfo] = deque()
        self._is_connected = False
        self._is_down_logged = False
        self._stop = Event()
        self._again = Event()
        self._thread: Thread | None = None

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted us and our subscriptions, and the network loop goes round."""
        return self._is_connected and time.monotonic() - self.health.last_loop_s < _LOOP_STALE_S

    @property
    def generation(self) -> int:
        """A number that changes with every connection and every loss of one."""
        return self.health.generation

    def start(self) -> None:
        """Begin to connect, in the background."""
        self._stop.clear()
        self._thread = Thread(target=self._keep_connected, name=f"link-{self._options.client_id}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Give what was handed over a second to be answered, then disconnect; the broker keeps the session."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_CONNECT_TIMEOUT_S * 2 + _GOODBYE_S)
            self._thread = None

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Return at most `most` of the messages there are; waits up to `timeout_s` for the first, empty if none."""
        return self._inbox.take(timeout_s=timeout_s, most=most)

    def acknowledge(self, tokens: Sequence[AckToken]) -> None:
        """Tell the broker that these messages are safe. Tokens of an older connection are counted and skipped."""
        with self._lock:
            generation = self.health.generation if self._client is not None else None
            fresh = [token for token in tokens if token.generation == generation]
            self.health.stale_acks += len(tokens) - len(fresh)
            if self._client is not None:
                self._client.acknowledge(fresh)

    def publish(self, topic: str, payload: bytes, *, qos: int = 0, retain: bool = False) -> bool:
        """Hand a message to the connection; False when there is none or too much is unanswered. Never waits.

        True says only that it is on its way: what became of it is told by receipts, and by `health.unstored`.
        """
        with self._sending:
            client = self._client if self.is_connected else None
            if client is not None and self._count_unanswered() < self._options.max_queued:
                sent = client.publish(topic, payload, qos=qos, retain=retain)
                if sent.rc == MQTTErrorCode.MQTT_ERR_SUCCESS:
                    self._unanswered.append(sent)
                    return True
            self.health.refused += 1
            return False

    def _count_unanswered(self) -> int:
        with self._sending:  # gone are those answered, written (QoS 0) or lost with their connection
            while (first := next(iter(self._unanswered), None)) and (first.rc > 0 or first.is_published()):
                self._unanswered.popleft()
            return len(self._unanswered)

    # the network thread

    def _keep_connected(self) -> None:
        pause_s = _RETRY_FIRST_S
        while not self._stop.is_set():
            self._again.clear()
            began_s, connects = time.monotonic(), self.health.connects
            try:
                self._serve()
                self._note_down("connection closed")
            except (OSError, TransientError) as error:
                self._note_down(str(error))
            except Exception:  # whatever paho or a callback trips over must not end this thread
                self.health.faults += 1
                log.exception("link_failed", extra={"client_id": self._options.client_id})
            self._lost()
            if time.monotonic() - began_s >= _LASTING_S:
                pause_s = _RETRY_FIRST_S
            elif self.health.connects > connects:
                self.health.short_lived += 1
            # jitter keeps a town's boxes from knocking all at once after an outage
            self._stop.wait(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            pause_s = min(_RETRY_MOST_S, pause_s * 2)
        with self._lock:
            self._client = None

    def _serve(self) -> None:
        """Connect once and go round until the connection is lost. Raises OSError or TransientError without a broker."""
        client = self._fitting_client()
        self._attempts += 1
        self._connect(client)
        deadline_s = time.monotonic() + _CONNECT_TIMEOUT_S
        while not self._stop.is_set() and not self._again.is_set():
            self.health.last_loop_s = time.monotonic()
            if self._turn(client) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                return
            if not self._is_connected and time.monotonic() > deadline_s:
                raise TransientError("the broker does not answer")
        _say_goodbye(client, self._count_unanswered)

    def _turn(self, client: mqtt.Client) -> MQTTErrorCode:
        """Receive and send what there is; while the inbox is full send only, and let the broker keep the rest."""
        if self._inbox.has_room():
            # a moment later one read brings much more, and the other thread is not disturbed at what it has in hand;
            # nobody waits while the line is quiet: then messages come one by one, and the inbox is empty
            if self._received >= _DENSE_MESSAGES:
                self._stop.wait(_GATHER_S)
            self._inbox.wait_empty(timeout_s=_LINGER_S)
            self._received = 0
            return client.loop(timeout=_LOOP_S)
        self.health.stalls += 1
        self._inbox.has_room(timeout_s=_LOOP_S)
        written = client.loop_write()
        return written if written != MQTTErrorCode.MQTT_ERR_SUCCESS else client.loop_misc()

    def _fitting_client(self) -> StockClient:
        """Return a client for what the broker speaks; asks again after attempts that came to nothing.

        The client stays the same as long as it can: it holds what was published and not answered yet.
        """
        if self._client is not None and self._attempts < _ATTEMPTS_PER_PROBE:
            return self._client
        protocol = probe(self._options.host, self._options.port, timeout_s=_CONNECT_TIMEOUT_S)
        if protocol is None:
            raise TransientError("no MQTT broker answers")
        self._attempts = 0
        if self._client is None or protocol != self._protocol:
            client = self._new_client(protocol)
            with self._sending, self._lock:
                self._client, self._protocol = client, protocol
                self._unanswered.clear()
        return self._client

    def _new_client(self, protocol: Protocol) -> StockClient:
        options = self._options
        client = client_class()(
            CallbackAPIVersion.VERSION2,
            client_id=options.client_id,
            protocol=MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311,
            clean_session=None if protocol == "5" else options.clean_start,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if options.username:
            client.username_pw_set(options.username, options.password)
        if options.will_topic:
            client.will_set(options.will_topic, options.will_payload, qos=1, retain=True)
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.max_queued_messages_set(options.max_queued)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_subscribe, client.on_publish = self._on_subscribe, self._on_publish
        client.on_message = client.hand_over
        client.on_messages, client.generation = self._on_messages, lambda: self.health.generation
        # with this paho leaves writing to our thread, instead of writing in the one that publishes
        client.on_socket_register_write = lambda _client, _userdata, _socket: None
        return client

    def _connect(self, client: mqtt.Client) -> None:
        options = self._options
        if self._protocol != "5":
            client.connect(options.host, options.port, keepalive=options.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = options.max_inflight
        properties.SessionExpiryInterval = 0 if options.clean_start else _SESSION_EXPIRY_S
        client.connect(
            options.host, options.port, options.keepalive_s, clean_start=options.clean_start, properties=properties
        )

    def _lost(self) -> None:
        self._is_connected = False
        with self._lock:
            self.health.generation += 1

    def _note_down(self, reason: str) -> None:
        """Log the beginning of an outage, once."""
        if not self._is_down_logged and not self._stop.is_set():
            self._is_down_logged = True
            log.warning("link_lost", extra={"client_id": self._options.client_id, "reason": reason[:200]})

    # paho's callbacks, called in the network thread

    def _on_connect(
        self,
        client: mqtt.Client,
        _userdata: object,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _properties: object,
    ) -> None:
        if reason.is_failure:
            self._note_down(f"refused: {reason}")
            return
        self._attempts = 0
        with self._lock:
            self.health.generation += 1
        if self.health.connects and not self._options.clean_start and not flags.session_present:
            self.health.sessions_lost += 1
        self.health.connects += 1
        if self._topics:
            self._subscribe(client)
        else:
            self._up()

    def _subscribe(self, client: mqtt.Client) -> None:
        """Ask at every connection: a broker that lost its state has lost the subscription with it."""
        if self._protocol == "5":
            wanted = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
            client.subscribe([(topic, wanted) for topic in self._topics])
        else:
            client.subscribe([(topic, 1) for topic in self._topics])

    def _on_subscribe(
        self, client: mqtt.Client, _userdata: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure]
        if refused:
            self._note_down(f"subscription refused: {', '.join(refused)}")
            self._again.set()
            return
        if self._former_topics:
            # only now, when the new ones hold: for a moment a message may come by both, but none by neither
            client.unsubscribe(list(self._former_topics))
        self._up()

    def _up(self) -> None:
        self._is_connected = True
        self._is_down_logged = False
        self.health.connected_since_s = self.health.last_loop_s = time.monotonic()
        log.info("link_connected", extra={"client_id": self._options.client_id, "mqtt": self._protocol})

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        self._lost()
        if reason.value == _TAKEN_OVER:
            self.health.takeovers += 1
        self._note_down(str(reason))

    def _on_messages(self, messages: list[Message]) -> None:
        self._inbox.put(messages)
        self._received += len(messages)

    def _on_publish(
        self, _client: mqtt.Client, _userdata: object, _mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.value != 0:
            self.health.unstored += 1


class Publisher(Subscriber):
    """The sending side: `publish` is QoS 1 unless told otherwise; what comes in (receipts) needs no acknowledgement."""

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Hand a message to the connection; False when there is none or too much is unanswered. Never waits."""
        return super().publish(topic, payload, qos=qos, retain=retain)

    def take(self, *, timeout_s: float, most: int) -> list[Message]:
        """Return the messages there are, acknowledged already; waits up to `timeout_s` for the first."""
        messages = super().take(timeout_s=timeout_s, most=most)
        self.acknowledge([message.ack_token for message in messages])
        return messages


def _bytes_of(message: Message) -> int:
    return len(message.payload) + len(message.topic)


def _say_goodbye(client: mqtt.Client, count_unanswered: Callable[[], int]) -> None:
    deadline_s = time.monotonic() + _GOODBYE_S
    while count_unanswered() and time.monotonic() < deadline_s:
        client.loop(timeout=_LOOP_S)
    client.disconnect()
    while client.loop(timeout=_LOOP_S) == MQTTErrorCode.MQTT_ERR_SUCCESS and time.monotonic() < deadline_s:
        pass
