"""Milesight WS303: a small leak detector on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS303: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      00    leak, 0 dry, 1 wet
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="a WS303",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0300", m.state("water_leak")),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws303",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("water_leak", "battery_level"),
    expected_interval_s=86_400,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
