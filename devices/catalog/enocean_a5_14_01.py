"""EnOcean contact on a door or window with supply voltage (EnOcean profile A5-14-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1        DB3 supply voltage, 0 to 250 = 0 to 5 V, 251 to 255 error code
    2, 3     DB2, DB1 not used
    4        DB0 bit 3 learn: 0 = teach-in, no data; bit 0: 0 closed, 1 open
    5        status
"""

from __future__ import annotations

from devices.wires.enocean_profile import Flag, Profile, number, spec_of
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(
    name="A5-14-01",
    rorg=FOUR_BS,
    data_bytes=4,
    numbers=(number("supply_voltage", (0, 8), (250, "0", "5")),),
    flags=(Flag(key="contact_open", bit=31),),
)
DEVICE = spec_of(PROFILE, interval_s=24 * 3600)
