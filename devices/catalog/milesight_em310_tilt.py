"""Milesight EM310-TILT: three angles against the vertical on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (decoder of EM310-TILT; example in thingsboard/data-converters)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      CF    angles x, y, z, s16 / 100 degrees each; u8: bit 0 x, bit 1 y, bit 2 z beyond the threshold set
    FF      ..    device info (power on, serial number, versions)

Channels of `tilt` and `is_tilted`: the plain key is x, `.2` is y, `.3` is z.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, PermanentError
from devices.payloads import milesight as m

_TILTS = ("tilt", "tilt.2", "tilt.3")
_FLAGS = ("is_tilted", "is_tilted.2", "is_tilted.3")
_ANGLES = m.channel("03cf", *(m.number(key, "h", (-32_767, 32_766), 100 * m.RADIANS) for key in _TILTS), pad=1)


def _read(data: bytes) -> m.Values:
    return _ANGLES.read(data) | {key: float(data[-1] >> bit & 1) for bit, key in enumerate(_FLAGS)}


def _write(decoded: Decoded) -> bytes | None:
    angles = _ANGLES.write(decoded)
    if angles is None and any(key in decoded.values for key in _FLAGS):
        raise PermanentError("is_tilted is sent together with tilt, which is not given")
    flags = sum(1 << bit for bit, key in enumerate(_FLAGS) if decoded.values.get(key) == 1)
    return None if angles is None else angles[:-1] + bytes((flags,))


_TLV = m.Tlv(
    name="an EM310-TILT",
    channels=(
        m.channel("0175", m.BATTERY),
        m.Channel(head=_ANGLES.head, size=_ANGLES.size, read=_read, write=_write),
    ),
)

DEVICE = DeviceSpec(
    model="milesight_em310_tilt",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("battery_level", "tilt", "is_tilted"),
    expected_interval_s=64_800,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
