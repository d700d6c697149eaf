"""Milesight VS340 (desk) and VS341 (seat): occupancy on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of VS340: one channel table for both, examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      00    occupancy, 0 vacant, 1 occupied
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(name="a VS340 or VS341", channels=(m.channel("0175", m.BATTERY), m.channel("0300", m.state("occupancy"))))


def _spec(model: str) -> DeviceSpec:
    return DeviceSpec(
        model=model,
        vendor="Milesight",
        source_url=m.SOURCE_URL,
        quantities=("occupancy", "battery_level"),
        expected_interval_s=86_400,
        transport="lorawan",
        decode=_TLV.decode,
        encode=_TLV.encode,
        default_port=m.PORT,
    )


DEVICES = (_spec("milesight_vs340"), _spec("milesight_vs341"))
