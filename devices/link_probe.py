"""Asks a broker which MQTT it speaks, with two packets and no session: 5, 3.1.1, or no answer."""

from __future__ import annotations

import socket
from typing import Literal

Protocol = Literal["5", "3.1.1"]

# CONNECT, clean start, keep alive 5 s, empty client id; MQTT 5 with an empty property list
_CONNECT_5 = bytes.fromhex("100d00044d5154540502000500") + b"\x00\x00"
_CONNECT_311 = bytes.fromhex("100c00044d5154540402000500") + b"\x00"
_CONNACK = 0x20
_CODE_AT = 3
_DISCONNECT = b"\xe0\x00"
_UNSUPPORTED = frozenset({0x01, 0x84})


def probe(host: str, port: int, *, timeout_s: float) -> Protocol | None:
    """Return the newest protocol the broker speaks, None when nothing answers as an MQTT broker does.

    Waits at most `timeout_s` for each of the two questions. A broker that refuses us for another reason (no login)
    still told which protocol it speaks.
    """
    return_code = _ask(host, port, _CONNECT_5, timeout_s=timeout_s)
    if return_code is not None and return_code not in _UNSUPPORTED:
        return "5"
    # one that knows nothing newer may also hang up without a word
    return None if _ask(host, port, _CONNECT_311, timeout_s=timeout_s) is None else "3.1.1"


def _ask(host: str, port: int, packet: bytes, *, timeout_s: float) -> int | None:
    """Return the code with which `packet` is answered, None when there is no answer or none of MQTT."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s) as connection:
            connection.sendall(packet)
            answer = connection.recv(256)
            if len(answer) < _CODE_AT + 1 or answer[0] != _CONNACK:
                return None
            connection.sendall(_DISCONNECT)
            return answer[_CODE_AT]
    except OSError:
        return None
