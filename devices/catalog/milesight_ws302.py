"""Milesight WS302: sound level on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of WS302: channel table and example)

    channel type  data (little-endian)
    01      75    battery %, u8
    05      5B    weighting u8; now, mean, highest: u16 / 10 dB each
    FF      ..    device info (power on, serial number, versions)

`sound_level` is the mean since the last message, `.2` the highest, `.3` the level at the moment.
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_SOUND = m.channel(
    "055b",
    m.number("sound_level.3", "H", (0, 2000), per_unit=10),
    m.number("sound_level", "H", (0, 2000), per_unit=10),
    m.number("sound_level.2", "H", (0, 2000), per_unit=10),
    skip=1,
)
_TLV = m.Tlv(
    name="a WS302",
    channels=(
        m.channel("0175", m.BATTERY),
        _SOUND,
    ),
)

DEVICE = DeviceSpec(
    model="milesight_ws302",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("battery_level", "sound_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
