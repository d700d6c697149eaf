"""EnOcean rocker switch with two rockers, 868/902 MHz, such as PTM 210, PTM 215 (EnOcean profiles F6-02-01, F6-02-02).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, user data, status.

    byte     content
    0        0xF6
    1        with NU = 1: bits 7-5 first button (0 AI, 1 A0, 2 BI, 3 B0), bit 4 energy bow (1 pressed),
             bits 3-1 second button, bit 0 there is a second one;
             with NU = 0: bits 7-5 how many are pressed (0 none, 3 = three or four), bit 4 energy bow
    2        status: bit 5 T21, bit 4 NU

AI is `button`, A0 `button.2`, BI `button.3`, B0 `button.4`; a pressed one is `single`. Which button is released is not
said, so a release is `button` alone; three or four at once are `button` `other`. Japanese rockers (928 MHz) have
another layout and no status: F6-02-04.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import label_value
from devices.wires.enocean_profile import SOURCE, Profile, telegram, user_data
from devices.wires.enocean_radio import RPS

PROFILE = Profile(name="F6-02-01", rorg=RPS, data_bytes=1)
_KEYS = ("button", "button.2", "button.3", "button.4")
_BOW = 0x10
_SECOND = 0x01
_T21 = 0x20
_NU = 0x10


def decode(frame: Frame) -> Decoded:
    """Return the buttons that were pressed, or that they were released.

    Raises PermanentError for a button that there is not, and for a telegram without the status of this kind.
    """
    data = user_data(frame, PROFILE)
    assert data is not None  # noqa: S101 - RPS has no teach-in
    byte, status = data[0], frame.payload[-1]
    if not status & (_T21 | _NU):
        raise PermanentError("telegram has no status of an ERP1 rocker; a rocker at an ERP2 stick is F6-02-04")
    if not status & _NU:
        return _several(byte)
    pressed = [byte >> 5, *([byte >> 1 & 7] if byte & _SECOND else [])]
    if any(number >= len(_KEYS) for number in pressed):
        raise PermanentError(f"byte 0x{byte:02x} names a button that a switch of two rockers does not have")
    said = label_value("button", "single" if byte & _BOW else "release")
    return Decoded(values={_KEYS[number]: said for number in pressed})


def _several(byte: int) -> Decoded:
    """Return what a telegram without names of buttons says."""
    if byte >> 5 not in {0, 3}:
        raise PermanentError(f"byte 0x{byte:02x}: {byte >> 5} is no number of pressed buttons")
    return Decoded(values={"button": label_value("button", "other" if byte & _BOW else "release")})


def encode(decoded: Decoded) -> Frame:
    """Return the telegram of one press (`single`), of `release`, or of `other`. Raises PermanentError for the rest."""
    if len(decoded.values) != 1 or not set(decoded.values) <= set(_KEYS):
        raise PermanentError(f"a rocker says one of {', '.join(_KEYS)}, not {', '.join(decoded.values)}")
    ((key, value),) = decoded.values.items()
    if value == label_value("button", "single"):
        return telegram(PROFILE, bytes([_KEYS.index(key) << 5 | _BOW]), status=_T21 | _NU)
    if key == "button" and value == label_value("button", "release"):
        return telegram(PROFILE, b"\x00", status=_T21)
    if key == "button" and value == label_value("button", "other"):
        return telegram(PROFILE, bytes([3 << 5 | _BOW]), status=_T21)
    raise PermanentError(f"{key} {value} cannot be said by a rocker")


DEVICE = DeviceSpec(
    model="enocean_f6_02_01",
    vendor="EnOcean",
    source_url=SOURCE,
    quantities=("button",),
    expected_interval_s=24 * 3600,
    transport="enocean",
    decode=decode,
    encode=encode,
)
