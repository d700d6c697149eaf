"""The Things Stack v3 (Community, Cloud, Enterprise): MQTT `v3/<app>@<tenant>/devices/<device>/up`, or a webhook.

Source: https://www.thethingsindustries.com/docs/the-things-stack/concepts/data-formats/. The bodies of both ways are
the same. Fields equal to 0, "" or false are omitted: no `f_cnt` means 0, no `f_port` means 0. MQTT is QoS 0 there, so
what was sent while the gateway was away is lost; a webhook beside it closes that gap.

    end_device_ids.dev_eui              16 hex digits, upper case
    uplink_message.f_cnt, f_port        frame counter (32 bit), port; omitted when 0
    uplink_message.frm_payload          base64; omitted when the uplink is a keep-alive
    uplink_message.rx_metadata[]        rssi, snr: one entry for each gateway that heard it
    uplink_message.received_at          RFC 3339 with nine digits: the network's clock
    join_accept, downlink_*, …          other messages; no device data
"""

from __future__ import annotations

import base64
import json
from typing import Any

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
    table,
)

_OTHERS = ("join_accept", "location_solved", "service_data", "uplink_normalized")


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of an uplink; none for other messages and for uplinks without payload (keep-alive).

    `seq` is `f_cnt`; `values` are `rssi` (dBm) and `snr` (dB) of the gateway that heard it best; `observed_ns` is when
    the network server got it. Raises PermanentError naming the field that is missing or has another form.
    """
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    if "uplink_message" not in body and any(key in _OTHERS or key.startswith("downlink_") for key in body):
        return ()
    uplink = table(body.get("uplink_message"), name="uplink_message")
    ids = table(body.get("end_device_ids"), name="end_device_ids")
    if not uplink.get("frm_payload"):
        return ()
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan",
        address=dev_eui(ids.get("dev_eui"), name="end_device_ids.dev_eui"),
        payload=base64_bytes(uplink["frm_payload"], name="frm_payload"),
        received_ns=message.received_ns,
        port=application_port(uplink.get("f_port"), name="f_port"),
    )
    envelope = Envelope(
        frame=frame,
        seq=integer(uplink.get("f_cnt", 0), name="f_cnt", most=FRAME_COUNTER_MOST) or 0,
        observed_ns=instant_ns(uplink.get("received_at")) or instant_ns(body.get("received_at")),
        values=best_radio(uplink.get("rx_metadata")),
        is_retained=message.is_retained,
    )
    return (envelope,)


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as the network publishes them, for the simulator; zeros are omitted as it does."""
    frame = envelope.frame
    name = f"eui-{frame.address}"
    uplink: dict[str, Any] = {
        "session_key_id": "AYfqmb0pc/1uRZv9xUydgQ==",
        "f_port": frame.port or 1,
        "f_cnt": envelope.seq,
        "frm_payload": base64.b64encode(frame.payload).decode("ascii"),
        "rx_metadata": [{"gateway_ids": {"gateway_id": "satomori"}, **envelope.values}] if envelope.values else None,
        "received_at": instant_text(envelope.observed_ns) if envelope.observed_ns is not None else None,
    }
    body = {
        "end_device_ids": {
            "device_id": name,
            "application_ids": {"application_id": "satomori"},
            "dev_eui": frame.address.upper(),
        },
        "uplink_message": {key: value for key, value in uplink.items() if value},
    }
    return f"v3/satomori@ttn/devices/{name}/up", json.dumps(body).encode()


UPLINK = UplinkSpec(
    name="the_things_stack_v3",
    topics=("v3/+/devices/+/up",),
    unwrap=unwrap,
    wrap=wrap,
    is_pushed=True,
)
