"""Milesight EM500-PT100: a platinum probe, -200 to 800 degC, on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM500-PT100: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    probe temperature, s16 / 10 degC (signed: below zero is real)
    83      D7    temperature as above, then its change s16 and the device's own alarm u8
    20      CE    history record: epoch s u32, temperature s16 / 10
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="an EM500-PT100",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.PROBE),
        m.alarm("83d7", m.PROBE, pad=3),
    ),
    histories=(m.history(m.PROBE),),
)

DEVICE = DeviceSpec(
    model="milesight_em500_pt100",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("probe_temperature", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
