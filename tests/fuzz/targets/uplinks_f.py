"""Network envelopes and the JSON behind them, with messages as networks really send them; and a push's request."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from devices.catalog import (
    bytes_mapped,
    json_mapped,
    owntracks_tracker,
    senml_fields,
    shelly_gen2,
    soracom_gps_multiunit,
    soracom_lte_m_button,
    switchbot_contact,
    tasmota_device,
)
from devices.model import DeviceSpec, Frame, UplinkSpec
from devices.registry import load_catalog, load_uplinks
from gateway.cached_state import CachedStates
from gateway.sources.push_app import Push, PushApp, PushLimits, Sender
from tests.devices.frames import message

UPLINKS = load_uplinks()
CATALOG = load_catalog()

_TOPICS = {
    "chirpstack_v4": "application/1/device/1/event/up",
    "the_things_stack_v3": "v3/a@b/devices/c/up",
    "zigbee2mqtt": "zigbee2mqtt/door",
    "tasmota": "tele/zb/SENSOR",
    "shelly_gen2": "shelly-1/events/rpc",
    "esphome": "node/sensor/depth/state",
    "owntracks": "owntracks/a/b",
}


def _j(said: Any) -> bytes:
    return json.dumps(said).encode()


_EUI = "70B3D57BA0003BB8"
MESSAGES: dict[str, list[bytes]] = {
    "chirpstack_v4": [
        _j({"deviceInfo": {"devEui": _EUI}, "fCnt": 4, "fPort": 2, "data": "ARI=", "time": "2023-05-22T07:47:05+00:00",
            "rxInfo": [{"rssi": -107, "snr": 3.5}]}),
    ],
    "the_things_stack_v3": [
        _j({"end_device_ids": {"dev_eui": _EUI}, "received_at": "2023-05-19T05:33:35.848446463Z", "uplink_message":
            {"f_port": 2, "f_cnt": 3, "frm_payload": "ARI=", "rx_metadata": [{"rssi": -35, "snr": 1}]}}),
        _j({"end_device_ids": {"dev_eui": _EUI}, "join_accept": {}}),
    ],
    "loriot": [
        _j({"cmd": "gw", "EUI": _EUI, "ts": 1684478801936, "fcnt": 2, "port": 2, "gws": [{"rssi": 1}], "data": "01"}),
    ],
    "thingpark": [
        _j({"DevEUI_uplink": {"DevEUI": _EUI, "FPort": "1", "FCntUp": 2, "payload_hex": "01", "LrrRSSI": "-1.0"}}),
    ],
    "soracom": [
        _j({"payloads": {"clickType": 1}, "imsi": "440", "timestamp": 1531797822254}),
        _j({"payloads": "AXVc", "imsi": "440"}),
    ],
    "switchbot": [_j({"eventType": "changeReport", "context": {"deviceMac": "D5E5F5A5B5C5", "timeOfSample": 170}})],
    "zigbee2mqtt": [_j({"occupancy": True, "battery": "100.00", "last_seen": 1700000000000})],
    "tasmota": [
        _j({"Time": "2024-01-01T00:00:00", "ENERGY": {"Power": [1, 2]}}),
        _j({"ZbReceived": {"0x662E": {"Device": "0x662E", "Name": " door_sensor", "Contact": 1}}}),
    ],
    "shelly_gen2": [_j({"src": "s", "method": "NotifyStatus", "params": {"ts": 1.5, "switch:0": {"output": True}}})],
    "esphome": [b"23.1", b"nan", b"ON"],
    "owntracks": [_j({"_type": "location", "lat": "36.5", "lon": 138, "tst": "1700000000", "acc": -1})],
    "sigfox": [_j({"device": "C0FFEE", "time": "1700000000", "data": "01FF", "seqNumber": "4095", "rssi": "-118.00"})],
    "plain_json": [_j({"id": "p-7", "t": 5, "at": "2024-01-15 08:30:00"})],
    "senml_mqtt": [
        _j([{"bn": "a/", "bt": 1.276020076001e9, "bu": "A", "n": "v", "u": "V", "v": 120.1}, {"n": "x", "vb": True}]),
        b"\x81\xa3\x21\x62a/\x00\x61t\x02\xfa\x41\x20\x00\x00",
    ],
}  # fmt: skip

_MODELS: dict[str, tuple[DeviceSpec, list[bytes]]] = {
    "json_mapped": (json_mapped.DEVICE, [_j({"temperature": -3.5, "door": "open", "gps": {"lat": 36.5, "lon": 1}})]),
    "bytes_mapped": (bytes_mapped.DEVICE, [bytes.fromhex("01ff9c0bb8")]),
    "senml_fields": (senml_fields.DEVICE, [_j({"air_temperature": {"v": 5, "u": "Cel"}, "button": {"v": "double"}})]),
    "owntracks_tracker": (owntracks_tracker.DEVICE, MESSAGES["owntracks"]),
    "shelly_gen2": (shelly_gen2.DEVICE, [_j({"switch:0": {"output": True, "aenergy": {"total": 1}}, "events": [{}]})]),
    "tasmota_device": (tasmota_device.DEVICES[0], [_j({"ENERGY": {"Power": [1]}, "DS18B20": {"Temperature": 5}})]),
    "tasmota_zigbee": (tasmota_device.DEVICES[1], [_j({"Contact": 1, "ZoneStatusChange": 33, "0006!FD": "01"})]),
    "soracom_lte_m_button": (
        soracom_lte_m_button.DEVICE, [_j({"msg_type": "event", "seq_number": 4, "detect_type": "Single short click"})],
    ),
    "soracom_gps_multiunit": (soracom_gps_multiunit.DEVICE, [_j({"lat": 35.0, "lon": 139.0, "bat": -1, "type": 0})]),
    "switchbot_contact": (switchbot_contact.DEVICES[0], [_j({"openState": "open", "battery": 100})]),
    "switchbot_meter": (switchbot_contact.DEVICES[2], [_j({"temperature": 14, "scale": "FAHRENHEIT"})]),
}  # fmt: skip

_OPTIONS: dict[str, dict[str, Any]] = {
    "plain_json": {"address_field": "id", "time_field": "at", "list_field": "", "seq_field": "n", "rssi_field": "r"},
}


def _unwrap(uplink: UplinkSpec, topic: str) -> Callable[[bytes], object]:
    return lambda payload: uplink.unwrap(message(topic, payload))


def _decode(spec: DeviceSpec) -> Callable[[bytes], object]:
    def decode(payload: bytes) -> object:
        return spec.decode(Frame(gateway_id="g", transport="mqtt", address="a", payload=payload, received_ns=0))

    return decode


async def _ask(payload: bytes) -> int:
    """Take the bytes apart into path, a header and a body."""
    path, _, rest = payload.partition(b" ")
    header, _, body = rest.partition(b" ")
    scope = {
        "type": "http", "method": "POST" if body else "GET", "path": path.decode("utf-8", "replace"),
        "query_string": header, "headers": [(b"content-type", header), (b"authorization", header)],
    }  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(event: Any) -> None:
        sent.append(event)

    async def take(_: Push) -> None:
        return

    sender = Sender(name="s", sha256=hashlib.sha256(b"t").hexdigest())
    app = PushApp(uplink="u", senders=(sender,), limits=PushLimits(), take=take, count=lambda _: None)
    await app(scope, receive, send)
    return int(sent[0]["status"])


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def _push(payload: bytes) -> object:
    return _loop().run_until_complete(_ask(payload))


def _memory(payload: bytes) -> object:
    text = payload.decode("utf-8", "replace")
    return CachedStates({"d": text}).news("d", {"occupancy": 1.0, "battery_level": 5.0}, observed_ns=None)


TARGETS: dict[str, Callable[[bytes], object]] = {
    **{
        f"f_uplink_{name}": _unwrap(
            uplink.configure(_OPTIONS[name]) if name in _OPTIONS and uplink.configure else uplink,
            _TOPICS.get(name, "a/b"),
        )
        for name, uplink in UPLINKS.items()
        if name in MESSAGES
    },
    **{f"f_model_{name}": _decode(spec) for name, (spec, _) in _MODELS.items()},
    "f_push_request": _push,
    "f_cached_state": _memory,
}
SEEDS: dict[str, list[bytes]] = {
    **{f"f_uplink_{name}": seeds for name, seeds in MESSAGES.items()},
    **{f"f_model_{name}": seeds for name, (_, seeds) in _MODELS.items()},
    "f_push_request": [b"/push/u/t/a application/json {}", b"/push/u Bearer\xa0t {}", b"/push/u/t a=1&b=2 "],
    "f_cached_state": [b'{"occupancy": 1.0, "observed_ns": 7.0}'],
}
