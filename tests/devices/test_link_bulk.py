"""Reading in bulk, byte by byte: whatever a read holds, the outcome is that of stock paho."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

from devices.link_bulk import READ_BYTES, WRITTEN_FOR, BulkClient, StockClient, client_class
from devices.link_model import AckToken, Message

V5, V311 = MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311
EITHER = pytest.mark.parametrize("version", [V5, V311])


class FakeSocket:
    """Gives the chunks one after the other, a chunk a readiness; keeps what was written."""

    def __init__(self, chunks: Sequence[bytes]) -> None:
        self.chunks = [chunk for chunk in chunks if chunk]
        self.reads = 0
        self.written: list[bytes] = []
        self.is_closed = False

    def recv(self, most: int) -> bytes:
        self.reads += 1
        if not self.chunks:
            raise BlockingIOError
        chunk, rest = self.chunks[0][:most], self.chunks[0][most:]
        self.chunks[:1] = [rest] if rest else []
        return chunk

    def send(self, data: bytes) -> int:
        self.written.append(bytes(data))
        return len(data)

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Told:
    """What became of some bytes: messages with how they were grouped, packets written, and how it ended."""

    batches: list[list[Message]] = field(default_factory=list)
    written: bytes = b""
    rc: MQTTErrorCode = MQTTErrorCode.MQTT_ERR_SUCCESS
    is_closed: bool = False

    @property
    def messages(self) -> list[Message]:
        return [message for batch in self.batches for message in batch]

    @property
    def payloads(self) -> list[bytes]:
        return [message.payload for message in self.messages]


def made(kind: type[StockClient], version: MQTTProtocolVersion, sock: FakeSocket, told: Told) -> StockClient:
    client = kind(CallbackAPIVersion.VERSION2, client_id="c", protocol=version, manual_ack=True)
    client.on_messages, client.generation = told.batches.append, lambda: 7
    client.on_message = client.hand_over
    client.on_socket_register_write = lambda *_args: None
    client._sock = sock  # type: ignore[assignment]
    return client


def read(kind: type[StockClient], version: MQTTProtocolVersion, *chunks: bytes) -> Told:
    """Let a client read these chunks until there are none or it gives up."""
    sock, told = FakeSocket(chunks), Told()
    client = made(kind, version, sock, told)
    while sock.chunks and not told.rc and not sock.is_closed:
        told.rc = client.loop_read()
    if not sock.is_closed:
        client.loop_write()
    told.written, told.is_closed = b"".join(sock.written), sock.is_closed
    return told


def packet(head: int, body: bytes) -> bytes:
    groups, length = bytearray(), len(body)
    while True:
        length, group = divmod(length, 128)
        groups.append(group | (0x80 if length else 0))
        if not length:
            return bytes([head]) + bytes(groups) + body


def publish(version: MQTTProtocolVersion, payload: bytes, **more: Any) -> bytes:
    """Return a PUBLISH; `flags` are the low bits, `extra` properties, `topic` bytes."""
    flags, mid = more.get("flags", 2), more.get("mid", 1)
    name = more.get("topic", b"in/x")
    body = len(name).to_bytes(2, "big") + name
    if flags & 6:
        body += mid.to_bytes(2, "big")
    if version == V5:
        extra = more.get("extra", b"")
        body += bytes([len(extra)]) + extra
    return packet(0x30 | flags, body + payload)


@EITHER
def test_what_a_message_says(version: MQTTProtocolVersion) -> None:
    wire = publish(version, b"p", flags=0b1011, mid=258) + publish(version, b"q", flags=0, topic=b"in/\xe9\x9b\xaa")
    assert read(BulkClient, version, wire).batches == [
        [
            Message("in/x", b"p", True, AckToken(258, 1, 7)),
            Message("in/雪", b"q", False, AckToken(0, 0, 7)),
        ]
    ]


@EITHER
def test_a_read_full_of_packets_is_one_batch_and_one_system_call(version: MQTTProtocolVersion) -> None:
    sock, told = FakeSocket([publish(version, b"x" * 50) * 3_000]), Told()
    client = made(BulkClient, version, sock, told)
    assert client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS
    assert (sock.reads, len(told.batches), len(told.messages)) == (1, 1, 3_000)


@EITHER
def test_a_read_may_end_after_any_byte(version: MQTTProtocolVersion) -> None:
    wire = publish(version, b"a") + packet(0xD0, b"") + publish(version, b"b" * 200, mid=2) + publish(version, b"c")
    ends = {tuple(read(BulkClient, version, wire[:cut], wire[cut:]).payloads) for cut in range(len(wire) + 1)}
    assert ends == {(b"a", b"b" * 200, b"c")}
    assert read(BulkClient, version, *(bytes([byte]) for byte in wire)).payloads == [b"a", b"b" * 200, b"c"]


@EITHER
@pytest.mark.parametrize("size", [127, 128, 16_383, 16_384, READ_BYTES - 1, READ_BYTES, 3 * READ_BYTES + 5, 2_097_152])
def test_packets_of_all_sizes(version: MQTTProtocolVersion, size: int) -> None:
    wire = publish(version, b"s") + publish(version, b"l" * size) + publish(version, b"e")
    assert read(BulkClient, version, wire).payloads == [b"s", b"l" * size, b"e"]


@EITHER
@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(b"\x30\xff\xff\xff\xff\x01", id="length of five bytes"),
        pytest.param(b"\x32\x02\x00\x09", id="topic longer than the packet"),
        pytest.param(b"\x32\x06\x00\x04in/x", id="no packet id"),
        pytest.param(b"\x30\x01\x00", id="no topic length"),
        pytest.param(b"\x30\x00", id="nothing"),
        pytest.param(b"\xf0\x00", id="a packet that does not exist"),
        pytest.param(b"\x36\x09\x00\x04in/x\x00\x01\x00", id="QoS 3"),
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(version: MQTTProtocolVersion, bad: bytes) -> None:
    told = read(BulkClient, version, publish(version, b"before") + bad + publish(version, b"after"))
    assert told.payloads == [b"before"]
    assert (told.rc, told.is_closed) == (MQTTErrorCode.MQTT_ERR_PROTOCOL, True)


def test_an_empty_topic_is_refused_where_it_must_not_be() -> None:
    assert read(BulkClient, V311, publish(V311, b"p", topic=b"")).is_closed
    # topic aliases were not offered: such a message has no topic that we know, and ends in quarantine
    aliased = publish(V5, b"p", topic=b"", extra=b"\x23\x00\x01")
    assert [m.topic for m in read(BulkClient, V5, aliased).messages] == [""]


def test_properties_are_no_part_of_the_payload() -> None:
    extra = b"\x01\x01" + b"\x26\x00\x01k\x00\x02vv"
    told = read(BulkClient, V5, publish(V5, b"p1", extra=extra) + publish(V5, b"p2"))
    assert told.payloads == [b"p1", b"p2"]


@EITHER
def test_exactly_once_messages_come_when_they_are_released(version: MQTTProtocolVersion) -> None:
    sent = publish(version, b"two", flags=4, mid=9)
    told = read(BulkClient, version, publish(version, b"one") + sent + publish(version, b"three") + b"\x62\x02\x00\x09")
    assert told.payloads == [b"one", b"three", b"two"]
    assert told.messages[-1].ack_token == AckToken(9, 2, 7)
    assert told.written == b"\x50\x02\x00\x09"


@EITHER
def test_a_batch_is_acknowledged_in_one_write(version: MQTTProtocolVersion) -> None:
    sock = FakeSocket([])
    client = made(BulkClient, version, sock, Told())
    client.acknowledge([AckToken(1, 1, 7), AckToken(0, 0, 7), AckToken(0x1234, 1, 7), AckToken(5, 2, 7)])
    client.loop_write()
    assert sock.written == [b"\x40\x02\x00\x01\x40\x02\x12\x34", b"\x70\x02\x00\x05"]


@EITHER
@pytest.mark.parametrize("kind", [BulkClient, StockClient])
def test_nothing_to_acknowledge_writes_nothing(version: MQTTProtocolVersion, kind: type[StockClient]) -> None:
    sock = FakeSocket([])
    client = made(kind, version, sock, Told())
    client.acknowledge([AckToken(0, 0, 7)])
    assert not client.want_write()


@EITHER
def test_a_new_connection_begins_with_a_new_packet(version: MQTTProtocolVersion, monkeypatch: Any) -> None:
    told = Told()
    client = made(BulkClient, version, FakeSocket([publish(version, b"cut off")[:-3]]), told)
    client.loop_read()
    fresh = FakeSocket([publish(version, b"whole")])
    fresh.setblocking = lambda _flag: None  # type: ignore[attr-defined]
    monkeypatch.setattr(client, "_create_socket", lambda: fresh)
    client.connect_async("localhost")
    client.reconnect()
    client.loop_read()
    assert told.payloads == [b"whole"]


def test_a_closed_connection_is_noticed() -> None:
    class Ended(FakeSocket):
        def recv(self, most: int) -> bytes:
            return b""

    class Reset(FakeSocket):
        def recv(self, most: int) -> bytes:
            raise ConnectionResetError

    ends = [made(BulkClient, V5, sock, Told()).loop_read() for sock in (Ended([]), Reset([]))]
    assert ends == [MQTTErrorCode.MQTT_ERR_CONN_LOST] * 2


def test_another_paho_is_used_in_its_own_way() -> None:
    assert paho.mqtt.__version__ == WRITTEN_FOR, "tests of link_bulk must be run and read again for this version"
    assert client_class() is BulkClient
    assert client_class("2.2.1") is StockClient


def packets(version: MQTTProtocolVersion) -> st.SearchStrategy[bytes]:
    properties = st.sampled_from([b"", b"", b"\x01\x01", b"\x02\x00\x00\x00\x09", b"\x23\x00\x01", b"\x7f", b"\x01"])
    flags = st.sampled_from([0, 1, 2, 2, 2, 3, 8, 10, 11, 4, 12, 6])
    topics = st.sampled_from([b"in/x", b"in/x", b"", b"\xff\xfe", "雪".encode()])
    messages = st.builds(
        lambda payload, flags, mid, topic, extra: publish(
            version, payload, flags=flags, mid=mid, topic=topic, extra=extra
        ),
        st.binary(max_size=300), flags, st.integers(0, 65_535), topics, properties,
    )  # fmt: skip
    others = st.sampled_from([b"\xd0\x00", b"\xc0\x00", b"\x62\x02\x00\x01", b"\x40\x02\x00\x05", b"\xd0\x01\x00"])
    broken = st.builds(lambda wire, cut: wire[: max(2, len(wire) - cut)], messages, st.integers(1, 6))
    return st.one_of(messages, messages, messages, others, broken)


@settings(deadline=None, max_examples=300)
@given(data=st.data(), version=st.sampled_from([V5, V311]))
def test_whatever_comes_the_outcome_is_that_of_stock_paho(data: st.DataObject, version: MQTTProtocolVersion) -> None:
    wire = b"".join(data.draw(st.lists(packets(version), max_size=8)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    chunks = [wire[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(wire)], strict=True)]
    stock, bulk = read(StockClient, version, *chunks), read(BulkClient, version, *chunks)
    assert bulk.messages == stock.messages
    assert (bulk.written, bulk.rc, bulk.is_closed) == (stock.written, stock.rc, stock.is_closed)
