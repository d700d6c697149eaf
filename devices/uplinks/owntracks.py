"""OwnTracks: where a phone or a tracker is, by MQTT (`owntracks/<user>/<device>`) or HTTP push.

Source: https://owntracks.org/booklet/tech/json/

    _type   "location"; transition, waypoint, lwt, card, encrypted … carry no position of the device and give nothing
    tst     Unix seconds: when it was there
    topic   in a push: "owntracks/<user>/<device>", when the path does not name the device

The address is "<user>/<device>".
"""

from __future__ import annotations

import json
from typing import Any

from devices.json_object import read_object
from devices.model import SECOND_NS, Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.payloads.json_time import unix_ns

_BASE = "owntracks/"
_MOST_BYTES = 16_384
_ADDRESS_CHARS = 100


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of a location; none for other types and for an emptied retained message.

    Raises PermanentError for what is no typed JSON object and when nothing names the device.
    """
    if not message.payload:
        return ()
    body = read_object(message.payload, most_bytes=_MOST_BYTES)
    kind = body.get("_type")
    if not isinstance(kind, str):
        raise PermanentError("_type is missing")
    if kind != "location":
        return ()
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=_address(message.topic, body.get("topic")),
        payload=message.payload, received_ns=message.received_ns,
    )  # fmt: skip
    return (Envelope(frame=frame, observed_ns=unix_ns(body.get("tst")), is_retained=message.is_retained),)


def _address(topic: str, said: Any) -> str:
    address = (topic or (said if isinstance(said, str) else "")).removeprefix(_BASE).strip("/")
    if not 0 < len(address) <= _ADDRESS_CHARS:
        raise PermanentError("neither the topic nor the path names the device")
    return address


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as the app publishes them."""
    body: dict[str, Any] = {"_type": "location", **read_object(envelope.frame.payload, most_bytes=_MOST_BYTES)}
    if envelope.observed_ns is not None:
        body["tst"] = envelope.observed_ns // SECOND_NS
    return f"{_BASE}{envelope.frame.address}", json.dumps(body).encode()


UPLINK = UplinkSpec(
    name="owntracks",
    topics=(f"{_BASE}+/+",),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    is_pushed=True,
)
