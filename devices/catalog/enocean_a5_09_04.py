"""EnOcean room sensor for carbon dioxide, humidity and temperature (EnOcean profile A5-09-04).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 humidity, 0 to 200 = 0 to 100 %, 201 to 255 reserved
    2        DB2 carbon dioxide, 0 to 255 = 0 to 2550 ppm
    3        DB1 temperature, 0 to 255 = 0 to 51 degrees
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 2: humidity is there; bit 1: temperature is there
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-09-04",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(
        number("co2", (8, 8), (255, "0", "2550")),
        number("relative_humidity", (0, 8), (200, "0", "100"), known_bit=29),
        number("air_temperature", (16, 8), (255, "0", "51"), known_bit=30),
    ),
)
DEVICE = spec_of(PROFILE, interval_s=3 * 3600)
