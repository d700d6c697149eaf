"""EnOcean sensor for humidity and temperature, -20 to 60 degrees, such as ETHSJ (EnOcean profile A5-04-03).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 humidity, 0 to 255 = 0 to 100 %
    2, 3     DB2.1-0, DB1 temperature, 10 bits, 0 to 1023 = -20 to 60 degrees
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 0: heartbeat or event
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-04-03",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(
        number("air_temperature", (14, 10), (1023, "-20", "60")),
        number("relative_humidity", (0, 8), (255, "0", "100")),
    ),
)
DEVICE = spec_of(PROFILE, interval_s=3 * 3600)
