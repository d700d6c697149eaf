"""EnOcean movement sensor with light, temperature, supply voltage and a button (EnOcean profile A5-08-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 supply voltage, 0 to 255 = 0 to 5.1 V
    2        DB2 light, 0 to 255 = 0 to 510 lx
    3        DB1 temperature, 0 to 255 = 0 to 51 degrees
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 1: 0 = somebody moves; bit 0: 0 = the button is pressed
    5        status

A button that is not pressed says nothing: every telegram has the bit, and a press is an event.
"""

from __future__ import annotations

from dataclasses import replace

from devices.model import Decoded, Frame, PermanentError
from devices.wires import enocean_profile
from devices.wires.enocean_profile import Flag, Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-08-01",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(
        number("supply_voltage", (0, 8), (255, "0", "5.1")),
        number("illuminance", (8, 8), (255, "0", "510")),
        number("air_temperature", (16, 8), (255, "0", "51")),
    ),
    flags=(Flag(key="occupancy", bit=30, one_means=False), Flag(key="button", bit=31, one_means=False)),
)


def decode(frame: Frame) -> Decoded:
    """Return what the telegram says; `button` only while it is pressed (1 = single). Raises PermanentError."""
    decoded = enocean_profile.decode(frame, PROFILE)
    is_quiet = decoded.values.get("button") == 0.0
    return replace(decoded, values={k: v for k, v in decoded.values.items() if not (is_quiet and k == "button")})


def encode(decoded: Decoded) -> Frame:
    """Return the telegram; a `button` can only be pressed. Raises PermanentError for what it cannot say."""
    if decoded.values.get("button", 1.0) != 1.0:
        raise PermanentError(f"button {decoded.values['button']} cannot be said, only 1")
    return enocean_profile.encode(decoded, PROFILE)


DEVICE = replace(spec_of(PROFILE, interval_s=3 * 3600), decode=decode, encode=encode)
