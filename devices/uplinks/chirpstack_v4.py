"""ChirpStack v4 MQTT integration, JSON: `application/<id>/device/<devEui>/event/up`.

Source: https://www.chirpstack.io/docs/chirpstack/integrations/events.html and `integration.proto`. Fields are
camelCase; zero fields are emitted; `data` is base64; `deviceInfo.devEui` is lower-case hex; `rxInfo[]` has one entry a
gateway that heard the frame. `time` is the network's clock, not the device's, so it is not taken as observed time.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import uuid
from typing import Any

from devices.json_object import read_object
from devices.lorawan import MOST_PORT
from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec

_MOST_BYTES = 65_536
_FRAME_COUNTER_MOST = 2**32 - 1


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of an uplink; none for other events and for uplinks without payload (keep-alive).

    `seq` is `fCnt`; `values` are `rssi` (dBm) and `snr` (dB) of the gateway that heard it best.
    Raises PermanentError naming the field that is missing or has another form than the source says.
    """
    if not message.topic.endswith("/event/up"):
        return ()
    event = read_object(message.payload, most_bytes=_MOST_BYTES)
    data = event.get("data")
    if not data:
        return ()
    info = event.get("deviceInfo")
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan",
        address=_dev_eui(info.get("devEui") if isinstance(info, dict) else None),
        payload=_base64(data),
        received_ns=message.received_ns,
        port=_integer(event.get("fPort"), name="fPort", most=MOST_PORT),
    )
    if not frame.port:
        raise PermanentError("fPort is 0 or absent: the payload is not an application's")
    seq = _integer(event.get("fCnt"), name="fCnt", most=_FRAME_COUNTER_MOST)
    return (Envelope(frame=frame, seq=seq, values=_radio(event.get("rxInfo")), is_retained=message.is_retained),)


def _dev_eui(text: Any) -> str:
    if not isinstance(text, str) or len(text) != 16 or not set(text.lower()) <= set("0123456789abcdef"):
        raise PermanentError(f"deviceInfo.devEui {str(text)[:40]!r} is not 16 hexadecimal digits")
    return text.lower()


def _base64(text: Any) -> bytes:
    """Accept the standard and the URL alphabet, with or without padding; nothing else."""
    try:
        plain = str(text).replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PermanentError(f"data {str(text)[:40]!r} is not base64") from None


def _integer(value: Any, *, name: str, most: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise PermanentError(f"{name} {str(value)[:40]!r} is not an integer from 0 to {most}")
    return value


def _radio(receptions: Any) -> dict[str, float]:
    """Return rssi and snr of the best reception; what is no number is left out, it is not the device's fault."""
    heard = [r for r in receptions if isinstance(r, dict)] if isinstance(receptions, list) else []
    best = max(heard, key=lambda r: _number(r.get("rssi"), -math.inf), default={})
    found = {key: _number(best.get(key), math.nan) for key in ("rssi", "snr")}
    return {key: value for key, value in found.items() if math.isfinite(value)}


def _number(value: Any, default: float) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 1e6 else default


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as ChirpStack publishes them, for the simulator."""
    frame = envelope.frame
    event = {
        "deduplicationId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{frame.address}/{envelope.seq}")),
        "deviceInfo": {"applicationId": "satomori", "devEui": frame.address},
        "adr": True,
        "dr": 2,
        "fCnt": envelope.seq or 0,
        "fPort": frame.port or 1,
        "confirmed": False,
        "data": base64.b64encode(frame.payload).decode("ascii"),
        "rxInfo": [{"gatewayId": "0016c001f1500001", **envelope.values}] if envelope.values else [],
    }
    topic = f"application/satomori/device/{frame.address}/event/up"
    return topic, json.dumps(event).encode()


UPLINK = UplinkSpec(
    name="chirpstack_v4",
    topics=("application/+/device/+/event/up",),
    unwrap=unwrap,
    wrap=wrap,
)
