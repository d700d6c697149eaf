"""Milesight EM400-MUD, EM400-UDL (ultrasonic) and EM400-TLD (laser): distance, temperature, tilt, LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM400-MUD, EM400-UDL, EM400-TLD: one table)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature inside, s16 / 10 degC (signed: below zero is real)
    04      82    distance, u16 mm
    05      00    position, 0 upright, 1 tilted
    06      88    position of the NB-IoT models: latitude, longitude, state, 9 bytes; nothing is made of it
    83      67    temperature as above, then the device's own alarm u8
    84      82    distance as above, then the device's own alarm u8
    FF      ..    device info (power on, serial number, versions)

While the device is tilted its beam is not vertical: the distance of that payload is NaN, `is_tilted` says why. The
temperature is that inside the head, in the sun above the air's.
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads import milesight as m

_TLV = m.Tlv(
    name="an EM400",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.INSIDE),
        m.channel("0482", m.DISTANCE),
        m.channel("0500", m.IS_TILTED),
        m.silent("0688", 9),
        m.alarm("8367", m.INSIDE, pad=1),
        m.alarm("8482", m.DISTANCE, pad=1),
    ),
    settle=m.upright,
)


def _spec(model: str) -> DeviceSpec:
    return DeviceSpec(
        model=model,
        vendor="Milesight",
        source_url=m.SOURCE_URL,
        quantities=("distance", "device_temperature", "is_tilted", "battery_level"),
        expected_interval_s=86_400,
        transport="lorawan",
        decode=_TLV.decode,
        encode=_TLV.encode,
        default_port=m.PORT,
    )


DEVICES = (_spec("milesight_em400_mud"), _spec("milesight_em400_udl"), _spec("milesight_em400_tld"))
