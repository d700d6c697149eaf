"""SORACOM Beam, Funk and Funnel: what a SIM sent, in Funnel's envelope or as the payload alone.

Source: https://users.soracom.io/ja-jp/docs/funnel/format/

    Funnel envelope     {"operatorId", "destination", "credentialsId", "sourceProtocol", "payloads",
                         "timestamp": ms since 1970, "imsi", "imei"}
    payloads            the JSON object that was sent (or that the binary parser made), or text of it
    payload alone       Beam, Funk: the JSON object; the path of the push (or the MQTT topic) ends in the address
    base64 alone        Beam, for senders by UDP: {"payload": "<base64 of the JSON>"}

Options: `address` = "imsi" (default) or "imei": which of them is the device's address in the envelope; `text` =
"base64" (default) or "plain": what a `payloads` that is text holds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from devices.json_object import read_object
from devices.model import Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import MOST_BYTES, base64_bytes
from devices.options import read_options

_MILLISECOND_NS = 1_000_000
_MOST_MS = 2**62 // _MILLISECOND_NS
_ADDRESS_CHARS = 64


class SoracomOptions(BaseModel):
    """Options of a source with this uplink."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address: Literal["imsi", "imei"] = "imsi"
    text: Literal["base64", "plain"] = "base64"


def unwrap(message: UplinkMessage, *, options: SoracomOptions | None = None) -> tuple[Envelope, ...]:
    """Return the one envelope of a message; the payload is JSON or what the device sent in binary.

    `observed_ns` is when the platform got it. Raises PermanentError naming what is missing.
    """
    wanted = options or SoracomOptions()
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    if "payloads" in body:
        address, observed_ns = _address(body, wanted), _time_ns(body.get("timestamp"))
        payload = _payload(body["payloads"], wanted)
    else:
        address, observed_ns = _last_level(message.topic), None
        is_base64 = set(body) == {"payload"} and isinstance(body["payload"], str)
        payload = base64_bytes(body["payload"], name="payload") if is_base64 else message.payload
    frame = Frame(
        gateway_id=message.gateway_id, transport="http", address=address, payload=payload,
        received_ns=message.received_ns,
    )  # fmt: skip
    return (Envelope(frame=frame, observed_ns=observed_ns, is_retained=message.is_retained),)


def _address(body: Mapping[str, Any], options: SoracomOptions) -> str:
    address = body.get(options.address)
    if not isinstance(address, str) or not 0 < len(address) <= _ADDRESS_CHARS:
        raise PermanentError(f"{options.address} {str(address)[:40]!r} is no address")
    return address


def _last_level(topic: str) -> str:
    address = topic.strip("/").rpartition("/")[2]
    if not 0 < len(address) <= _ADDRESS_CHARS:
        raise PermanentError("a payload without envelope needs the device's address at the end of its path or topic")
    return address


def _payload(payloads: Any, options: SoracomOptions) -> bytes:
    if isinstance(payloads, dict):
        return json.dumps(payloads).encode()
    if not isinstance(payloads, str) or not payloads:
        raise PermanentError(f"payloads {str(payloads)[:40]!r} is neither an object nor text")
    if options.text == "base64" and not payloads.lstrip().startswith("{"):
        return base64_bytes(payloads, name="payloads")
    return payloads.encode("utf-8", errors="replace")


def _time_ns(timestamp: Any) -> int | None:
    if isinstance(timestamp, str) and timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 20:
        timestamp = int(timestamp)
    if isinstance(timestamp, bool) or not isinstance(timestamp, int) or not 0 < timestamp < _MOST_MS:
        return None
    return timestamp * _MILLISECOND_NS


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return path and body of the push as Funnel sends it, for the simulator."""
    frame = envelope.frame
    try:
        payloads: Any = read_object(frame.payload, most_bytes=MOST_BYTES)
    except PermanentError:
        payloads = base64.b64encode(frame.payload).decode("ascii")
    body: dict[str, Any] = {"operatorId": "OP0000000000", "payloads": payloads, "imsi": frame.address}
    if envelope.observed_ns is not None:
        body["timestamp"] = envelope.observed_ns // _MILLISECOND_NS
    return "", json.dumps(body).encode()


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    wanted = read_options(SoracomOptions, options, of="soracom")
    return replace(UPLINK, unwrap=partial(unwrap, options=wanted))


UPLINK = UplinkSpec(
    name="soracom",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="http",
    is_pushed=True,
    configure=configure,
)
