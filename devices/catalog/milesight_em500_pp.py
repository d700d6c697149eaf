"""Milesight EM500-PP: pressure in a water pipe on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-PP: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      7B    pressure, u16 kPa
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="an EM500-PP",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("037b", m.number("pressure", "H", (0, 65_534), per_unit=0.001)),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_em500_pp",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("pressure", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
    resolutions={"pressure": 1000.0},
)
