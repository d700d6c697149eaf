"""Brokers that answer strangely, scripted byte by byte: the link survives them and says what is wrong."""

from __future__ import annotations

import socket
from collections.abc import Callable

import pytest

from devices import link as link_module
from devices.link import Publisher, Subscriber
from devices.link_probe import probe
from tests.devices.brokers import collect, options, running, scripted
from tests.support import wait_until

CONNACK_5 = bytes.fromhex("2003000000")
CONNACK_311 = bytes.fromhex("20020000")
UNSUPPORTED_5 = bytes.fromhex("2003008400")
UNSUPPORTED_311 = bytes.fromhex("20020001")


@pytest.fixture(autouse=True)
def speak_5(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts below are for MQTT 5 and answer no questions."""
    monkeypatch.setattr(link_module, "probe", lambda *_args, **_more: "5")


def packet(connection: socket.socket) -> bytes:
    """Read one short packet."""
    head = connection.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        raise OSError("hung up")
    return head + connection.recv(head[1], socket.MSG_WAITALL)


def answers(to_5: bytes, to_311: bytes) -> Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        version = packet(connection)[8]
        connection.sendall(to_5 if version == 5 else to_311)

    return script


@pytest.mark.parametrize(
    ("to_5", "to_311", "expected"),
    [
        (CONNACK_5, b"", "5"),
        (bytes.fromhex("2003008700"), b"", "5"),
        (UNSUPPORTED_5, CONNACK_311, "3.1.1"),
        (UNSUPPORTED_311, CONNACK_311, "3.1.1"),
        (b"", CONNACK_311, "3.1.1"),
        (b"", bytes.fromhex("20020005"), "3.1.1"),
        (b"", b"", None),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", None),
        (b"\x20", b"\x20", None),
    ],
)
def test_what_a_broker_speaks(to_5: bytes, to_311: bytes, expected: str | None) -> None:
    with scripted(answers(to_5, to_311)) as port:
        assert probe("127.0.0.1", port, timeout_s=2.0) == expected


def test_nothing_speaks_where_nothing_listens(free_port: Callable[[], int]) -> None:
    assert probe("127.0.0.1", free_port(), timeout_s=2.0) is None


def test_a_broker_that_says_nothing_speaks_nothing() -> None:
    with scripted(stay) as port:
        assert probe("127.0.0.1", port, timeout_s=0.2) is None


def stay(connection: socket.socket) -> None:
    """Read until the client hangs up."""
    connection.settimeout(None)
    while connection.recv(4_096):
        pass


def test_a_refused_subscription_is_no_connection(caplog: pytest.LogCaptureFixture) -> None:
    def script(connection: socket.socket) -> None:
        packet(connection)
        connection.sendall(CONNACK_5)
        mid = packet(connection)[2:4]
        connection.sendall(b"\x90\x04" + mid + b"\x00\x87")
        stay(connection)

    with scripted(script) as port:
        link = Subscriber(options(port), ["in/#"])
        with running(link, is_up=False):
            wait_until(lambda: link.health.connects >= 2, what="it tries again")
            assert not link.is_connected
    lost = [vars(record)["reason"] for record in caplog.records if record.message == "link_lost"]
    assert lost == ["subscription refused: in/#"]


def test_a_takeover_is_counted() -> None:
    def script(connection: socket.socket) -> None:
        packet(connection)
        connection.sendall(CONNACK_5 + bytes.fromhex("e0028e00"))
        stay(connection)

    with scripted(script) as port:
        link = Publisher(options(port))
        with running(link, is_up=False):
            wait_until(lambda: link.health.takeovers >= 2, what="takeovers")
        assert link.health.short_lived >= 1


def test_a_topic_that_is_no_text_still_comes_through() -> None:
    def script(connection: socket.socket) -> None:
        packet(connection)
        connection.sendall(CONNACK_5)
        mid = packet(connection)[2:4]
        connection.sendall(b"\x90\x04" + mid + b"\x00\x01")
        connection.sendall(b"\x32\x08\x00\x02\xff\xfe\x00\x07\x00a")
        stay(connection)

    with scripted(script) as port, running(Subscriber(options(port), ["in/#"])) as link:
        (message,) = collect(link, 1)
        assert (message.topic, message.payload, message.ack_token.mid) == ("", b"a", 7)
        assert link.health.faults == 0


def test_a_malformed_packet_costs_a_connection() -> None:
    first = iter([True])

    def script(connection: socket.socket) -> None:
        packet(connection)
        connection.sendall(CONNACK_5)
        if next(first, False):
            connection.sendall(b"\x32\x05\x00\x01a\x00\x07")  # a PUBLISH whose properties are missing
        stay(connection)

    with scripted(script) as port:
        link = Publisher(options(port))
        with running(link, is_up=False):
            wait_until(lambda: link.health.connects >= 2 and link.is_connected, what="connected again")


def test_a_broker_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link_module, "_CONNECT_TIMEOUT_S", 0.3)
    knocks = []

    def script(connection: socket.socket) -> None:
        knocks.append(packet(connection))
        if len(knocks) > 1:
            connection.sendall(CONNACK_5)
        stay(connection)

    with scripted(script) as port, running(Publisher(options(port))):
        assert len(knocks) == 2


def test_the_broker_is_asked_again_what_it_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    spoken = iter(["5", "3.1.1"])
    monkeypatch.setattr(link_module, "probe", lambda *_args, **_more: next(spoken, "3.1.1"))

    def script(connection: socket.socket) -> None:
        version = packet(connection)[8]
        if version == 4:
            connection.sendall(CONNACK_311)
            stay(connection)

    with scripted(script) as port, running(Publisher(options(port))) as link:
        assert link.health.connects == 1
