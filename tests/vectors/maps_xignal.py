"""Xignal's fields in lorawan-devices."""

from __future__ import annotations

from devices.quantities import label_value
from tests.vectors.maps import Family, same, words

FAMILIES = (
    Family(
        name="Xignal",
        vendors=("xignal",),
        models={("xignal", "mousetrap"): "xignal_mousetrap", ("xignal", "rattrap"): "xignal_rattrap"},
        fields={
            "battVoltage": same("battery_voltage"),
            "temperature": same("device_temperature"),
            "trapState": words(
                "trap_state",
                {
                    "normal": label_value("trap_state", "armed"),
                    "trapped": label_value("trap_state", "sprung"),
                    "moved": label_value("trap_state", "moved"),
                },
            ),
        },
        unmapped={"id": "the address says which trap it is", "msgId": "the network numbers the messages"},
    ),
)
