"""SORACOM LTE-M Button: a button and a two-wire input (trap cord, pendant) that sends by itself, as the binary parser
turns it into JSON.

Source: https://developers.soracom.io/en/docs/soracom-lte-m-button/message-examples

    JSON field    quantity
    msg_type      event, event_with_temperature, alert: something happened; timer, heartbeat, status: life sign
    detect_type   button ("Single short click", "Double …", "Single long …") or contact_open (accessory "Connected" = 0,
                  "Disconnected" = 1); only of the first three message types
    seq_number    frame counter
    batt_vol      battery_voltage, mV
    temp_cur      probe_temperature, Cel, of the external sensor
    crc8          false = damaged on the way

The counts of a timer message are sums over a fifth of the interval; they name no instant and are not read, so a button
that is to raise alarms must be in an event or alert mode.
Address: the IMSI (uplink `soracom`).
"""

from __future__ import annotations

import json
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import (
    MOST_BYTES,
    JsonField,
    decoded_or_refused,
    json_frame,
    number_of,
    read_fields,
    write_fields,
)
from devices.quantities import label_value

_EVENTS = ("event", "event_with_temperature", "alert")
_LIFE_SIGNS = ("timer", "heartbeat", "status")
_CLICKS = {
    "Single short click": label_value("button", "single"),
    "Double short click": label_value("button", "double"),
    "Single long click": label_value("button", "long"),
}
_CONTACTS = {"Connected": 0.0, "Disconnected": 1.0}
FIELDS = (
    JsonField(path=("batt_vol",), quantity="battery_voltage", factor=0.001, is_aside=True),
    JsonField(path=("temp_cur",), quantity="probe_temperature", is_aside=True),
)
_SEQ_MOST = 2**32 - 1


def decode(frame: Frame) -> Decoded:
    """Return the press or edge, voltage and temperature. An unknown click of an event is the button `other`.

    Raises PermanentError for a message whose checksum was wrong, of another type, or without any of the fields.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    if said.get("crc8") is False:
        raise PermanentError("crc8 is false: the message was damaged on its way")
    kind = said.get("msg_type")
    if kind not in (*_EVENTS, *_LIFE_SIGNS):
        raise PermanentError(f"msg_type {str(kind)[:40]!r} is none of {', '.join((*_EVENTS, *_LIFE_SIGNS))}")
    values = read_fields(said, FIELDS)
    if kind in _EVENTS:
        values |= _happened(said.get("detect_type"))
    return decoded_or_refused(values, FIELDS, seq=_seq(said.get("seq_number")))


def _happened(detected: Any) -> dict[str, float]:
    word = str(detected)
    if word in _CONTACTS:
        return {"contact_open": _CONTACTS[word]}
    return {"button": _CLICKS.get(word, label_value("button", "other"))}


def _seq(value: Any) -> int | None:
    number = number_of(value)
    is_count = number is not None and number.is_integer() and 0 <= number <= _SEQ_MOST
    return int(number) if number is not None and is_count else None


def encode(decoded: Decoded) -> Frame:
    """Return the JSON the platform makes. Raises PermanentError for a press that the button does not know."""
    values = dict(decoded.values)
    said: dict[str, Any] = {"prod_type": 1, "msg_type": "status", "seq_number": decoded.seq or 0, "crc8": True}
    said |= write_fields(values, FIELDS)
    happened = [(key, values[key]) for key in ("button", "contact_open") if values.get(key) == values.get(key, 0.5)]
    if len(happened) > 1:
        raise PermanentError("one message tells one event: a press or an edge of the contact")
    for key, value in happened:
        words = {meaning: word for word, meaning in (_CLICKS if key == "button" else _CONTACTS).items()}
        if value not in words:
            raise PermanentError(f"{key} {value:g} is nothing this button says")
        said |= {"msg_type": "event", "detect_type": words[value]}
    return json_frame(json.dumps(said | {"binaryParserEnabled": True}).encode())


DEVICE = DeviceSpec(
    model="soracom_lte_m_button",
    vendor="SORACOM",
    source_url="https://developers.soracom.io/en/docs/soracom-lte-m-button/message-examples",
    quantities=("button", "contact_open", "battery_voltage", "probe_temperature"),
    expected_interval_s=86_400,
    transport="http",
    decode=decode,
    encode=encode,
)
