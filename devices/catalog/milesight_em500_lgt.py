"""Milesight EM500-LGT: illuminance on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-LGT: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      94    illuminance, u32 lx
    20      CE    history record: epoch s u32, illuminance u32 lx
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_LIGHT = m.number("illuminance", "I", (0, 2**32 - 2))
_TLV = m.Tlv(
    name="an EM500-LGT",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0394", _LIGHT),
    ),
    histories=(m.history(_LIGHT),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_lgt",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("illuminance", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
