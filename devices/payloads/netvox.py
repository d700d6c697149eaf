"""Netvox's LoRaWAN frame: version, device type, report type, battery, then the fields of the report.

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/netvox: the maker's decoders)

    FPort  byte   content (big-endian)
    6      0      version, 1
           1      device type, one number a model
           2      report type; 0 = software version and date: nothing measured
           3      battery, low 7 bits / 10 V, bit 7 battery low; 0 = powered by mains
           4..10  fields of the report
    7      0..1   answer to a command, device type; nothing measured
    13..20        answers to commands that all devices know; nothing measured

What a button sends while nobody presses it is a heartbeat, not a press: the quantity is absent then.
"""

from __future__ import annotations

from devices.model import Decoded
from devices.payloads.fields import Adjust, Codec, Field, Message, Values

REPORT_PORT, ANSWER_PORT = 6, 7
_OTHER_ANSWERS = tuple(range(13, 21))
_REPORT_BYTES = 11
_MAINS = 0
_BATTERY = (
    Field(key="battery_voltage", at=3, bits=7, per_unit=10, rest=30),
    Field(key="battery_low", at=3, low_bit=7, bits=1),
)
_BATTERY_KEYS = ("battery_voltage", "battery_low")


def finished(payload: bytes, values: Values) -> Decoded:
    """Return the values without the battery of a device on mains and without buttons that nobody presses."""
    is_on_mains = payload[3] == _MAINS
    said = {key: value for key, value in values.items() if not (is_on_mains and key in _BATTERY_KEYS)}
    return Decoded(values={key: value for key, value in said.items() if value or not key.startswith("button")})


def report(device_type: int, *fields: Field, number: int = 1, adjust: Adjust = finished) -> Message:
    """Return the report `number` of a device type: battery and `fields`."""
    return Message(
        ports=(REPORT_PORT,),
        length=_REPORT_BYTES,
        fields=(*fields, *_BATTERY),
        kind=((0, 0xFF, 1), (1, 0xFF, device_type), (2, 0xFF, number)),
        adjust=adjust,
    )


def codec(name: str, device_type: int, *reports: Message) -> Codec:
    """Return a model: its reports, its version packet and its answers to commands."""
    version = Message(
        ports=(REPORT_PORT,), length=9, kind=((0, 0xFF, 1), (1, 0xFF, device_type), (2, 0xFF, 0)), is_open=True
    )  # fmt: skip
    answer = Message(ports=(ANSWER_PORT,), length=3, kind=((0, 0x80, 0x80), (1, 0xFF, device_type)), is_open=True)
    others = Message(ports=_OTHER_ANSWERS, length=2, is_open=True)
    return Codec(name=name, messages=(*reports, version, answer, others))
