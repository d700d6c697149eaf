"""A device whose own firmware publishes on seam 2: SenML (RFC 8428) on `readings/v1/<device_id>`.

Source: https://www.rfc-editor.org/rfc/rfc8428. Such messages never pass a gateway's decoder (see `devices.senml`); this
entry exists so that a site can name the device and its interval.

    field   content
    bn + n  <device_id>/<quantity>
    bt + t  observed time, s since 1970 (below 2^28: relative to now)
    u, v    unit and value; vb for states
    seq     frame counter, if the device has one
"""

from __future__ import annotations

from typing import NoReturn

from devices.model import DeviceSpec, PermanentError
from devices.quantities import QUANTITIES


def _not_by_a_gateway(_given: object) -> NoReturn:
    raise PermanentError("a senml device publishes on readings/v1/<device_id> by itself; no gateway decodes it")


DEVICE = DeviceSpec(
    model="senml",
    vendor="any",
    source_url="https://www.rfc-editor.org/rfc/rfc8428",
    quantities=tuple(QUANTITIES),
    expected_interval_s=600,
    transport="mqtt",
    decode=_not_by_a_gateway,
    encode=_not_by_a_gateway,
    distance_compensated=False,
)
