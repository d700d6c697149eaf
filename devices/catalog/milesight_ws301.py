"""Milesight WS301: a magnet contact with a tamper switch on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS301: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      00    magnet contact, 0 closed, 1 open
    04      00    tamper, 0 installed, 1 taken off its base
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="a WS301",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0300", m.state("contact_open")),
        m.channel("0400", m.state("tamper")),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws301",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("contact_open", "tamper", "battery_level"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
