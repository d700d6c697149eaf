"""Milesight TS201: a temperature probe (food stores, pipes) on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of TS201: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    probe temperature, s16 / 10 degC (signed: below zero is real)
    83      67    temperature as above, then the device's own alarm u8
    93      67    temperature as above, then its change s16 and the device's own alarm u8
    B3      67    the probe cannot be read, u8 (0 no answer, 1 beyond its range)
    20      CE    history record: epoch s u32, u8 (high nibble 0 = the probe was read), temperature s16 / 10
    FF      ..    device info (power on, serial number, versions)
"""

from __future__ import annotations

import math

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_RECORD = m.channel("20ce", m.PROBE, skip=1)


def _read_nothing(data: bytes) -> m.Values:
    return {"probe_temperature": math.nan}


def _read_record(data: bytes) -> m.Values:
    return _RECORD.read(data) if data[0] >> 4 == 0 else _read_nothing(data)


_TLV = m.Tlv(
    name="a TS201",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.PROBE),
        m.alarm("8367", m.PROBE, pad=1),
        m.alarm("9367", m.PROBE, pad=3),
        m.read_only("b367", 1, _read_nothing),
        m.silent("ffa0", 9),
    ),
    histories=(m.history_of(m.Channel(head=_RECORD.head, size=_RECORD.size, read=_read_record, write=_RECORD.write)),),
)

DEVICE = DeviceSpec(
    model="milesight_ts201",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("probe_temperature", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
