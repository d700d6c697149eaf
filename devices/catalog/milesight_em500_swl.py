"""Milesight EM500-SWL: a submersible water level probe on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-SWL: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      77    water level, u16 cm
    20      CE    history record: epoch s u32, water level u16 cm
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_LEVEL = m.number("water_level", "H", (0, 65_534), per_unit=100)
_TLV = m.Tlv(
    name="an EM500-SWL",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0377", _LEVEL),
    ),
    histories=(m.history(_LEVEL),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_swl",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("water_level", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
    resolutions={"water_level": 0.01},
)
