"""LORIOT network server: its application output, by HTTP push or MQTT.

Source: https://docs.loriot.io/space/NMS/6032996/Uplink+Data+Message

    cmd          "rx" = an uplink by its best gateway, "gw" = the same with all gateways; others carry no device data
    EUI          DevEUI
    fcnt, port   frame counter, FPort
    data         payload in hex; `encdata` instead when the server has no key
    ts           when the server got it, ms since 1970
    rssi, snr    of "rx"; in gws[] of "gw"

Both kinds may come for one uplink; they are one frame by its counter.
"""

from __future__ import annotations

import json

from devices.json_object import read_object
from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import (
    FRAME_COUNTER_MOST,
    MOST_BYTES,
    application_port,
    best_radio,
    dev_eui,
    hex_bytes,
    integer,
)
from devices.payloads.json_time import unix_ns

_UPLINKS = ("rx", "gw")
_MILLISECOND_NS = 1_000_000


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of an uplink; none for other commands, keep-alives and payloads without a key.

    Raises PermanentError naming the field that is missing or has another form.
    """
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    if not isinstance(body.get("cmd"), str):
        raise PermanentError("cmd is missing")
    if body["cmd"] not in _UPLINKS or not body.get("data"):
        return ()
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan",
        address=dev_eui(body.get("EUI"), name="EUI"),
        payload=hex_bytes(body["data"], name="data"),
        received_ns=message.received_ns,
        port=application_port(body.get("port"), name="port"),
    )
    envelope = Envelope(
        frame=frame,
        seq=integer(body.get("fcnt"), name="fcnt", most=FRAME_COUNTER_MOST),
        observed_ns=unix_ns(body.get("ts"), per_second=1000),
        values=best_radio(body.get("gws", [body])),
        is_retained=message.is_retained,
    )
    return (envelope,)


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return path and body as the server posts them, for the simulator."""
    frame = envelope.frame
    body = {
        "cmd": "rx",
        "EUI": frame.address.upper(),
        "fcnt": envelope.seq or 0,
        "port": frame.port or 1,
        "data": frame.payload.hex(),
        **envelope.values,
    }
    if envelope.observed_ns is not None:
        body["ts"] = envelope.observed_ns // _MILLISECOND_NS
    return "", json.dumps(body).encode()


UPLINK = UplinkSpec(
    name="loriot",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    is_pushed=True,
)
