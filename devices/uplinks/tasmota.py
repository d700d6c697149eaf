"""Tasmota: plugs, switches and sensors by Wi-Fi, and Zigbee bridges that run it.

Source: https://tasmota.github.io/docs/MQTT/

    tele/<t>/SENSOR, tele/<t>/STATE   JSON, every 300 s and on a change; stat/<t>/RESULT after a command
    tele/<t>/LWT                      Online or Offline; retained
    "ZbReceived": {"0x662E": {…}}     in SENSOR of a Zigbee bridge: what one device said; its address is
                                      <t>/<Name>, or <t>/<Device> (0x662E) while it has no name
    "Time": "2024-01-15T08:30:00"     local, whole seconds, mostly without offset

Options: `timezone` of the devices (default Asia/Tokyo); `topic_first` = true for "%topic%/%prefix%" instead of
"%prefix%/%topic%". A time that is within two seconds of the receipt says less than the receipt and is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, field_validator

from devices.json_object import read_object
from devices.model import SECOND_NS, Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import MOST_BYTES
from devices.options import read_options
from devices.payloads.json_time import DEFAULT_ZONE, local_ns, zone_of

_KINDS = {"tele": ("SENSOR", "STATE", "LWT"), "stat": ("RESULT",)}
_LWT = {"Online": 1.0, "Offline": 0.0}
_NO_NEWS_NS = 2 * SECOND_NS
_MOST_DEVICES = 100


class TasmotaOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timezone: str = DEFAULT_ZONE
    topic_first: bool = False

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            zone_of(value)
        except PermanentError as error:
            raise ValueError(str(error)) from None
        return value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Habits:
    zone: ZoneInfo
    is_topic_first: bool


def unwrap(message: UplinkMessage, *, options: TasmotaOptions | None = None) -> tuple[Envelope, ...]:
    """Return the envelope of a message, or one for each Zigbee device in it; none for topics without device data.

    Raises PermanentError for what is no JSON object and for a last will that is neither Online nor Offline.
    """
    wanted = options or TasmotaOptions()
    habits = _Habits(zone=zone_of(wanted.timezone), is_topic_first=wanted.topic_first)
    address, kind = _parts(message.topic, habits)
    if not kind or not message.payload:
        return ()
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=address, payload=message.payload,
        received_ns=message.received_ns, topic=kind,
    )  # fmt: skip
    envelope = Envelope(frame=frame, is_retained=message.is_retained)
    if kind == "LWT":
        word = message.payload.decode("utf-8", errors="replace")
        if word not in _LWT:
            raise PermanentError(f"LWT {word[:40]!r} is neither Online nor Offline")
        return (replace(envelope, values={"online": _LWT[word]}, is_status=True),)
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    envelope = replace(envelope, observed_ns=_time_ns(body.get("Time"), message.received_ns, habits))
    if "ZbReceived" in body:
        return tuple(_zigbee(body["ZbReceived"], envelope))
    return (envelope,)


def _parts(topic: str, habits: _Habits) -> tuple[str, str]:
    """Return the device's topic and the kind of message; no kind for what carries no device data."""
    levels = topic.split("/")
    if len(levels) < 3:
        return "", ""
    if habits.is_topic_first:
        address, prefix, kind = "/".join(levels[:-2]), levels[-2], levels[-1]
    else:
        address, prefix, kind = "/".join(levels[1:-1]), levels[0], levels[-1]
    return (address, kind) if address and kind in _KINDS.get(prefix, ()) else ("", "")


def _time_ns(text: Any, received_ns: int, habits: _Habits) -> int | None:
    observed_ns = local_ns(text, habits.zone)
    if observed_ns is None or abs(received_ns - observed_ns) < _NO_NEWS_NS:
        return None
    return observed_ns


def _zigbee(said: Any, envelope: Envelope) -> Iterator[Envelope]:
    if not isinstance(said, dict) or not 0 < len(said) <= _MOST_DEVICES:
        raise PermanentError(f"ZbReceived is no object of 1 to {_MOST_DEVICES} devices")
    for key, part in said.items():
        if not isinstance(part, dict):
            raise PermanentError(f"ZbReceived of {key[:40]!r} is no object")
        name = str(part.get("Name") or part.get("Device") or key).strip()
        address = f"{envelope.frame.address}/{name}"
        payload = json.dumps(part).encode()
        yield replace(envelope, frame=replace(envelope.frame, address=address, payload=payload, topic="ZbReceived"))


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as a device publishes them by default."""
    frame = envelope.frame
    if envelope.is_status:
        return f"tele/{frame.address}/LWT", b"Online" if envelope.values.get("online") else b"Offline"
    bridge, _, name = frame.address.rpartition("/")
    if frame.topic == "ZbReceived" and bridge:
        part = {"Name": name, **read_object(frame.payload, most_bytes=MOST_BYTES)}
        return f"tele/{bridge}/SENSOR", json.dumps({"ZbReceived": {name: part}}).encode()
    kind = frame.topic if frame.topic in _KINDS["tele"] else "SENSOR"
    return f"tele/{frame.address}/{kind}", frame.payload


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    wanted = read_options(TasmotaOptions, options, of="tasmota")
    return replace(UPLINK, unwrap=partial(unwrap, options=wanted), topics=_topics(wanted))


def _topics(options: TasmotaOptions) -> tuple[str, ...]:
    pairs = [(prefix, kind) for prefix, kinds in _KINDS.items() for kind in kinds]
    return tuple(f"+/{prefix}/{kind}" if options.topic_first else f"{prefix}/+/{kind}" for prefix, kind in pairs)


UPLINK = UplinkSpec(
    name="tasmota",
    topics=_topics(TasmotaOptions()),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    configure=configure,
)
