"""Milesight EM500-SMTC: soil moisture, temperature and conductivity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-SMTC: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    soil temperature, s16 / 10 degC (signed: below zero is real)
    04      68    soil moisture, u8 / 2 % (older firmware)
    04      CA    soil moisture, u16 / 100 %
    05      7F    conductivity, u16 uS/cm
    83      D7    temperature as above, then its change s16 and the device's own alarm u8
    20      CE    history record: epoch s u32, conductivity u16, temperature s16 / 10, moisture u16 / 100
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_SOIL = m.number("soil_temperature", "h", (-32_767, 32_766), per_unit=10)
_MOISTURE = m.number("soil_moisture", "H", (0, 10_000), per_unit=100)
_MOISTURE_OLD = m.number("soil_moisture", "B", (0, 200), per_unit=2)
_CONDUCTIVITY = m.number("conductivity", "H", (0, 65_534), per_unit=10_000)
_TLV = m.Tlv(
    name="an EM500-SMTC",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", _SOIL),
        m.alarm("0468", _MOISTURE_OLD, pad=0),
        m.channel("04ca", _MOISTURE),
        m.channel("057f", _CONDUCTIVITY),
        m.alarm("83d7", _SOIL, pad=3),
    ),
    histories=(m.history(_CONDUCTIVITY, _SOIL, _MOISTURE),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_smtc",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("soil_temperature", "soil_moisture", "conductivity", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
