"""The barest MQTT 3.1.1 client: what the broker itself can do when the client costs nothing.

Wire (OASIS MQTT 3.1.1): first byte kind << 4 | flags, then the length in 7-bit groups, then the body. A QoS 1 PUBLISH
has length-prefixed topic, packet id, payload; PUBACK is 40 02 and the packet id.

`python -m satomori.bench.mqtt_raw PORT COUNT` subscribes to `bench123/v1/#`, acknowledges COUNT messages and says so.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Sequence

_READ_BYTES = 262_144
_WINDOW = 2_000
_MIDS = 65_535
_PUBLISH, _PUBACK = 3, 4


class RawClient:
    """One connection. All calls wait until they are done, at most `timeout_s` for each answer."""

    def __init__(self, port: int, client_id: str, *, timeout_s: float = 60.0) -> None:
        """Connect with a clean session."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout_s)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self._sent = 0
        body = b"\x00\x04MQTT\x04\x02\x00\x00" + _text(client_id)
        self._socket.sendall(b"\x10" + _length(len(body)) + body)
        self._await(2)

    def close(self) -> None:
        """Leave."""
        self._socket.close()

    def subscribe(self, topic: str) -> None:
        """Ask for a topic with QoS 1."""
        body = b"\x00\x01" + _text(topic) + b"\x01"
        self._socket.sendall(b"\x82" + _length(len(body)) + body)
        self._await(9)

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Publish all with QoS 1, up to 2,000 under way, and wait for every PUBACK."""
        acknowledged, begin = 0, 0
        while acknowledged < len(messages):
            end = min(len(messages), acknowledged + _WINDOW)
            if end > begin:
                self._socket.sendall(b"".join(self._packet(*message) for message in messages[begin:end]))
                begin = end
            acknowledged += sum(kind == _PUBACK for kind, _ in self._packets())

    def acknowledge(self, count: int) -> None:
        """Receive and acknowledge that many messages."""
        while count > 0:
            mids = [_mid(body) for kind, body in self._packets() if kind == _PUBLISH]
            self._socket.sendall(b"".join(b"\x40\x02" + mid for mid in mids))
            count -= len(mids)

    def _packet(self, topic: str, payload: bytes) -> bytes:
        self._sent += 1
        body = _text(topic) + struct.pack(">H", 1 + self._sent % _MIDS) + payload
        return b"\x32" + _length(len(body)) + body

    def _await(self, kind: int) -> None:
        while all(found != kind for found, _ in self._packets()):
            pass

    def _packets(self) -> list[tuple[int, bytes]]:
        """Return kind and body of the packets of one read."""
        data = self._socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionError("the broker closed the connection")
        data, at, found = self._rest + data, 0, []
        while (end := _end(data, at)) is not None:
            start, stop = end
            if stop > len(data):
                break
            found.append((data[at] >> 4, data[start:stop]))
            at = stop
        self._rest = data[at:]
        return found


def _end(data: bytes, at: int) -> tuple[int, int] | None:
    """Return where the body of the packet at `at` begins and ends, None when its length is not there yet."""
    length, shift, place = 0, 0, at + 1
    while place < len(data):
        byte = data[place]
        length |= (byte & 0x7F) << shift
        shift, place = shift + 7, place + 1
        if byte < 0x80:
            return place, place + length
    return None


def _mid(body: bytes) -> bytes:
    topic = int.from_bytes(body[:2], "big")
    return body[2 + topic : 4 + topic]


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _length(length: int) -> bytes:
    groups = bytearray()
    while True:
        length, group = divmod(length, 128)
        groups.append(group | (0x80 if length else 0))
        if not length:
            return bytes(groups)


def main(port: int, count: int) -> None:
    """Be the bare subscriber: say `ready`, acknowledge `count` messages, say `done`."""
    client = RawClient(port, "bench-bare", timeout_s=120.0)
    client.subscribe("bench123/v1/#")
    print("ready", flush=True)
    client.acknowledge(count)
    print("done", flush=True)
    client.close()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
