"""ThingPark (Wireless, Enterprise): the uplink document of its connectors, by HTTP push or MQTT.

Source: https://docs.thingpark.com/thingpark-x/latest/Message/Uplink_Message/

    DevEUI_uplink      the uplink; DevEUI_downlink_Sent, DevEUI_location, DevEUI_notification … carry no device data
    DevEUI             16 hex digits
    FPort, FCntUp      FPort, frame counter; texts in older versions
    payload_hex        payload; absent for a keep-alive
    LrrRSSI, LrrSNR    of the gateway that heard it best
    Time               RFC 3339: when that gateway heard it
"""

from __future__ import annotations

import json
from typing import Any

from devices.json_object import read_object
from devices.model import Envelope, Frame, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import (
    FRAME_COUNTER_MOST,
    MOST_BYTES,
    application_port,
    best_radio,
    dev_eui,
    hex_bytes,
    instant_ns,
    instant_text,
    integer,
    table,
)
from devices.payloads.json_fields import number_of


def unwrap(message: UplinkMessage) -> tuple[Envelope, ...]:
    """Return the one envelope of an uplink; none for other documents and for keep-alives.

    Raises PermanentError naming the field that is missing or has another form.
    """
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    if "DevEUI_uplink" not in body:
        if any(key.startswith("DevEUI_") for key in body):
            return ()
        raise PermanentError("DevEUI_uplink is missing")
    uplink = table(body["DevEUI_uplink"], name="DevEUI_uplink")
    if not uplink.get("payload_hex"):
        return ()
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan",
        address=dev_eui(uplink.get("DevEUI"), name="DevEUI"),
        payload=hex_bytes(uplink["payload_hex"], name="payload_hex"),
        received_ns=message.received_ns,
        port=application_port(_whole(uplink.get("FPort")), name="FPort"),
    )
    radio = {"LrrRSSI": number_of(uplink.get("LrrRSSI")), "LrrSNR": number_of(uplink.get("LrrSNR"))}
    envelope = Envelope(
        frame=frame,
        seq=integer(_whole(uplink.get("FCntUp")), name="FCntUp", most=FRAME_COUNTER_MOST),
        observed_ns=instant_ns(uplink.get("Time")),
        values=best_radio([radio], rssi="LrrRSSI", snr="LrrSNR"),
        is_retained=message.is_retained,
    )
    return (envelope,)


def _whole(value: Any) -> Any:
    """Return a text of digits as a number; anything else as it is, to be judged by its field."""
    number = number_of(value) if isinstance(value, str) else None
    return int(number) if number is not None and number.is_integer() else value


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return path and body as the connector posts them, for the simulator."""
    frame, values = envelope.frame, envelope.values
    uplink: dict[str, Any] = {
        "DevEUI": frame.address.upper(),
        "FPort": frame.port or 1,
        "FCntUp": envelope.seq or 0,
        "payload_hex": frame.payload.hex(),
    }
    uplink |= {name: values[key] for key, name in (("rssi", "LrrRSSI"), ("snr", "LrrSNR")) if key in values}
    if envelope.observed_ns is not None:
        uplink["Time"] = instant_text(envelope.observed_ns)
    return "", json.dumps({"DevEUI_uplink": uplink}).encode()


UPLINK = UplinkSpec(
    name="thingpark",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    is_pushed=True,
)
