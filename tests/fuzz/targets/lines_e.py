"""What a gateway's line does with any bytes: cutting, decoding to readings or quarantine, commands of the simulator."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from devices.model import Frame, SerialLine, UplinkMessage
from devices.registry import load_catalog
from devices.site_file import parse_site
from firmware_sim.line_faults import parse_trouble
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Arrival, Decoder, MessageArrival, SerialArrival, plugins_of
from gateway.sources.framing import Framer

_NOW_NS = 1_700_000_000 * 10**9
_SITE = """version = 1
[town]
id = "t"
name = "t"
[[station]]
id = "pass"
name = "p"
domain = "snow"
[[gateway]]
id = "gw-01"
name = "g"
[[gateway.source]]
kind = "serial"
port = "/dev/null"
device = "gauge"
[[gateway.source]]
kind = "serial"
port = "/dev/zero"
uplink = "enocean_esp3"
[[device]]
id = "gauge"
name = "g"
model = "maxbotix_mb7374"
station = "pass"
options = { frames_per_reading = 1 }
[[device]]
id = "door"
name = "d"
model = "enocean_d5_00_01"
station = "pass"
address = "0181B744"
"""
_LINES = ("maxbotix_mb7374", "nmea_gnss", "ascii_line")


@cache
def _line(name: str) -> SerialLine:
    line = load_catalog()[name].serial
    if line is None:
        raise AssertionError(f"{name} has no line")
    return line


def _framer(payload: bytes) -> object:
    """Cut in pieces whose size the first byte says, a piece every half second; the rest must stay bounded."""
    cuts = []
    for name in _LINES:
        line = _line(name)
        framer = Framer(line, baud=line.baud)
        size = payload[0] % 40 + 1 if payload else 1
        for number, start in enumerate(range(0, len(payload), size)):
            cuts += framer.feed(payload[start : start + size], now_s=number / 2)
            if len(framer._rest) > line.max_frame_bytes:
                raise AssertionError(f"{name}: {len(framer._rest)} bytes are held")
        cuts += framer.feed(b"", now_s=1e6)
    return cuts


@cache
def _decoder() -> Decoder:
    site = parse_site(_SITE)
    return Decoder(site, plugins_of(site, site.gateway[0]), DeviceClocks(ClockLimits(), believed={}))


def _decoded(payload: bytes) -> object:
    """Nothing that a line brings may stop its source."""
    frame = Frame(gateway_id="gw-01", transport="serial", address="x", payload=payload, received_ns=_NOW_NS)
    message = UplinkMessage(gateway_id="gw-01", topic="", payload=payload, received_ns=_NOW_NS)
    arrivals: list[Arrival] = [
        SerialArrival(frame=frame, device_id="gauge"),
        MessageArrival(message=message, uplink="enocean_esp3"),
    ]
    return [_decoder().decode(arrival) for arrival in arrivals]


def _trouble(payload: bytes) -> object:
    return parse_trouble(payload.decode("utf-8", "replace"))


TARGETS: dict[str, Callable[[bytes], object]] = {
    "line_framer": _framer,
    "line_decoder": _decoded,
    "line_trouble": _trouble,
}

SEEDS: dict[str, list[bytes]] = {
    "line_framer": [b"R1234\rR0500\r", b"HRXL-MaxSonar-WRL\rR1234\r", b"$GPGGA,123519,,,,,0,00,,,M,,M,,*66\r\n"],
    "line_decoder": [b"R1234\r", bytes.fromhex("55000707017AD50801825DAB0001FFFFFFFF360053")],
    "line_trouble": [b"unplug:5@10", b"garbage:0.5@1.5"],
}
