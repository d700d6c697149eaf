"""Milesight EM410-RDL: radar distance with temperature and a tilt switch on LoRaWAN, FPort 85.

Source: https://github.com/Milesight-IoT/SensorDecoders (README of EM410-RDL: channel tables, bits of the history event)

    channel type  data (little-endian)
    01      75    battery %, u8
    03      67    temperature inside, s16 / 10 degC (signed: below zero is real)
    04      82    distance, u16 mm
    05      00    position, 0 upright, 1 tilted
    06      C7    strength of the echo, s16 / 100 dB
    84      82    distance as above, then the device's own alarm u8
    94      82    distance as above, its change u16 mm, the device's own alarm u8
    B4      82    distance as above, then u8: 0 as usual again, 1 in the blind zone, 2 no target, 3 sensor fault
    20      CE    history record: epoch s u32, distance u16, temperature s16, change u16, event u8 (bit 2 blind, 5 tilt)
    FF      ..    device info (power on, serial number, versions)

While the device is tilted its beam is not vertical: the distance of that payload is NaN, `is_tilted` says why. In the
blind zone, without a target and with a fault there is no distance either.
"""

from __future__ import annotations

import math

from devices.lorawan import has_number, steps
from devices.model import Decoded, DeviceSpec, PermanentError
from devices.payloads import milesight as m

_USUAL, _FAULT = 0, 3
_BLIND_OR_TILTED = 1 << 2 | 1 << 5
_MEASURED = m.channel("b482", m.DISTANCE, pad=1)
_NO_DISTANCE = b"\xff\xff\x00"
_RECORD = m.channel("20ce", m.DISTANCE, m.INSIDE, pad=3)


def _read_exception(data: bytes) -> m.Values:
    code = data[-1]
    if code > _FAULT:
        raise PermanentError(f"distance exception {code} is none of {_USUAL} to {_FAULT}")
    values = _MEASURED.read(data) if code == _USUAL else {"distance": math.nan}
    return values | {"device_fault": float(code) if code == _FAULT else 0.0}


def _write_exception(decoded: Decoded) -> bytes | None:
    if not has_number(decoded.values, "device_fault"):
        return None
    code = steps(decoded, "device_fault", per_unit=1, limits=(_USUAL, _FAULT))
    if code not in (_USUAL, _FAULT):
        raise PermanentError(f"device_fault {code} is none of {_USUAL} and {_FAULT}")
    return (_MEASURED.write(decoded) or _NO_DISTANCE)[:-1] + bytes((code,))


def _read_record(data: bytes) -> m.Values:
    values = _RECORD.read(data)
    if data[-1] & _BLIND_OR_TILTED:
        values["distance"] = math.nan
    return values


_TLV = m.Tlv(
    name="an EM410-RDL",
    channels=(
        m.channel("0175", m.BATTERY),
        m.channel("0367", m.INSIDE),
        m.channel("0482", m.DISTANCE),
        m.channel("0500", m.IS_TILTED),
        m.channel("06c7", m.number("echo_strength", "h", (-32_767, 32_766), per_unit=100)),
        m.alarm("8482", m.DISTANCE, pad=1),
        m.alarm("9482", m.DISTANCE, pad=3),
        m.Channel(head=_MEASURED.head, size=_MEASURED.size, read=_read_exception, write=_write_exception),
    ),
    histories=(m.history_of(m.Channel(head=_RECORD.head, size=_RECORD.size, read=_read_record, write=_RECORD.write)),),
    settle=m.upright,
)

DEVICE = DeviceSpec(
    model="milesight_em410_rdl",
    vendor="Milesight",
    source_url=m.SOURCE_URL,
    quantities=("distance", "device_temperature", "is_tilted", "echo_strength", "device_fault", "battery_level"),
    expected_interval_s=3600,
    transport="lorawan",
    decode=_TLV.decode,
    encode=_TLV.encode,
    default_port=m.PORT,
)
