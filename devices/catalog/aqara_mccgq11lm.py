"""Aqara MCCGQ11LM: a battery door and window contact, by Zigbee2MQTT.

Source: https://www.zigbee2mqtt.io/devices/MCCGQ11LM.html

    JSON field          quantity
    contact             contact_open, turned around: true = closed = 0
    device_temperature  device_temperature, degC
    battery, voltage (mV), linkquality (0..255): as every Zigbee2MQTT device
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, Frame
from devices.zigbee_state import COMMON_FIELDS, StateField, decode_state, encode_state

FIELDS = (
    StateField(name="contact", quantity="contact_open", is_bool=True, is_inverted=True),
    StateField(name="device_temperature", quantity="device_temperature"),
    *COMMON_FIELDS,
)


def decode(frame: Frame) -> Decoded:
    """Return what the state carries. Raises PermanentError for a state that is not one of this contact."""
    return decode_state(frame, FIELDS)


def encode(decoded: Decoded) -> Frame:
    """Return the state the bridge would publish."""
    return encode_state(decoded, FIELDS)


DEVICE = DeviceSpec(
    model="aqara_mccgq11lm",
    vendor="Aqara",
    source_url="https://www.zigbee2mqtt.io/devices/MCCGQ11LM.html",
    quantities=tuple(field.quantity for field in FIELDS),
    expected_interval_s=3600,
    transport="mqtt",
    decode=decode,
    encode=encode,
)
