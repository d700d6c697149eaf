"""EnOcean contact on a door or window, such as STM 429J, STM 250J (EnOcean profile D5-00-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, user data, status.

    byte     content
    0        0xD5
    1        bit 3 learn: 0 = teach-in, no data; bit 0: 0 open, 1 closed
    2        status

Many send nothing between two movements unless their heartbeat is switched on, so silence is only told after a day.
"""

from __future__ import annotations

from devices.wires.enocean_profile import Flag, Profile, spec_of
from devices.wires.enocean_radio import ONE_BS

PROFILE = Profile(
    name="D5-00-01",
    rorg=ONE_BS,
    data_bytes=1,
    flags=(Flag(key="contact_open", bit=7, one_means=False),),
)
DEVICE = spec_of(PROFILE, interval_s=24 * 3600)
