"""Milesight EM300-SLD (spot) and EM300-ZLD (cable): water leaks, temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM300-SLD: one channel table for both, examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    05      00    leak, 0 dry, 1 wet
    20      CE    history record: epoch s u32, temperature s16 / 10, humidity u8 / 2, leak u8
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_LEAK = m.state("water_leak")
_TLV = m.Tlv(
    name="an EM300-SLD or -ZLD",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.TEMPERATURE),
        m.channel("0468", m.HUMIDITY),
        m.channel("0500", _LEAK),
    ),
    histories=(m.history(m.TEMPERATURE, m.HUMIDITY, _LEAK),),
)


def _spec(model: str) -> DeviceSpec:
    return DeviceSpec(
        model=model,
        vendor="Milesight",
        source_url=m.SOURCE_URL,
        quantities=("water_leak", "air_temperature", "relative_humidity", "battery_level"),
        expected_interval_s=3600,
        transport="lorawan",
        decode=_TLV.decode,
        encode=_TLV.encode,
        default_port=m.PORT,
    )


DEVICES = (_spec("milesight_em300_sld"), _spec("milesight_em300_zld"))
