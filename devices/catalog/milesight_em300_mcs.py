"""Milesight EM300-MCS: a magnet contact with temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of em300-mcs: channel table and examples)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    06      00    magnet contact, 0 closed, 1 open
    20      CE    history record: epoch s u32, temperature s16 / 10, humidity u8 / 2, contact u8
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_CONTACT = m.state("contact_open")
_TLV = m.Tlv(
    name="an EM300-MCS",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.TEMPERATURE),
        m.channel("0468", m.HUMIDITY),
        m.channel("0600", _CONTACT),
    ),
    histories=(m.history(m.TEMPERATURE, m.HUMIDITY, _CONTACT),),
)

DEVICE = DeviceSpec(
    model="milesight_em300_mcs",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("contact_open", "air_temperature", "relative_humidity", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
