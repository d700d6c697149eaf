"""Seams that every message passes: SenML, the site file, receipts, and each model and envelope of the catalogue.

`every_model`, `every_uplink` and `every_split` choose by the first bytes of the input, so a new file is fuzzed without
an edit; what needs better seeds or a repaired checksum has a target of its own in another file.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from devices.model import Decoded, DeviceSpec, Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.quantities import quantity
from devices.registry import load_catalog, load_uplinks
from devices.senml import decode_pack
from devices.site_file import parse_site
from tests.devices.frames import RECEIVED_NS

_MODELS: Sequence[DeviceSpec] = tuple(load_catalog().values())
_UPLINKS: Sequence[UplinkSpec] = tuple(load_uplinks().values())
_PORTS = (1, 2, 5, 6, 10, 85)


def _senml(payload: bytes) -> object:
    return decode_pack(payload, publisher="gw-1", arrived_ns=RECEIVED_NS)


def _site(payload: bytes) -> object:
    return parse_site(payload.decode("utf-8", "replace"))


def _model(payload: bytes) -> object:
    spec = _MODELS[payload[0] % len(_MODELS)] if payload else _MODELS[0]
    port = spec.default_port if not payload[1:2] or payload[1] < 0xE0 else _PORTS[payload[1] % len(_PORTS)]
    return spec.decode(
        Frame(gateway_id="gw", transport=spec.transport, address="a", payload=payload[2:], received_ns=RECEIVED_NS,
              port=port)
    )  # fmt: skip


def _uplink(payload: bytes) -> object:
    uplink = _UPLINKS[payload[0] % len(_UPLINKS)] if payload else _UPLINKS[0]
    topic, _, body = payload[1:].partition(b"\n")
    return uplink.unwrap(
        UplinkMessage(gateway_id="gw", topic=topic.decode("utf-8", "replace"), payload=body, received_ns=RECEIVED_NS)
    )


def _split(payload: bytes) -> object:
    lines = [spec.serial for spec in _MODELS if spec.serial is not None]
    lines += [uplink.serial for uplink in _UPLINKS if uplink.serial is not None]
    line = lines[payload[0] % len(lines)] if payload else lines[0]
    frames, rest = line.split(payload[1:])
    if sum(map(len, frames)) + len(rest) > len(payload):
        raise AssertionError("splitting made bytes that were not there")
    return frames


def _said(spec: DeviceSpec) -> Frame | None:
    for keys in (spec.quantities, spec.quantities[:1]):
        values = {key: min(max(1.0, quantity(key).lo), quantity(key).hi) for key in keys}
        with suppress(PermanentError):
            return spec.encode(Decoded(values=values, observed_ns=RECEIVED_NS))
    return None


def _model_seeds() -> list[bytes]:
    said = [(at, _said(spec)) for at, spec in enumerate(_MODELS[:256])]
    return [bytes((at, 0)) + frame.payload for at, frame in said if frame is not None]


def _uplink_seeds() -> list[bytes]:
    seeds = []
    for at, uplink in enumerate(_UPLINKS[:256]):
        carried = [frame for spec in _MODELS if spec.transport == uplink.carries and (frame := _said(spec)) is not None]
        for frame in carried[:6]:
            with suppress(PermanentError):
                topic, payload = uplink.wrap(Envelope(frame=_addressed(frame)))
                seeds.append(bytes((at,)) + topic.encode() + b"\n" + payload)
    return seeds


def _addressed(frame: Frame) -> Frame:
    return Frame(
        gateway_id="gw", transport=frame.transport, address="70b3d57050000102", payload=frame.payload,
        received_ns=RECEIVED_NS, port=frame.port,
    )  # fmt: skip


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

TARGETS: dict[str, Callable[[bytes], object]] = {
    "senml": _senml,
    "site_file": _site,
    "every_model": _model,
    "every_uplink": _uplink,
    "every_split": _split,
}
SEEDS: dict[str, list[bytes]] = {
    "senml": [json.dumps(_PACK).encode(), json.dumps(_PACK[:1]).encode()],
    "site_file": [_SITE],
    "every_model": _model_seeds(),
    "every_uplink": _uplink_seeds(),
    "every_split": [b"\x00R1234\rR1235\r", b"\x00R12"],
}
