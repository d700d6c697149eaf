"""Milesight WS101: a push button on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS101: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    FF      2E    pressed, 1 short, 2 long, 3 twice
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m
from devices.quantities import label_value

_PRESSED = m.state(
    "button",
    (label_value("button", "single"), label_value("button", "long"), label_value("button", "double")),
    first=1,
)
_TLV = m.Tlv(
    name="a WS101",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("ff2e", _PRESSED),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws101",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("button", "battery_level"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
