"""SwitchBot webhook: the maker's cloud posts each change of a device.

Source: https://github.com/OpenWonderLabs/SwitchBotAPI

    eventType              "changeReport"; others carry no device data
    context.deviceMac      the address: twelve hex digits, with or without colons; ours is lower case without
    context.timeOfSample   when, ms since 1970 (seconds are understood too)
    context                all the rest is the device's and goes to its model as JSON

A change report holds the whole state of the device, so it also repeats what was said before.
"""

from __future__ import annotations

import json
import re
from typing import Any

from devices.json_object import read_object
from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import MOST_BYTES, table
from devices.payloads.json_time import unix_guess_ns

_ADDRESS = re.compile(r"[0-9a-f]{12,16}", re.ASCII)
_MILLISECOND_NS = 1_000_000


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of a change report; none for other events.

    Raises PermanentError for what is no event and for a deviceMac that is no address.
    """
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    if "eventType" not in body:
        raise PermanentError("eventType is missing: this is no webhook of the cloud")
    if body["eventType"] != "changeReport":
        return ()
    context = table(body.get("context"), name="context")
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="http",
        address=_address(context.get("deviceMac")),
        payload=json.dumps(context).encode(),
        received_ns=message.received_ns,
    )
    observed_ns = unix_guess_ns(context.get("timeOfSample"))
    return (Envelope(frame=frame, observed_ns=observed_ns, is_retained=message.is_retained, is_cached=True),)


def _address(mac: Any) -> str:
    address = str(mac).replace(":", "").replace("-", "").lower()
    if not isinstance(mac, str) or not _ADDRESS.fullmatch(address):
        raise PermanentError(f"context.deviceMac {str(mac)[:40]!r} is no MAC address")
    return address


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return path and body as the cloud posts them, for the simulator. The payload is the model's JSON."""
    context: dict[str, Any] = dict(read_object(envelope.frame.payload, most_bytes=MOST_BYTES))
    context["deviceMac"] = envelope.frame.address.upper()
    if envelope.observed_ns is not None:
        context["timeOfSample"] = envelope.observed_ns // _MILLISECOND_NS
    body = {"eventType": "changeReport", "eventVersion": "1", "context": context}
    return "", json.dumps(body).encode()


UPLINK = UplinkSpec(
    name="switchbot",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="http",
    is_pushed=True,
)
