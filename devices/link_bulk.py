"""paho's Client with another way of reading: one read of the socket is cut into all the packets that are in it.

Stock paho makes two system calls and some twenty Python calls for each packet and one more write for each
acknowledgement; that was the limit of ingest (measured: 42 to 69 us a message against 1). Here plain PUBLISH packets of
a read (QoS 0 and 1, no properties) are cut out in one loop and handed over as a list, and a batch is acknowledged in
one write. Everything else (QoS 2, properties, whatever looks wrong, all other packets) goes through paho's own
handling, one packet at a time, so what it means is decided in one place.

This leans on paho's internals, so it is used with the one version it was written and tested for; with any other,
`StockClient` does the same in paho's own way.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import paho.mqtt
import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from devices.link_model import AckToken, Message

WRITTEN_FOR = "2.2.0"
READ_BYTES = 256 * 1024

_PUBACK = 0x40
_PUBACK_WORD = 0x4002_0000  # kind, two bytes follow, and here the packet id
_PLAIN_MASK, _PLAIN = 0xF4, 0x30  # PUBLISH with QoS 0 or 1, whatever dup and retain say
_QOS_1, _RETAIN = 0x02, 0x01
_GROUP_BITS, _MORE = 7, 0x80
_MOST_GROUPS = 4
_UNKNOWN = sys.maxsize
_SUCCESS = MQTTErrorCode.MQTT_ERR_SUCCESS


class StockClient(mqtt.Client):
    """paho as it is, made to look like the other one."""

    on_messages: Callable[[list[Message]], None]
    """Called with what was received, in its order."""

    generation: Callable[[], int]
    """Says the number of the connection; it stands in every AckToken."""

    def acknowledge(self, tokens: Iterable[AckToken]) -> None:
        """Hand acknowledgements to the network thread. The tokens must be of this connection."""
        for token in tokens:
            self.ack(token.mid, token.qos)

    def hand_over(self, _client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        """Take a message from paho (`on_message`)."""
        try:
            topic = message.topic
        except UnicodeDecodeError:  # MQTT forbids it; as an empty topic it ends in quarantine like other bad input
            topic = ""
        token = AckToken(message.mid, message.qos, self.generation())
        self.on_messages([Message(topic, bytes(message.payload), message.retain, token)])


class BulkClient(StockClient):
    """Reads up to 256 KiB at once."""

    def __init__(self, *args: Any, **more: Any) -> None:
        """Take what paho's Client takes."""
        super().__init__(*args, **more)
        self._unread = bytearray()
        self._wanted_bytes = 0

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what was left of the old connection is none of the new one's business."""
        self._forget()
        return super().reconnect()

    def acknowledge(self, tokens: Iterable[AckToken]) -> None:
        """Hand acknowledgements to the network thread, those of QoS 1 as one write."""
        words = array("I", [_PUBACK_WORD | token.mid for token in tokens if token.qos == 1])
        if sys.byteorder == "little":
            words.byteswap()
        if words:
            self._packet_queue(_PUBACK, words.tobytes(), 0, 1)
        super().acknowledge(token for token in tokens if token.qos > 1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read once and handle every packet that is complete."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return _SUCCESS
        except OSError:
            data = b""
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = monotonic()
        if self._unread:
            self._unread += data
            if len(self._unread) < self._wanted_bytes:
                return _SUCCESS
            data = bytes(self._unread)
        fault = self._handle(data)
        return self._loop_rc_handle(fault) if fault else _SUCCESS

    def _handle(self, data: bytes) -> MQTTErrorCode:
        """Handle all complete packets in `data`, keep the rest."""
        self._forget()
        is_v5, at = self._protocol == MQTTProtocolVersion.MQTTv5, 0
        while True:
            messages, at = cut_messages(data, at, is_v5=is_v5, generation=self.generation())
            if messages:
                self.on_messages(messages)
            body, stop = _span(data, at)
            if stop == _UNKNOWN and len(data) - at > _MOST_GROUPS:
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            if stop > len(data):
                self._unread += data[at:]
                self._wanted_bytes = stop - at if stop < _UNKNOWN else 0
                return _SUCCESS
            fault = self._by_paho(data[at], data[body:stop])
            if fault or self._sock is None:
                return fault
            at = stop

    def _by_paho(self, head: int, body: bytes) -> MQTTErrorCode:
        self._in_packet = {
            "command": head, "have_remaining": 1, "remaining_count": [], "remaining_mult": 1,
            "remaining_length": len(body), "packet": bytearray(body), "to_process": 0, "pos": 0,
        }  # fmt: skip
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL

    def _forget(self) -> None:
        self._unread, self._wanted_bytes = bytearray(), 0


def cut_messages(data: bytes, at: int, *, is_v5: bool, generation: int) -> tuple[list[Message], int]:
    """Return the plain messages from `at` on, and where the first packet begins that is none or is not complete."""
    found: list[Message] = []
    end = len(data)
    while at + 1 < end:
        head, length = data[at], data[at + 1]
        body, stop = (at + 2, at + 2 + length) if length < _MORE else _span(data, at)
        if head & _PLAIN_MASK != _PLAIN or stop > end:
            break
        try:
            begin = topic_end = body + 2 + (data[body] << 8 | data[body + 1])
            mid, qos = 0, 0
            if head & _QOS_1:
                mid, qos = data[begin] << 8 | data[begin + 1], 1
                begin += 2
            if is_v5:
                if data[begin]:
                    break
                begin += 1
            # what is too short for its own parts, or has no topic, is left to paho to refuse
            if begin > stop or topic_end == body + 2:
                break
            topic = data[body + 2 : topic_end].decode()
        except (IndexError, UnicodeDecodeError):
            break
        is_retained = head & _RETAIN == _RETAIN
        found.append(Message(topic, data[begin:stop], is_retained, AckToken(mid, qos, generation)))
        at = stop
    return found, at


def _span(data: bytes, at: int) -> tuple[int, int]:
    """Return where the body of the packet at `at` begins and ends, _UNKNOWN while its length has no end."""
    length = 0
    for place, byte in enumerate(data[at + 1 : at + 1 + _MOST_GROUPS]):
        length |= (byte & ~_MORE) << _GROUP_BITS * place
        if byte < _MORE:
            body = at + 2 + place
            return body, body + length
    return _UNKNOWN, _UNKNOWN


def client_class(installed: str = paho.mqtt.__version__) -> type[StockClient]:
    """Return the Client for the paho that is installed."""
    return BulkClient if installed == WRITTEN_FOR else StockClient
