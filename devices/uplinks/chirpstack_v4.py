"""ChirpStack v4 MQTT or HTTP integration, JSON: `application/<id>/device/<devEui>/event/up`.

Source: https://www.chirpstack.io/docs/chirpstack/integrations/events.html and `integration.proto`. Fields are
camelCase; zero fields are emitted; `data` is base64; `deviceInfo.devEui` is lower-case hex; `rxInfo[]` has one entry a
gateway that heard the frame. `time` is the network's clock: the network gateway's where it has one, else the server's.
By HTTP the event's name is the query `?event=up`; the source then gives the body, and its content tells what it is.
`deduplicationId` is not the identity of a frame: it differs after a server's restart, `fCnt` does not.
"""

from __future__ import annotations

import base64
import json
import uuid

from devices.json_object import read_object
from devices.model import Envelope, Frame, UplinkMessage, UplinkSpec
from devices.network_server import (
    FRAME_COUNTER_MOST,
    MOST_BYTES,
    application_port,
    base64_bytes,
    best_radio,
    dev_eui,
    instant_ns,
    instant_text,
    integer,
)


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of an uplink; none for other events and for uplinks without payload (keep-alive).

    `seq` is `fCnt`; `values` are `rssi` (dBm) and `snr` (dB) of the gateway that heard it best; `observed_ns` is
    `time`. Raises PermanentError naming the field that is missing or has another form than the source says.
    """
    if "/event/" in message.topic and not message.topic.endswith("/event/up"):
        return ()
    event = read_object(message.payload, most_bytes=MOST_BYTES)
    data = event.get("data")
    if not data:
        return ()
    info = event.get("deviceInfo")
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan",
        address=dev_eui(info.get("devEui") if isinstance(info, dict) else None, name="deviceInfo.devEui"),
        payload=base64_bytes(data, name="data"),
        received_ns=message.received_ns,
        port=application_port(event.get("fPort"), name="fPort"),
    )
    envelope = Envelope(
        frame=frame,
        seq=integer(event.get("fCnt"), name="fCnt", most=FRAME_COUNTER_MOST),
        observed_ns=instant_ns(event.get("time")),
        values=best_radio(event.get("rxInfo")),
        is_retained=message.is_retained,
    )
    return (envelope,)


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
    if envelope.observed_ns is not None:
        event["time"] = instant_text(envelope.observed_ns)
    topic = f"application/satomori/device/{frame.address}/event/up"
    return topic, json.dumps(event).encode()


UPLINK = UplinkSpec(
    name="chirpstack_v4",
    topics=("application/+/device/+/event/up",),
    unwrap=unwrap,
    wrap=wrap,
    is_pushed=True,
)
