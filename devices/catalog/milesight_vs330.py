"""Milesight VS330: occupancy of a bathroom by radar distance and movement on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of VS330: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    02      82    distance, u16 mm (older firmware)
    02      A5    four distances, u16 mm each: nothing is made of them
    03      8E    occupancy, 0 vacant, 1 occupied; 2 and 3: it does not know
    04      8E A8 calibration, u8
    08      A8    second calibration, u8
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="a VS330",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0282", m.DISTANCE),
        m.silent("02a5", 8),
        m.channel("038e", m.number("occupancy", "B", (0, 1))),
        m.silent("048e", 1),
        m.silent("04a8", 1),
        m.silent("08a8", 1),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_vs330",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("occupancy", "distance", "battery_level"),
    expected_interval_s=86_400,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
