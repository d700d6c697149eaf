"""Zigbee2MQTT: `zigbee2mqtt/<friendly name>`, the state as JSON; the name may contain slashes.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html

    <base>/<name>                state: JSON of all the bridge knows of the device, not only of what it just said
    <base>/<name>/availability   {"state": "online"} or, of old versions, online or offline alone; retained
    <base>/<name>/set, /get      commands; no device data
    <base>/bridge/…              about the bridge itself; no device data. That it went away shows in the availability of
                                 its devices, all at once, and in their silence

Option: `base` (default "zigbee2mqtt").
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from devices.json_object import read_object
from devices.model import Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.options import read_options

_BASE = "zigbee2mqtt"
_AVAILABILITY = "/availability"
_NOT_STATE = re.compile(r"bridge/.*|.*/(?:set|get)(?:/.*)?|.*/availability/.*", re.DOTALL)
_ONLINE = {"online": 1.0, "offline": 0.0}
_MOST_BYTES = 1_000


class Zigbee2MqttOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: Annotated[str, Field(pattern=r"^[^#+]{1,100}$")] = _BASE


def unwrap(message: UplinkMessage, *, base: str = _BASE) -> tuple[Envelope, ...]:
    """Return the one envelope of a state or an availability; none for other topics and for an emptied retained one.

    Raises PermanentError for a topic outside the base and for an availability that is neither online nor offline.
    """
    if not message.topic.startswith(f"{base}/"):
        raise PermanentError(f"topic {message.topic[:80]!r} is not below {base}/")
    name = message.topic.removeprefix(f"{base}/")
    if not name or not message.payload or _NOT_STATE.fullmatch(name):
        return ()
    is_status = name.endswith(_AVAILABILITY)
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="mqtt",
        address=name.removesuffix(_AVAILABILITY),
        payload=message.payload,
        received_ns=message.received_ns,
    )
    if is_status:
        values = {"online": _availability(message.payload)}
        return (Envelope(frame=frame, values=values, is_retained=message.is_retained, is_status=True),)
    return (Envelope(frame=frame, is_retained=message.is_retained, is_cached=True),)


def _availability(payload: bytes) -> float:
    word = payload.decode("utf-8", errors="replace").strip().strip('"')
    if word.startswith("{"):
        word = str(read_object(payload, most_bytes=_MOST_BYTES).get("state"))
    if word not in _ONLINE:
        raise PermanentError(f"availability {word[:40]!r} is neither online nor offline")
    return _ONLINE[word]


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as the bridge publishes them."""
    if envelope.is_status:
        word = "online" if envelope.values.get("online") else "offline"
        return f"{_BASE}/{envelope.frame.address}{_AVAILABILITY}", f'{{"state":"{word}"}}'.encode()
    return f"{_BASE}/{envelope.frame.address}", envelope.frame.payload


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    base = read_options(Zigbee2MqttOptions, options, of="zigbee2mqtt").base.strip("/")
    return replace(UPLINK, unwrap=partial(unwrap, base=base), topics=(f"{base}/#",))


UPLINK = UplinkSpec(
    name="zigbee2mqtt",
    topics=(f"{_BASE}/#",),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    configure=configure,
)
