from __future__ import annotations

import json

import pytest

from devices.catalog.aqara_mccgq11lm import DEVICE
from devices.model import PermanentError
from tests.devices.frames import frame


@pytest.mark.parametrize(("contact", "contact_open"), [(True, 0.0), (False, 1.0)])
def test_the_bridge_says_closed_and_we_say_open(contact: bool, contact_open: float) -> None:
    state = {"battery": 97, "contact": contact, "device_temperature": -5, "linkquality": 51, "voltage": 2995}
    decoded = DEVICE.decode(frame(DEVICE, json.dumps(state).encode()))
    assert decoded.values == {
        "contact_open": contact_open,
        "device_temperature": -5.0,
        "battery_level": 97.0,
        "battery_voltage": 2.995,
        "link_quality": 0.2,
    }
    assert json.loads(DEVICE.encode(decoded).payload)["contact"] is contact


@pytest.mark.parametrize("contact", [0, 1, "true", "closed", []])
def test_a_contact_that_is_neither_true_nor_false_is_refused(contact: object) -> None:
    with pytest.raises(PermanentError, match="contact"):
        DEVICE.decode(frame(DEVICE, json.dumps({"contact": contact}).encode()))
