"""Aqara RTCGQ11LM: a battery motion sensor with a light sensor, by Zigbee2MQTT.

Source: https://www.zigbee2mqtt.io/devices/RTCGQ11LM.html

    JSON field   quantity
    occupancy    occupancy, true = movement seen; the bridge says false after its timeout
    illuminance  illuminance, lx
    battery, voltage (mV), linkquality (0..255): as every Zigbee2MQTT device
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, Frame
from devices.zigbee_state import COMMON_FIELDS, StateField, decode_state, encode_state

FIELDS = (
    StateField(name="occupancy", quantity="occupancy", is_bool=True),
    StateField(name="illuminance", quantity="illuminance"),
    *COMMON_FIELDS,
)


def decode(frame: Frame) -> Decoded:
    """Return what the state carries. Raises PermanentError for a state that is not one of this sensor."""
    return decode_state(frame, FIELDS)


def encode(decoded: Decoded) -> Frame:
    """Return the state the bridge would publish."""
    return encode_state(decoded, FIELDS)


DEVICE = DeviceSpec(
    model="aqara_rtcgq11lm",
    vendor="Aqara",
    source_url="https://www.zigbee2mqtt.io/devices/RTCGQ11LM.html",
    quantities=tuple(field.quantity for field in FIELDS),
    expected_interval_s=3600,
    transport="mqtt",
    decode=decode,
    encode=encode,
)
