"""EnOcean room sensor for humidity and temperature, 0 to 40 degrees (EnOcean profile A5-04-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 not used
    2        DB2 humidity, 0 to 250 = 0 to 100 %, 251 to 255 reserved
    3        DB1 temperature, 0 to 250 = 0 to 40 degrees, 251 to 255 reserved
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 1: temperature is there
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-04-01",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(
        number("air_temperature", (16, 8), (250, "0", "40"), known_bit=30),
        number("relative_humidity", (8, 8), (250, "0", "100")),
    ),
)
DEVICE = spec_of(PROFILE, interval_s=3 * 3600)
