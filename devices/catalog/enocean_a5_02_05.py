"""EnOcean temperature sensor, 0 to 40 degrees, such as STM 431J as it is sold (EnOcean profile A5-02-05).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1, 2     DB3, DB2 not used
    3        DB1 temperature, 255 to 0 = 0 to 40 degrees: the larger the number, the colder
    4        DB0 bit 3 learn: 0 = teach-in, no data
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-02-05",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(number("air_temperature", (16, 8), (255, "40", "0")),),
)
DEVICE = spec_of(PROFILE, interval_s=3 * 3600)
