"""A small town for crash tests: its site, and the script of what its devices say.

Five rounds, 300 s of town time apart. In each of them the networks speak in two bursts, so that more than one message
is under way. The script has what makes counting hard: messages given twice, a retained one, undecodable ones, an
unknown device, a device that stamps its own time (Zigbee with `last_seen`) and ones that the gateway stamps (LoRaWAN).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from devices.model import SECOND_NS, Decoded, Envelope
from devices.registry import load_catalog, load_uplinks
from devices.site import Site
from devices.site_file import parse_site

START_NS = 1_704_067_200 * SECOND_NS
ROUND_NS = 300 * SECOND_NS
GATEWAY_ID = "gw-01"
LORAWAN, ZIGBEE, DIRECT = "lorawan", "zigbee", "direct"
UPLINKS = {LORAWAN: "chirpstack_v4", ZIGBEE: "zigbee2mqtt"}
OWN_CLOCK = frozenset({"mo-01", "door-01", "gauge-9"})
"""Devices whose time is their own: a crash must not move it by a nanosecond."""

SNOW_EUI, TRAP_EUI = "70b3d57ba0000001", "24e124136b502217"
DEPTH_M = (0.5, 1.2, 0.7, 1.1, 0.6)
TRAP_OPEN = (0, 1, None, 0, 1)
LIGHT_LX = (100, 600, 700, 200, 650)
DOOR_OPEN = (False, None, None, None, True)
ROUNDS = len(DEPTH_M)

SITE_TOML = f"""
version = 1
[town]
id = "crash"
name = "試験村"
[[station]]
id = "pass"
name = "峠"
domain = "snow"
[[station]]
id = "field"
name = "畑"
domain = "wildlife"
[[station]]
id = "home"
name = "見守り"
domain = "watch"
[[gateway]]
id = "{GATEWAY_ID}"
name = "役場"
heartbeat_interval_s = 300
spool_max_mib = 8
[[device]]
id = "snow-01"
name = "峠の雪"
model = "decentlab_dl_mbx"
station = "pass"
address = "{SNOW_EUI}"
mount_height_m = 4.0
[[device]]
id = "trap-01"
name = "わな"
model = "milesight_em300_mcs"
station = "field"
address = "{TRAP_EUI}"
[[device]]
id = "mo-01"
name = "居間"
model = "aqara_rtcgq11lm"
station = "home"
address = "living room"
[[device]]
id = "door-01"
name = "玄関"
model = "aqara_mccgq11lm"
station = "home"
address = "door"
expected_interval_s = 60
[[device]]
id = "gauge-9"
name = "川"
model = "senml"
station = "pass"
[[rule]]
id = "deep"
kind = "threshold"
device = ["snow-01"]
quantity = "snow_depth"
params = {{ raise_at = 1.0, clear_at = 0.8 }}
[[rule]]
id = "bright"
kind = "threshold"
device = ["mo-01"]
quantity = "illuminance"
params = {{ raise_at = 500, clear_at = 300 }}
[[rule]]
id = "trap"
kind = "contact_event"
device = ["trap-01"]
[[rule]]
id = "quiet"
kind = "silent"
device = ["door-01"]
params = {{ intervals = 1.5, grace_s = 10 }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """What a network (or a device that speaks to the hub itself: DIRECT) hands to its broker."""

    network: str
    topic: str
    payload: bytes
    is_retained: bool = False


def make_site() -> Site:
    """Return the town."""
    return parse_site(SITE_TOML)


def bursts(number: int) -> tuple[tuple[Spoken, ...], ...]:
    """Return what is said in round `number`, burst by burst."""
    first = [snow(number), *trap(number)]
    second = [light(number), *door(number), gauge(number)]
    if number % 2:
        second.append(snow(number))  # the network gives it a second time
    first += {
        1: [chirp_bytes(TRAP_EUI, b"\x00 no json")],
        3: [replace(trap_event(number, is_open=False), payload=b'{"deviceInfo": {}, "data": "AA==", "fPort": 1}')],
        2: [light(number, is_retained=True)],
    }.get(number, [])
    second += {
        2: [zigbee("attic", {"occupancy": True}, number)],
        3: [gauge(number, unit="Cel"), light(number)],
    }.get(number, [])
    return tuple(first), tuple(second)


def at_ns(number: int) -> int:
    """Return when round `number` begins."""
    return START_NS + number * ROUND_NS


def snow(number: int) -> Spoken:
    """A LoRaWAN gauge: distance below a mast of 4 m."""
    frame = load_catalog()["decentlab_dl_mbx"].encode(
        Decoded(values={"distance": 4.0 - DEPTH_M[number], "valid_samples": 9, "battery_voltage": 3.0})
    )
    return _lorawan(Envelope(frame=replace(frame, address=SNOW_EUI), seq=100 + number, values={"rssi": -90.0}))


def trap(number: int) -> list[Spoken]:
    """A LoRaWAN contact, when it speaks in this round."""
    state = TRAP_OPEN[number]
    return [] if state is None else [trap_event(number, is_open=bool(state))]


def trap_event(number: int, *, is_open: bool) -> Spoken:
    """One message of the contact."""
    frame = load_catalog()["milesight_em300_mcs"].encode(Decoded(values={"contact_open": float(is_open)}))
    return _lorawan(Envelope(frame=replace(frame, address=TRAP_EUI), seq=200 + number))


def chirp_bytes(dev_eui: str, payload: bytes) -> Spoken:
    """A message of the LoRaWAN network with these bytes."""
    return Spoken(network=LORAWAN, topic=f"application/1/device/{dev_eui}/event/up", payload=payload)


def light(number: int, *, is_retained: bool = False) -> Spoken:
    """A motion sensor with its own clock; the retained form is its state of the round before."""
    number -= is_retained
    said = zigbee("living room", {"illuminance": LIGHT_LX[number], "occupancy": number % 2 == 0}, number)
    return replace(said, is_retained=is_retained)


def door(number: int) -> list[Spoken]:
    """A door contact with its own clock, silent from round 1 to round 3."""
    is_open = DOOR_OPEN[number]
    return [] if is_open is None else [zigbee("door", {"contact": not is_open, "battery": 90}, number)]


def zigbee(name: str, state: dict[str, object], number: int) -> Spoken:
    """A state of the Zigbee bridge, seen by it one second before the round."""
    instant = datetime.fromtimestamp(at_ns(number) // SECOND_NS - 1, UTC).isoformat()
    payload = json.dumps({**state, "last_seen": instant}).encode()
    return Spoken(network=ZIGBEE, topic=f"zigbee2mqtt/{name}", payload=payload)


def gauge(number: int, *, unit: str = "m") -> Spoken:
    """A device that speaks to the hub itself: only the broker's session protects what it says."""
    record = {"n": "gauge-9/distance", "u": unit, "v": 2.0 + number / 8, "t": at_ns(number) // SECOND_NS, "seq": number}
    return Spoken(network=DIRECT, topic="readings/v1/gauge-9", payload=json.dumps([record]).encode())


def _lorawan(envelope: Envelope) -> Spoken:
    topic, payload = load_uplinks()["chirpstack_v4"].wrap(envelope)
    return Spoken(network=LORAWAN, topic=topic, payload=payload)
