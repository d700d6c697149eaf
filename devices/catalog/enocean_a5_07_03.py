"""EnOcean movement sensor with supply voltage and light (EnOcean profile A5-07-03).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 supply voltage, 0 to 250 = 0 to 5 V, 251 to 255 error code
    2, 3     DB2, DB1.7-6 light, 10 bits, 0 to 1000 = 0 to 1000 lx, 1001 over range
    4        DB0 bit 7: somebody moves; bit 3 learn: 0 = teach-in, no data
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Flag, Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-07-03",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(
        number("supply_voltage", (0, 8), (250, "0", "5")),
        number("illuminance", (8, 10), (1000, "0", "1000")),
    ),
    flags=(Flag(key="occupancy", bit=24),),
)
DEVICE = spec_of(PROFILE, interval_s=24 * 3600)
