"""Milesight EM500-UDL: ultrasonic distance on a mast, up to 3, 5 or 10 m, on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-UDL: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      82    distance, u16 mm
    20      CE    history record: epoch s u32, distance u16 mm
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="an EM500-UDL",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0382", m.DISTANCE),
    ),
    histories=(m.history(m.DISTANCE),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_udl",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("distance", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
