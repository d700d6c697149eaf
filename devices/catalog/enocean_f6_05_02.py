"""EnOcean smoke detector (EnOcean profile F6-05-02).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, user data, status.

    byte     content
    0        0xF6
    1        0x10 smoke, 0x00 no smoke any more, 0x30 battery low
    2        status

One byte says one of the three: a low battery says nothing about smoke, and smoke nothing about the battery; without
smoke the battery is not low either, or it would say so.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.wires.enocean_profile import SOURCE, Profile, telegram, user_data
from devices.wires.enocean_radio import RPS

PROFILE = Profile(name="F6-05-02", rorg=RPS, data_bytes=1)
_SAYS: dict[int, dict[str, float]] = {
    0x00: {"smoke": 0.0, "battery_low": 0.0},
    0x10: {"smoke": 1.0},
    0x30: {"battery_low": 1.0},
}


def decode(frame: Frame) -> Decoded:
    """Return `smoke` or `battery_low`, or that there is neither. Raises PermanentError for another byte."""
    data = user_data(frame, PROFILE)
    assert data is not None  # noqa: S101 - RPS has no teach-in
    if data[0] not in _SAYS:
        raise PermanentError(f"byte 0x{data[0]:02x} is none of a smoke detector: 0x00, 0x10, 0x30")
    return Decoded(values=dict(_SAYS[data[0]]))


def encode(decoded: Decoded) -> Frame:
    """Return the telegram that says all of `decoded`. Raises PermanentError when there is none."""
    for byte, said in _SAYS.items():
        if decoded.values and decoded.values.items() <= said.items():
            return telegram(PROFILE, bytes([byte]))
    raise PermanentError(f"no telegram of a smoke detector says {dict(decoded.values)}")


DEVICE = DeviceSpec(
    model="enocean_f6_05_02",
    vendor="EnOcean",
    source_url=SOURCE,
    quantities=("smoke", "battery_low"),
    expected_interval_s=24 * 3600,
    transport="enocean",
    decode=decode,
    encode=encode,
)
