"""Shelly, second generation and later (Plus, Pro, Gen3, Gen4), by MQTT.

Source: https://shelly-api-docs.shelly.cloud/gen2/ComponentsAndServices/Mqtt

    <id>/events/rpc           {"src", "method": NotifyStatus | NotifyEvent | NotifyFullStatus, "params": {"ts", …}}
    <id>/status/<component>   the state of one component, when that is switched on
    <id>/online               true or false; retained last will
    params.ts                 Unix seconds with fraction; null before the clock is set

NotifyStatus carries only what changed. `<id>` is the topic prefix of the device; option `prefix` for levels that all
devices of a source have in front of it ("shellies").
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from devices.json_object import read_object
from devices.model import Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import MOST_BYTES, table
from devices.options import read_options
from devices.payloads.json_time import unix_ns

_RPC = "/events/rpc"
_ONLINE = {b"true": 1.0, b"false": 0.0}
_METHODS = ("NotifyStatus", "NotifyFullStatus", "NotifyEvent")


class ShellyOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    prefix: Annotated[str, Field(pattern=r"^[^#+]{0,100}$")] = ""


def unwrap(message: UplinkMessage, *, prefix: str = "") -> tuple[Envelope, ...]:
    """Return the envelope of a notification, a component's state or the last will; none for other topics.

    `Frame.topic` is the method, or "status/<component>". Raises PermanentError for what is none of the forms.
    """
    if not message.topic.startswith(prefix) or not message.payload:
        return ()
    name = message.topic.removeprefix(prefix)
    device, _, rest = name.partition("/")
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=device, payload=message.payload,
        received_ns=message.received_ns, topic=rest,
    )  # fmt: skip
    envelope = Envelope(frame=frame, is_retained=message.is_retained)
    if rest == "online":
        if message.payload not in _ONLINE:
            raise PermanentError(f"online {message.payload[:40]!r} is neither true nor false")
        return (replace(envelope, values={"online": _ONLINE[message.payload]}, is_status=True),)
    if rest == _RPC.strip("/"):
        return _notified(envelope)
    return (envelope,) if rest.startswith("status/") and device else ()


def _notified(envelope: Envelope) -> tuple[Envelope, ...]:
    body = read_object(envelope.frame.payload, most_bytes=MOST_BYTES)
    method = body.get("method")
    if method not in _METHODS:
        return ()
    params = table(body.get("params"), name="params")
    frame = replace(envelope.frame, payload=json.dumps(params).encode(), topic=str(method))
    return (replace(envelope, frame=frame, observed_ns=unix_ns(params.get("ts"))),)


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as a device publishes them."""
    frame = envelope.frame
    if envelope.is_status:
        return f"{frame.address}/online", b"true" if envelope.values.get("online") else b"false"
    try:
        params: dict[str, Any] = dict(read_object(frame.payload, most_bytes=MOST_BYTES))
    except PermanentError:
        return f"{frame.address}/status/text", frame.payload
    if envelope.observed_ns is not None:
        params["ts"] = round(envelope.observed_ns / 1e9, 2)
    method = frame.topic if frame.topic in _METHODS else "NotifyStatus"
    body = {"src": frame.address, "dst": f"{frame.address}/events", "method": method, "params": params}
    return f"{frame.address}{_RPC}", json.dumps(body).encode()


def _topics(prefix: str) -> tuple[str, ...]:
    return (f"{prefix}+{_RPC}", f"{prefix}+/status/+", f"{prefix}+/online")


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    levels = read_options(ShellyOptions, options, of="shelly_gen2").prefix.strip("/")
    prefix = f"{levels}/" if levels else ""
    return replace(UPLINK, unwrap=partial(unwrap, prefix=prefix), topics=_topics(prefix))


UPLINK = UplinkSpec(
    name="shelly_gen2",
    topics=_topics(""),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    configure=configure,
)
