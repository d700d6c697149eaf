from __future__ import annotations

import pytest

from devices.catalog.senml import DEVICE
from devices.model import Decoded, PermanentError
from devices.quantities import QUANTITIES
from tests.devices.frames import frame


def test_a_direct_device_may_give_every_quantity_uncorrected() -> None:
    assert set(DEVICE.quantities) == set(QUANTITIES)
    assert not DEVICE.distance_compensated


def test_a_gateway_neither_decodes_nor_encodes_it() -> None:
    with pytest.raises(PermanentError, match="readings/v1"):
        DEVICE.decode(frame(DEVICE, b"[]"))
    with pytest.raises(PermanentError, match="readings/v1"):
        DEVICE.encode(Decoded(values={"distance": 1.0}))
