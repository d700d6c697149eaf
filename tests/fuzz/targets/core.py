"""Seams that every message and every site passes: SenML and the site file."""

from __future__ import annotations

import json
from collections.abc import Callable

from devices.senml import decode_pack
from devices.site_file import parse_site
from tests.devices.frames import RECEIVED_NS


def _senml(payload: bytes) -> object:
    return decode_pack(payload, publisher="gw-1", arrived_ns=RECEIVED_NS)


def _site(payload: bytes) -> object:
    return parse_site(payload.decode("utf-8", "replace"))


_PACK = [
    {"bn": "snow-1/", "bt": 1700000000, "n": "distance", "u": "m", "v": 2.1, "seq": 7, "row": 1, "epoch": "a"},
    {"n": "air_temperature", "u": "Cel", "v": -5.5, "t": -60, "resent": True, "gateway": "gw-1", "clock": "gateway"},
    {"n": "trap_state", "vs": "sprung", "received": 1700000001.5},
    {"n": "quarantine", "vd": "AAEC", "reason": "undecodable", "detail": "x"},
]
_SITE = b"""
[site]
name = "\xe5\xb1\xb1\xe5\x8f\xa4\xe5\xbf\x97"
timezone = "Asia/Tokyo"

[broker]
host = "127.0.0.1"
port = 1883

[[gateway]]
id = "gw-1"
[[gateway.source]]
kind = "mqtt"
uplink = "chirpstack_v4"

[[station]]
id = "pass"
name = "pass"
latitude = 37.0
longitude = 138.5
[[device]]
id = "snow-1"
model = "decentlab_dl_mbx"
station = "pass"
address = "70b3d57050000102"
"""

TARGETS: dict[str, Callable[[bytes], object]] = {"senml": _senml, "site_file": _site}
SEEDS: dict[str, list[bytes]] = {
    "senml": [json.dumps(_PACK).encode(), json.dumps(_PACK[:1]).encode()],
    "site_file": [_SITE],
}
