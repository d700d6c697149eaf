"""Asks a broker which MQTT it speaks, with two packets and no session: 5, 3.1.1, or no answer."""

from __future__ import annotations

import socket
from typing import Literal

Protocol = Literal["5", "3.1.1"]

# CONNECT, clean start, keep alive 5 s, empty client id; MQTT 5 with an empty property list
_CONNECT_5 = bytes.fromhex("100d00044d5154540502000500") + b"\x00\x00"
_CONNECT_311 = bytes.fromhex("100c00044d5154540402000500") + b"\x00"
_CONNACK = 0x20
_DISCONNECT = b"\xe0\x00"
_UNSUPPORTED = frozenset({0x01, 0x84})


def probe(host: str, port: int, *, timeout_s: float) -> Protocol | None:
    """Return the newest protocol the broker answers, None when nothing answers within `timeout_s` each.

    A broker that refuses us for another reason (no login) still told which protocol it speaks.
    """
    answer = _ask(host, port, _CONNECT_5, timeout_s=timeout_s)
    if answer is None:
        return None
    if len(answer) >= 4 and answer[0] == _CONNACK and answer[3] not in _UNSUPPORTED:
        return "5"
    return "3.1.1" if _ask(host, port, _CONNECT_311, timeout_s=timeout_s) is not None else None


def _ask(host: str, port: int, packet: bytes, *, timeout_s: float) -> bytes | None:
    """Return what the broker answers to `packet`; empty when it hangs up, None when it cannot be reached."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(packet)
            answer = _receive(connection)
            if answer:
                connection.sendall(_DISCONNECT)
            return answer
    except OSError:
        return None


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(256)
    except OSError:  # reset or silent: it did not like what it was asked
        return b""
