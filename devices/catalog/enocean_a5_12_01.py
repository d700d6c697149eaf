"""EnOcean electricity meter: counter and power (EnOcean profile A5-12-01).

Source: https://www.enocean-alliance.org/eep/. The payload is RORG, DB3 to DB0, status.

    byte     content
    0        0xA5
    1-3      DB3 to DB1 reading, 24 bits
    4        DB0 bits 7-4 tariff; bit 3 learn: 0 = teach-in, no data; bit 2: 0 counter in kWh, 1 power in W;
             bits 1-0 the reading is divided by 1, 10, 100, 1000
    5        status

Each tariff counts for itself: tariff 0 is `energy`, tariff 1 `energy.2` and so on.
"""

from __future__ import annotations

import math
from fractions import Fraction

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.wires.enocean_profile import SOURCE, Profile, get_bits, telegram, user_data
from devices.wires.enocean_radio import FOUR_BS

PROFILE = Profile(name="A5-12-01", rorg=FOUR_BS, data_bytes=4)
_KWH_J = 3_600_000
_IS_POWER = 0x04
_LEARN = 0x08
_MOST_RAW = (1 << 24) - 1


def decode(frame: Frame) -> Decoded:
    """Return `energy` in J (a channel for each tariff but 0) or `power` in W; no values for a teach-in.

    Raises PermanentError for a telegram of another kind or length.
    """
    data = user_data(frame, PROFILE)
    if data is None:
        return Decoded(values={})
    reading = Fraction(get_bits(data, 0, size=24), 10 ** (data[3] & 3))
    if data[3] & _IS_POWER:
        return Decoded(values={"power": float(reading)})
    tariff = data[3] >> 4
    return Decoded(values={f"energy.{tariff + 1}" if tariff else "energy": float(reading * _KWH_J)})


def encode(decoded: Decoded) -> Frame:
    """Return the telegram for one quantity, with as many decimals as there is room for.

    Raises PermanentError for two at once, for others, and for what is negative, not a number or too large.
    """
    if len(decoded.values) != 1:
        raise PermanentError(f"a telegram of A5-12-01 says one reading, not {len(decoded.values)}")
    ((key, value),) = decoded.values.items()
    base, _, channel = key.partition(".")
    tariff = int(channel or 1) - 1
    if base not in {"energy", "power"} or tariff > 15 or (base == "power" and tariff):
        raise PermanentError(f"A5-12-01 does not say {key}")
    for decimals in (3, 2, 1, 0):
        raw = _raw(value / (_KWH_J if base == "energy" else 1), decimals)
        if 0 <= raw <= _MOST_RAW:
            last = tariff << 4 | _LEARN | (_IS_POWER if base == "power" else 0) | decimals
            return telegram(PROFILE, raw.to_bytes(3, "big") + bytes([last]))
    raise PermanentError(f"{key} {value} has no place in 24 bits")


def _raw(value: float, decimals: int) -> int:
    return round(Fraction(value) * 10**decimals) if math.isfinite(value) and value >= 0 else -1


DEVICE = DeviceSpec(
    model="enocean_a5_12_01",
    vendor="EnOcean",
    source_url=SOURCE,
    quantities=("power", "energy"),
    expected_interval_s=3600,
    transport="enocean",
    decode=decode,
    encode=encode,
    resolutions={"power": 1.0, "energy": float(_KWH_J)},
)
