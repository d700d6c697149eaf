"""EnOcean rocker switch with two rockers at an ERP2 stick, such as the Japanese PTM 210J (EnOcean profile F6-02-04).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, user data, status.

    byte     content
    0        0xF6
    1        bit 7 energy bow (1 pressed); bit 3 BI, bit 2 B0, bit 1 AI, bit 0 A0; bits 6-4 are 0
    2        0: ERP2 has no status

AI is `button`, A0 `button.2`, BI `button.3`, B0 `button.4`; a pressed one is `single`, a released one `release`. A
release that names no button is `button` alone.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import label_value
from devices.wires.enocean_profile import SOURCE, Profile, telegram, user_data
from devices.wires.enocean_radio import RPS

PROFILE = Profile(name="F6-02-04", rorg=RPS, data_bytes=1)
_BITS = {"button": 0x02, "button.2": 0x01, "button.3": 0x08, "button.4": 0x04}
_BOW = 0x80
_UNUSED = 0x70


def decode(frame: Frame) -> Decoded:
    """Return the buttons that were pressed or released.

    Raises PermanentError for a press without a button, for bits that are not used, for the status of an ERP1 rocker.
    """
    data = user_data(frame, PROFILE)
    assert data is not None  # noqa: S101 - RPS has no teach-in
    byte, status = data[0], frame.payload[-1]
    if status:
        raise PermanentError(f"status 0x{status:02x} is of an ERP1 rocker: F6-02-01")
    keys = [key for key, bit in _BITS.items() if byte & bit]
    if byte & _UNUSED or (byte & _BOW and not keys):
        raise PermanentError(f"byte 0x{byte:02x} is none of a rocker at an ERP2 stick")
    said = label_value("button", "single" if byte & _BOW else "release")
    return Decoded(values=dict.fromkeys(keys or ["button"], said))


def encode(decoded: Decoded) -> Frame:
    """Return the telegram of buttons that are pressed (`single`) or released together. Raises PermanentError."""
    said = set(decoded.values.values())
    single, release = label_value("button", "single"), label_value("button", "release")
    if not decoded.values or not set(decoded.values) <= set(_BITS) or said not in ({single}, {release}):
        raise PermanentError(f"a rocker presses or releases {', '.join(_BITS)}, together")
    byte = sum(_BITS[key] for key in decoded.values)
    return telegram(PROFILE, bytes([byte | (_BOW if said == {single} else 0)]))


DEVICE = DeviceSpec(
    model="enocean_f6_02_04",
    vendor="EnOcean",
    source_url=SOURCE,
    quantities=("button",),
    expected_interval_s=24 * 3600,
    transport="enocean",
    decode=decode,
    encode=encode,
)
