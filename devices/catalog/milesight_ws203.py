"""Milesight WS203: a movement detector with temperature and humidity on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS203: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature, s16 / 10 degC (signed: below zero is real)
    04      68    relative humidity, u8 / 2 %
    05      00    occupancy, 0 vacant, 1 occupied
    83      67    temperature as above, then the device's own alarm u8
    20      CE    history record: epoch s u32, why u8, occupancy u8, temperature s16, humidity u8, as above
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_OCCUPANCY = m.state("occupancy")
_TLV = m.Tlv(
    name="a WS203",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.TEMPERATURE),
        m.channel("0468", m.HUMIDITY),
        m.channel("0500", _OCCUPANCY),
        m.alarm("8367", m.TEMPERATURE, pad=1),
    ),
    histories=(m.history(_OCCUPANCY, m.TEMPERATURE, m.HUMIDITY, skip=1),),
)

DEVICE = DeviceSpec(
    model="milesight_ws203",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("occupancy", "air_temperature", "relative_humidity", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
