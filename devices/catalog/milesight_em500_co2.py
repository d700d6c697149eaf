"""Milesight EM500-CO2: carbon dioxide, temperature, humidity and air pressure on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-CO2: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    05      7D    carbon dioxide, u16 ppm
    06      73    air pressure, u16 / 10 hPa
    83      D7    temperature as above, then its change s16 and the device's own alarm u8
    20      CE    history record: epoch s u32, CO2 u16, pressure u16, temperature s16, humidity u8, as above
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_CO2 = m.number("co2", "H", (0, 65_534))
_PRESSURE = m.number("pressure", "H", (1, 65_534), per_unit=0.1)
_TLV = m.Tlv(
    name="an EM500-CO2",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.TEMPERATURE),
        m.channel("0468", m.HUMIDITY),
        m.channel("057d", _CO2),
        m.channel("0673", _PRESSURE),
        m.alarm("83d7", m.TEMPERATURE, pad=3),
    ),
    histories=(m.history(_CO2, _PRESSURE, m.TEMPERATURE, m.HUMIDITY),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_co2",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("co2", "air_temperature", "relative_humidity", "pressure", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
    resolutions={"pressure": 10.0},
)
