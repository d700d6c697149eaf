"""A small town for tests of the gateway: one serial gauge, two LoRaWAN devices, one motion sensor."""

from __future__ import annotations

from pathlib import Path

from devices.model import SECOND_NS
from devices.site import Site
from devices.site_file import parse_site
from gateway.clocks import ClockLimits, DeviceClocks
from gateway.decode import Decoder, Plugins, plugins_of
from gateway.intake import Intake
from gateway.spool import Spool

NOW_NS = 1_700_000_000 * SECOND_NS
GATEWAY = "gw-01"

SITE_TOML = """
version = 1
[town]
id = "test"
name = "テスト村"
[broker]
port = {broker_port}
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[station]]
id = "home"
name = "見守り"
domain = "watch"
[[gateway]]
id = "gw-01"
name = "役場"
heartbeat_interval_s = {heartbeat_s}
spool_max_mib = 8
{sources}
[[device]]
id = "snow-01"
name = "峠の雪"
model = "maxbotix_mb7374"
options = {{ frames_per_reading = 1 }}
station = "pass"
mount_height_m = 4.0
[[device]]
id = "trap-01"
name = "わな"
model = "milesight_em300_mcs"
station = "pass"
address = "24E124136B502217"
[[device]]
id = "mo-01"
name = "居間"
model = "aqara_rtcgq11lm"
station = "home"
address = "living room"
"""

SERIAL_SOURCE = """
[[gateway.source]]
kind = "serial"
port = "{port}"
device = "snow-01"
"""

MQTT_SOURCE = """
[[gateway.source]]
kind = "mqtt"
host = "127.0.0.1"
port_number = {port}
uplink = "{uplink}"
"""


def site_text(*, sources: str = "", broker_port: int = 1883, heartbeat_s: int = 60) -> str:
    return SITE_TOML.format(sources=sources, broker_port=broker_port, heartbeat_s=heartbeat_s)


def make_site(*, sources: str = "", broker_port: int = 1883) -> Site:
    return parse_site(site_text(sources=sources, broker_port=broker_port))


def plugins() -> Plugins:
    site = make_site()
    return plugins_of(site, site.gateway[0])


def make_decoder(*, believed: dict[str, int] | None = None, known: Plugins | None = None) -> Decoder:
    return Decoder(make_site(), known or plugins(), DeviceClocks(ClockLimits(), believed=believed or {}))


def make_intake(spool: Spool, *, known: Plugins | None = None) -> Intake:
    return Intake(make_decoder(known=known), spool, wake=lambda: None)


def spool_path(folder: Path) -> Path:
    return folder / f"spool-{GATEWAY}.db"
