"""EnOcean multi-sensor STM 550 (Japan: STM 550J, EMSIJ) with its factory settings (EnOcean profile D2-14-41).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, user data, status; bits count from
the highest bit of the first byte of user data.

    bit      content
    0-9      temperature, 0 to 1000 = -40 to 60 degrees, beyond: error
    10-17    humidity, 0 to 200 = 0 to 100 %, beyond: error
    18-34    light, 0 to 100000 lx, beyond: error
    35-36    why it was sent: 0 time, 1 and 2 acceleration beyond a threshold
    37-46    acceleration x, 0 to 1000 = -2.5 to 2.5 g, beyond: error; 47-56 the same for y, 57-66 for z
    67       contact: 0 open, 1 closed
    68-71    not used
"""

from __future__ import annotations

from devices.wires.enocean_profile import Flag, Profile, number, spec_of
from devices.wires.enocean_radio import VLD

_TWO_AND_A_HALF_G = (1000, "-24.516625", "24.516625")  # m/s2

PROFILE = Profile(
    name="D2-14-41",
    rorg=VLD,
    data_bytes=9,
    numbers=(
        number("air_temperature", (0, 10), (1000, "-40", "60")),
        number("relative_humidity", (10, 8), (200, "0", "100")),
        number("illuminance", (18, 17), (100_000, "0", "100000")),
        number("acceleration_x", (37, 10), _TWO_AND_A_HALF_G),
        number("acceleration_y", (47, 10), _TWO_AND_A_HALF_G),
        number("acceleration_z", (57, 10), _TWO_AND_A_HALF_G),
    ),
    flags=(Flag(key="contact_open", bit=67, one_means=False),),
)
DEVICE = spec_of(PROFILE, interval_s=3 * 3600)
