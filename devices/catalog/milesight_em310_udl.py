"""Milesight EM310-UDL: ultrasonic distance, 0.03 to 4.5 m, with a tilt switch, on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM310-UDL: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      82    distance, u16 mm
    04      00    position, 0 upright, 1 tilted
    FF      ..    device info (power on, serial number, versions)

While the device is tilted its beam is not vertical: the distance of that payload is NaN, `is_tilted` says why.
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="an EM310-UDL",
    channels=(m.channel("0175", m.BATTERY), m.channel("0382", m.DISTANCE), m.channel("0400", m.IS_TILTED)),
    settle=m.upright,
)

DEVICE = DeviceSpec(
    model="milesight_em310_udl",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("distance", "is_tilted", "battery_level"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
