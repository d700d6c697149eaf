"""Milesight WS202: a movement detector with a light sensor on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS202: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      00    movement, 0 none, 1 seen
    04      00    light, 0 dark, 1 light
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="a WS202",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0300", m.state("occupancy")),
        m.channel("0400", m.state("is_dark", (1.0, 0.0))),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws202",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("occupancy", "is_dark", "battery_level"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
