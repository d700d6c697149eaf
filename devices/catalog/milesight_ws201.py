"""Milesight WS201: distance to what fills a box (paper, salt, grit) on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS201: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      82    distance, u16 mm
    04      D6    what remains by the depth set in the device, u8 %: nothing is made of it
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="a WS201",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0382", m.DISTANCE),
        m.silent("04d6", 1),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws201",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("distance", "battery_level"),
    expected_interval_s=86_400,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
