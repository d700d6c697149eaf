"""What a Wi-SUN stick with SKSTACK-IP says: lines, and received datagrams in hexadecimal or raw bytes.

Source: the SKSTACK-IP command references of https://www.rohm.co.jp (BP35A1, BP35C0) and TESSERA (RL7023 Stick-D/IPS).

    from the stick                                           meaning
    EVER 1.2.10 · OK · FAIL ER04                             version · done · not done, and why
    EVENT 20 … · EPANDESC and indented lines · EVENT 22 …    a network was heard · the scan is over
    EVENT 21 … 00                                            sent (01 = not sent)
    EVENT 24 … · 25 · 29                                     authentication failed · joined · session expired
    EVENT 32 … · 33                                          one hour's airtime is used up · is free again
    ERXUDP sender dest port port mac [rssi] secured [side] length data      a datagram

The data of a datagram stand in hexadecimal or as raw bytes, as an option of the stick says that outlives power cuts
(ROPT, WOPT). It is not touched: both are understood. A raw datagram may contain CR and LF, so it is cut by its length.
Sticks with two stacks have one field more, the side; that, too, is seen and not asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_UDP = b"ERXUDP "
_MAX_DATAGRAM_BYTES = 1500
_HEADER = re.compile(
    rb"ERXUDP (?P<sender>[0-9A-F:]{39}) (?P<dest>[0-9A-F:]{39}) (?P<port>[0-9A-F]{4}) (?P<own>[0-9A-F]{4}) "
    rb"(?P<mac>[0-9A-F]{16})(?: [0-9A-F]{1,2}){1,3} (?P<length>[0-9A-F]{4}) "
)
_HEX = re.compile(rb"[0-9A-F]*")
_EVENT = re.compile(r"EVENT ([0-9A-F]{2})(?: (.*))?")
_PORT = 0x0E1A
_NETWORK = {
    "Channel": re.compile(r"[0-9A-F]{2}"),
    "Pan ID": re.compile(r"[0-9A-F]{4}"),
    "Addr": re.compile(r"[0-9A-F]{16}"),
    "Side": re.compile(r"[0-9A-F]"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One thing the stick said and where it ends in the buffer: a line, or the data of a datagram to port 0E1A.

    `text` of a datagram is empty, `data` of a line is.
    """

    text: str
    data: bytes
    end: int

    @property
    def event(self) -> int:
        """Return the number of an `EVENT`, 0 for anything else."""
        match = _EVENT.fullmatch(self.text)
        return int(match[1], 16) if match else 0

    @property
    def is_fail(self) -> bool:
        """Return whether it says that a command was not done."""
        return self.text.startswith("FAIL")


def heard_in(buffer: bytes) -> list[Heard]:
    """Return what is whole within `buffer`, in order; an unfinished end is left out, datagrams to other ports too."""
    found: list[Heard] = []
    start = 0
    while start < len(buffer):
        item = _datagram_at(buffer, start) if buffer.startswith(_UDP, start) else _line_at(buffer, start)
        if item is None:
            break
        if item.text or item.data:
            found.append(item)
        start = item.end
    return found


def _line_at(buffer: bytes, start: int) -> Heard | None:
    end = buffer.find(b"\n", start)
    if end < 0:
        return None
    text = buffer[start:end].decode("ascii", errors="replace").rstrip("\r ")
    return Heard(text=text, data=b"", end=end + 1)


def _datagram_at(buffer: bytes, start: int) -> Heard | None:
    """Return the datagram at `start`; as a line what begins like one but is none; None while it may become one."""
    match = _HEADER.match(buffer, start)
    size = int(match["length"], 16) if match else 0
    if match is None or size > _MAX_DATAGRAM_BYTES:
        return _line_at(buffer, start)
    body = buffer[match.end() : match.end() + 2 * size]
    is_hex = _HEX.fullmatch(body) is not None
    length = 2 * size if is_hex else size
    if len(body) < length:
        return None
    end = match.end() + length
    end += 2 * buffer.startswith(b"\r\n", end)
    data = bytes.fromhex(body.decode("ascii")) if is_hex else body[:size]
    return Heard(text="", data=data if int(match["own"], 16) == _PORT else b"", end=end)


def network_of(heard: list[Heard]) -> dict[str, str]:
    """Return the fields of the first complete network description of a scan; empty when no meter was heard."""
    fields: dict[str, str] = {}
    for item in heard:
        if item.text == "EPANDESC" or item.event:
            if {"Channel", "Pan ID", "Addr"} <= set(fields):
                break
            fields = {}
        name, colon, value = item.text.strip().partition(":")
        if colon and item.text.startswith(" ") and name in _NETWORK and _NETWORK[name].fullmatch(value):
            fields[name] = value
    return fields if {"Channel", "Pan ID", "Addr"} <= set(fields) else {}


def send_command(*, address: str, side: str, data: bytes) -> bytes:
    """Return the command that sends `data` to a meter; `side` is empty for sticks with one stack."""
    fields = ["SKSENDTO 1", address, f"{_PORT:04X}", "1", *([side] if side else []), f"{len(data):04X}", ""]
    return " ".join(fields).encode("ascii") + data
