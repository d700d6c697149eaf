"""Milesight EM300-TH and EM320-TH: temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM300-TH and EM320-TH: channel tables and examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    20      CE    history record: epoch s u32, temperature s16 / 10, humidity u8 / 2; EM300-TH: and one byte unused
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m


def _spec(model: str, *, name: str, unused_bytes: int) -> DeviceSpec:
    tlv = m.Tlv(
        name=name,
        channels=(m.channel("0175", m.BATTERY), m.channel("0367", m.TEMPERATURE), m.channel("0468", m.HUMIDITY)),
        histories=(m.history(m.TEMPERATURE, m.HUMIDITY, pad=unused_bytes),),
    )
    return DeviceSpec(
        model=model,
        vendor="Milesight",
        source_url=m.SOURCE_URL,
        quantities=("air_temperature", "relative_humidity", "battery_level"),
        expected_interval_s=3600,
        transport="lorawan",
        decode=tlv.decode,
        encode=tlv.encode,
        default_port=m.PORT,
    )


DEVICES = (
    _spec("milesight_em300_th", name="an EM300-TH", unused_bytes=1),
    _spec("milesight_em320_th", name="an EM320-TH", unused_bytes=0),
)
