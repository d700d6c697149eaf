"""Any sender of JSON, by MQTT or HTTP push: the site says where address, time, counter and payload stand.

Source: https://www.rfc-editor.org/rfc/rfc8259 (JSON); the table below is ours.

    Option          meaning
    address_field   path of the address in the message, such as "device.id" (a list where a key holds a dot)
    address_level   else: the level of the topic, 1 = first, -1 = last (default); the levels behind it tell messages
                    apart (`topic` of a field in model `json_mapped`)
    list_field      path of a list of records; each record is then a message of its own
    time_field      path of the time; `time_format`: "iso" (default), "unix_s", "unix_ms" or a strptime format;
                    `timezone` for times without offset (default Asia/Tokyo)
    seq_field       path of the device's own counter
    payload_field   path of a payload in hexadecimal or base64 (`payload_format`), for a model that reads bytes;
                    `port_field`: its LoRaWAN FPort. Without it the model gets the JSON itself
    rssi_field, snr_field   paths of the radio levels, dBm and dB

The topics stand in `source.topics`. Sparkplug B (`spBv1.0/…`) is no JSON and is refused by name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from devices.json_object import read_object
from devices.lorawan import MOST_PORT
from devices.model import Envelope, Frame, Options, PermanentError, UplinkMessage, UplinkSpec
from devices.network_server import FRAME_COUNTER_MOST, MOST_BYTES, base64_bytes, hex_bytes
from devices.options import read_options
from devices.payloads.json_fields import find, number_of
from devices.payloads.json_time import DEFAULT_ZONE, local_ns, unix_ns, zone_of

Path = tuple[str, ...]
_MOST_RECORDS = 1_000
_ADDRESS_CHARS = 100
_UNIX = {"unix_s": 1, "unix_ms": 1000}
_SPARKPLUG = "spBv1.0/"
_RADIO_MOST = 200.0


class PlainJsonOptions(BaseModel):
    """Options of a source with this uplink; see the table of the module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    address_field: Path = ()
    address_level: Annotated[int, Field(ge=-20, le=20)] = -1
    list_field: Path = ()
    time_field: Path = ()
    time_format: str = "iso"
    timezone: str = DEFAULT_ZONE
    seq_field: Path = ()
    payload_field: Path = ()
    payload_format: Literal["hex", "base64"] = "base64"
    port_field: Path = ()
    rssi_field: Path = ()
    snr_field: Path = ()

    @field_validator(
        "address_field", "list_field", "time_field", "seq_field", "payload_field", "port_field", "rssi_field",
        "snr_field", mode="before",
    )  # fmt: skip
    @classmethod
    def _path(cls, value: Any) -> Any:
        return tuple(value.split(".")) if isinstance(value, str) and value else value or ()

    @field_validator("address_level")
    @classmethod
    def _level(cls, value: int) -> int:
        if value == 0:
            raise ValueError("levels count from 1, or from -1 backwards")
        return value

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            zone_of(value)
        except PermanentError as error:
            raise ValueError(str(error)) from None
        return value


def unwrap(message: UplinkMessage, *, options: PlainJsonOptions | None = None) -> tuple[Envelope, ...]:
    """Return an envelope for the message, or one for each record of its list; none for an empty retained message.

    Raises PermanentError naming the field that is missing or unreadable.
    """
    wanted = options or PlainJsonOptions()
    if message.topic.startswith(_SPARKPLUG):
        raise PermanentError(f"topic {message.topic[:60]!r} is Sparkplug B, which is not read; have the edge send JSON")
    if not message.payload:
        return ()
    body = read_object(message.payload, most_bytes=MOST_BYTES)
    return tuple(_envelope(record, message, wanted) for record in _records(body, wanted))


def _records(body: dict[str, Any], options: PlainJsonOptions) -> Iterator[dict[str, Any]]:
    if not options.list_field:
        yield body
        return
    records = find(body, options.list_field)
    if not isinstance(records, list) or len(records) > _MOST_RECORDS:
        raise PermanentError(f"{'.'.join(options.list_field)} is no list of at most {_MOST_RECORDS} records")
    for record in records:
        if not isinstance(record, dict):
            raise PermanentError(f"{'.'.join(options.list_field)} holds {str(record)[:40]!r}, which is no object")
        yield record


def _envelope(record: dict[str, Any], message: UplinkMessage, options: PlainJsonOptions) -> Envelope:
    address, topic = _address(record, message.topic, options)
    is_bytes = bool(options.payload_field)
    frame = Frame(
        gateway_id=message.gateway_id,
        transport="lorawan" if is_bytes else "mqtt",
        address=address,
        payload=_payload(record, message, options),
        received_ns=message.received_ns,
        port=_counter(record, options.port_field, most=MOST_PORT),
        topic=topic,
    )
    return Envelope(
        frame=frame,
        seq=_counter(record, options.seq_field, most=FRAME_COUNTER_MOST),
        observed_ns=_time_ns(record, options),
        values=_radio(record, options),
        is_retained=message.is_retained,
    )


def _address(record: dict[str, Any], topic: str, options: PlainJsonOptions) -> tuple[str, str]:
    if options.address_field:
        found = find(record, options.address_field)
        address = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
        below = topic
    else:
        levels = topic.strip("/").split("/")
        position = options.address_level - (1 if options.address_level > 0 else 0)
        in_topic = -len(levels) <= position < len(levels)
        address = levels[position] if in_topic else ""
        below = "/".join(levels[position:][1:]) if in_topic else ""
    if not 0 < len(address) <= _ADDRESS_CHARS:
        where = ".".join(options.address_field) or f"level {options.address_level} of the topic"
        raise PermanentError(f"{where} holds no address of at most {_ADDRESS_CHARS} characters")
    return address, below


def _payload(record: dict[str, Any], message: UplinkMessage, options: PlainJsonOptions) -> bytes:
    if not options.payload_field:
        return json.dumps(record).encode() if options.list_field else message.payload
    name, text = ".".join(options.payload_field), find(record, options.payload_field)
    if not isinstance(text, str):
        raise PermanentError(f"{name} {str(text)[:40]!r} is no text")
    return hex_bytes(text, name=name) if options.payload_format == "hex" else base64_bytes(text, name=name)


def _counter(record: dict[str, Any], path: Path, *, most: int) -> int | None:
    value = find(record, path) if path else None
    if value is None:
        return None
    number = number_of(value)
    if number is None or not number.is_integer() or not 0 <= number <= most:
        raise PermanentError(f"{'.'.join(path)} {str(value)[:40]!r} is not an integer from 0 to {most}")
    return int(number)


def _time_ns(record: dict[str, Any], options: PlainJsonOptions) -> int | None:
    value = find(record, options.time_field) if options.time_field else None
    if options.time_format in _UNIX:
        return unix_ns(value, per_second=_UNIX[options.time_format])
    form = "" if options.time_format == "iso" else options.time_format
    return local_ns(value, zone_of(options.timezone), form=form)


def _radio(record: dict[str, Any], options: PlainJsonOptions) -> dict[str, float]:
    paths = {"rssi": options.rssi_field, "snr": options.snr_field}
    found = {key: number_of(find(record, path)) for key, path in paths.items() if path}
    return {key: v for key, v in found.items() if v is not None and math.isfinite(v) and abs(v) < _RADIO_MOST}


def wrap(envelope: Envelope) -> tuple[str, bytes]:
    """Return topic and payload as a sender publishes them by default: the address is the last level."""
    return f"devices/{envelope.frame.address}", envelope.frame.payload


def configure(options: Options) -> UplinkSpec:
    """Return the uplink as a source's options want it. Raises PermanentError naming each wrong one."""
    wanted = read_options(PlainJsonOptions, options, of="plain_json")
    carries: Literal["lorawan", "mqtt"] = "lorawan" if wanted.payload_field else "mqtt"
    return replace(UPLINK, unwrap=partial(unwrap, options=wanted), carries=carries)


UPLINK = UplinkSpec(
    name="plain_json",
    topics=(),
    unwrap=unwrap,
    wrap=wrap,
    carries="mqtt",
    is_pushed=True,
    configure=configure,
)
