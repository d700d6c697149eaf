"""EnOcean movement sensor with supply voltage, such as EOSWJ, HM92-01WHC (EnOcean profile A5-07-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 supply voltage, 0 to 250 = 0 to 5 V, 251 to 255 error code
    2        DB2 not used
    3        DB1 128 and more: somebody moves
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 0: supply voltage is there
    5        status

The common Japanese solar type tells movement at most every 2 min, 0 again 10 and 30 min after the last one, and has
its heartbeat switched off: its silence means nothing, least of all that nobody moves.
"""

from __future__ import annotations

from devices.wires.enocean_profile import Flag, Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-07-01",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(number("supply_voltage", (0, 8), (250, "0", "5"), known_bit=31),),
    flags=(Flag(key="occupancy", bit=16),),
)
DEVICE = spec_of(PROFILE, interval_s=24 * 3600)
