"""What the devices of the town say, second by second, and the site that knows them.

Every device dates its own readings (the network's `time`, `last_seen`, SenML `t`), to the millisecond, so that a crash
must not move one of them by a nanosecond. Only the serial gauge has no clock. Two ways lead to the hub: what a network
or a line says goes through the gateway; `river-*` speak seam 2 themselves.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devices.model import SECOND_NS, Decoded, Envelope, UplinkSpec
from devices.registry import load_catalog, load_uplinks

MS_NS = 1_000_000
GATEWAY_ID = "gw-01"
NETWORK = "network"
SNOW = {f"snow-{n}": f"70b3d57ba000000{n}" for n in range(1, 4)}
TRAPS = {f"trap-{n}": f"24e124136b50221{n}" for n in range(1, 3)}
RIVERS = tuple(f"river-{n}" for n in range(1, 5))
LIGHT, DOOR = "light-1", "door-1"
OWN_STAMP = frozenset({GATEWAY_ID, "gauge-1"})
"""Dated by the gateway when it hears them: the serial gauge and its own figures. Each town has others of them."""
SPEAKS_S, PAUSES_S = 45.0, 60.0
"""The door sensor speaks and pauses by turns; the rule `quiet` must tell each pause once."""
QUIET_AFTER_S = 30.0
_BAD_EVERY_S = 20.0
_SLOW_S = 20.0

_HEAD = """\
version = 1
[town]
id = "kills"
name = "試験村"
[broker]
port = {hub_port}
[ingest]
lateness_s = 60
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
id = "gw-01"
name = "役場"
heartbeat_interval_s = 2
spool_max_mib = 256
[[gateway.source]]
kind = "mqtt"
port_number = {field_port}
uplink = "chirpstack_v4"
[[gateway.source]]
kind = "mqtt"
port_number = {field_port}
uplink = "zigbee2mqtt"
[[gateway.source]]
kind = "serial"
port = "{line}"
device = "gauge-1"
[[device]]
id = "gauge-1"
name = "gauge-1"
model = "maxbotix_mb7374"
options = {{ frames_per_reading = 1 }}
station = "pass"
"""
_RULES = """\
[[rule]]
id = "deep"
kind = "threshold"
domain = "snow"
quantity = "snow_depth"
params = { raise_at = 1.1, clear_at = 0.9 }
[[rule]]
id = "deep-held"
kind = "threshold"
domain = "snow"
quantity = "snow_depth"
params = { raise_at = 1.0, hold_s = 3, clear_hold_s = 2 }
[[rule]]
id = "flood"
kind = "threshold"
device = ["river-1", "river-2", "river-3", "river-4"]
quantity = "distance"
params = { raise_at = 1.8, clear_at = 2.1, direction = "below" }
[[rule]]
id = "bright"
kind = "threshold"
device = ["light-1"]
quantity = "illuminance"
params = { raise_at = 600, clear_at = 400, hold_s = 1 }
[[rule]]
id = "trap"
kind = "contact_event"
device = ["trap-1", "trap-2"]
params = { rearm_s = 2 }
[[rule]]
id = "quiet"
kind = "silent"
device = ["door-1"]
params = { intervals = 1, grace_s = 20 }
"""
_STORE = '[store.influx]\nurl = "{url}"\nbucket = "kills"\nmeasurement = "{measurement}"\n'

Name = tuple[str, str, int, int | None]
"""Device, quantity, observed time, frame counter."""


def site_toml(*, hub_port: int, field_port: int, line: Path, store: tuple[str, str] | None) -> str:
    """Return the site; `store` is url and measurement of the InfluxDB-protocol server, None = there is none."""
    parts = [_HEAD.format(hub_port=hub_port, field_port=field_port, line=line)]
    parts += [
        _device(name, "decentlab_dl_mbx", station="pass", address=eui, more="mount_height_m = 4.0")
        for name, eui in SNOW.items()
    ]
    parts += [_device(name, "milesight_em300_mcs", station="field", address=eui) for name, eui in TRAPS.items()]
    parts += [_device(name, "senml", station="pass") for name in RIVERS]
    parts.append(_device(LIGHT, "aqara_rtcgq11lm", station="home", address="living room"))
    parts.append(_device(DOOR, "aqara_mccgq11lm", station="home", address="door", more="expected_interval_s = 10"))
    parts.append(_RULES)
    if store is not None:
        parts.append(_STORE.format(url=store[0], measurement=store[1]))
    return "".join(parts)


def _device(name: str, model: str, *, station: str, address: str = "", more: str = "") -> str:
    lines = [f'id = "{name}"', f'name = "{name}"', f'model = "{model}"', f'station = "{station}"']
    lines += [f'address = "{address}"'] if address else []
    return "\n".join(["[[device]]", *lines, more, ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One message. `sender` is NETWORK or the device that speaks for itself; `name` a reading it carries, None: bad."""

    sender: str
    topic: str
    payload: bytes
    name: Name | None


@dataclass(slots=True)
class _Voice:
    every_ns: int
    next_ns: int
    count: int = 0


@dataclass(slots=True)
class Script:
    """The town's load, seeded: the same seed says the same values, at the times at which it is asked."""

    start_ns: int
    seed: int
    said: list[Name] = field(default_factory=list)
    ended_ns: int = 0
    _chance: random.Random = field(init=False)
    _voices: dict[str, _Voice] = field(init=False)
    _sprung: dict[str, bool] = field(default_factory=dict)
    _chirpstack: UplinkSpec = field(init=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        self._chirpstack = load_uplinks()["chirpstack_v4"]
        every_ms = dict.fromkeys(SNOW, 400) | dict.fromkeys(TRAPS, 800) | dict.fromkeys(RIVERS, 400)
        every_ms |= {LIGHT: 400, DOOR: 1_000, "bad": int(_BAD_EVERY_S * 1_000)}
        self._voices = {
            name: _Voice(every * MS_NS, self.start_ns + self._chance.randrange(every) * MS_NS)
            for name, every in every_ms.items()
        }

    def due(self, now_ns: int) -> Iterator[Spoken]:
        """Yield what is said until `now_ns`."""
        self.ended_ns = now_ns
        for device_id, voice in self._voices.items():
            while voice.next_ns <= now_ns:
                at_ns, voice.next_ns, voice.count = voice.next_ns, voice.next_ns + voice.every_ns, voice.count + 1
                spoken = self._say(device_id, at_ns=at_ns, seq=voice.count)
                if spoken is not None:
                    self.said += [] if spoken.name is None else [spoken.name]
                    yield spoken

    def pause_of(self, at_ns: int) -> int:
        """Return which pause of the door sensor a time belongs to: 0, 1, …"""
        return int((at_ns - self.start_ns) / SECOND_NS // (SPEAKS_S + PAUSES_S))

    def is_past(self, at_ns: int, *, is_raised: bool) -> bool:
        """Return whether a silence told at `at_ns` was due long before the script ended, in every town."""
        due_s = self.pause_of(at_ns) * (SPEAKS_S + PAUSES_S) + (SPEAKS_S + QUIET_AFTER_S) * is_raised
        return (self.ended_ns - self.start_ns) / SECOND_NS > due_s + _SLOW_S

    def _say(self, device_id: str, *, at_ns: int, seq: int) -> Spoken | None:
        if device_id == "bad":
            return self._bad(at_ns, seq)
        if device_id in SNOW:
            return self._snow(device_id, at_ns, seq)
        if device_id in TRAPS:
            return self._trap(device_id, at_ns, seq)
        if device_id in RIVERS:
            return self._river(device_id, at_ns, seq)
        if device_id == LIGHT:
            lux = self._chance.randrange(100, 900)
            return _zigbee("living room", {"illuminance": lux}, at_ns=at_ns, name=(LIGHT, "illuminance", at_ns, None))
        if (at_ns - self.start_ns) / SECOND_NS % (SPEAKS_S + PAUSES_S) > SPEAKS_S:
            return None
        state = {"contact": self._chance.random() < 0.5, "battery": 90}
        return _zigbee("door", state, at_ns=at_ns, name=(DOOR, "contact_open", at_ns, None))

    def _snow(self, device_id: str, at_ns: int, seq: int) -> Spoken:
        wave = 0.3 * math.sin((at_ns - self.start_ns) / SECOND_NS / 4 + int(device_id[-1]))
        distance_m = round(3.0 - wave + self._chance.uniform(-0.1, 0.1), 3)
        values = {"distance": distance_m, "valid_samples": 9.0, "battery_voltage": 3.0}
        frame = load_catalog()["decentlab_dl_mbx"].encode(Decoded(values=values))
        frame = replace(frame, address=SNOW[device_id])
        envelope = Envelope(frame=frame, seq=seq, observed_ns=at_ns, values={"rssi": -90.0})
        return self._lorawan(envelope, name=(device_id, "distance", at_ns, seq))

    def _trap(self, device_id: str, at_ns: int, seq: int) -> Spoken:
        is_open = self._sprung.get(device_id, False) ^ (self._chance.random() < 0.25)
        self._sprung[device_id] = is_open
        frame = load_catalog()["milesight_em300_mcs"].encode(Decoded(values={"contact_open": float(is_open)}))
        envelope = Envelope(frame=replace(frame, address=TRAPS[device_id]), seq=seq, observed_ns=at_ns)
        return self._lorawan(envelope, name=(device_id, "contact_open", at_ns, seq))

    def _lorawan(self, envelope: Envelope, *, name: Name | None) -> Spoken:
        assert self._chirpstack.wrap is not None
        topic, payload = self._chirpstack.wrap(envelope)
        return Spoken(sender=NETWORK, topic=topic, payload=payload, name=name)

    def _river(self, device_id: str, at_ns: int, seq: int) -> Spoken:
        value = round(2.0 + 0.4 * math.sin((at_ns - self.start_ns) / SECOND_NS / 5 + int(device_id[-1])), 3)
        return _senml(device_id, value, at_ns=at_ns, seq=seq)

    def _bad(self, at_ns: int, seq: int) -> Spoken:
        if seq % 3 == 0:
            return replace(_senml(RIVERS[0], 1.0, at_ns=at_ns, seq=seq, unit="Cel"), name=None)
        if seq % 3 == 1:
            return _zigbee(f"attic {seq}", {"illuminance": 1}, at_ns=at_ns, name=None)
        topic = f"application/1/device/{SNOW['snow-1']}/event/up"
        return Spoken(sender=NETWORK, topic=topic, payload=b"\x00 no json %d" % seq, name=None)


def _zigbee(address: str, state: Mapping[str, object], *, at_ns: int, name: Name | None) -> Spoken:
    instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at_ns // MS_NS)
    payload = json.dumps({**state, "last_seen": instant.isoformat(timespec="milliseconds")}).encode()
    return Spoken(sender=NETWORK, topic=f"zigbee2mqtt/{address}", payload=payload, name=name)


def _senml(device_id: str, value: float, *, at_ns: int, seq: int, unit: str = "m") -> Spoken:
    seconds, ms = divmod(at_ns // MS_NS, 1_000)
    head = f'[{{"n":"{device_id}/distance","u":"{unit}","v":{value},"seq":{seq},"t":{seconds}.{ms:03d}}}]'
    name = (device_id, "distance", at_ns, seq)
    return Spoken(sender=device_id, topic=f"readings/v1/{device_id}", payload=head.encode(), name=name)
