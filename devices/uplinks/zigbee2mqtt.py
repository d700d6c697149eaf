"""Zigbee2MQTT: `zigbee2mqtt/<friendly name>`, the state as JSON; the name may contain slashes.

Source: https://www.zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html. Messages about the bridge, groups of
commands (`/set`, `/get`) and availability carry no device state and give no envelope.
"""

from __future__ import annotations

import re

from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec

_BASE = "zigbee2mqtt/"
_NOT_STATE = re.compile(r"bridge/.*|.*/(?:set|get|availability)(?:/.*)?", re.DOTALL)


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of a state message; none for other topics and for an emptied retained message.

    Raises PermanentError for a topic outside the base.
    """
    if not message.topic.startswith(_BASE):
        raise PermanentError(f"topic {message.topic[:80]!r} is not below {_BASE}")
    name = message.topic.removeprefix(_BASE)
    if not name or not message.payload or _NOT_STATE.fullmatch(name):
        return ()
    frame = Frame(
        gateway_id=message.gateway_id, transport="mqtt", address=name, payload=message.payload,
        received_ns=message.received_ns,
    )  # fmt: skip
    return (Envelope(frame=frame, is_retained=message.is_retained),)


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as the bridge publishes them."""
    return _BASE + envelope.frame.address, envelope.frame.payload


UPLINK = UplinkSpec(
    name="zigbee2mqtt",
    topics=("zigbee2mqtt/#",),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
)
