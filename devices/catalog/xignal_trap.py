"""Xignal mouse trap and rat trap on LoRaWAN, FPort 1, 11 bytes.

Source: https://github.com/TheThingsNetwork/lorawan-devices (vendor/xignal: the maker's decoder)

    byte   content (big-endian)
    0      message id
    1      battery, u8 / 10 V
    2..3   temperature, s16 / 100 degC (the maker's decoder reads it unsigned: -5 degC would be 650 degC)
    4      state: 0 failed, 1 normal, 2 trapped, 3 abnormal, 4 moved, 7 error, 8 wake-up
    5..10  id of the trap, and what is not documented

States that say that the trap does not work (failed, abnormal, error) are `fault`. After a wake-up (power-up) the trap
has not yet looked: `unknown`, and it has restarted. Another state is refused, not guessed.
"""

from __future__ import annotations

from devices.model import Decoded, DeviceSpec
from devices.payloads.fields import Codec, Field, Message, Values
from devices.quantities import label_value

_SOURCE = "https://github.com/TheThingsNetwork/lorawan-devices"
_WAKE_UP = 8
_LABELS = {1: "armed", 2: "sprung", 4: "moved", 3: "fault", 0: "fault", 7: "fault", _WAKE_UP: "unknown"}
_STATES = {number: label_value("trap_state", label) for number, label in _LABELS.items()}


def _with_restart(payload: bytes, values: Values) -> Decoded:
    return Decoded(values=values, has_restarted=payload[4] == _WAKE_UP)


_MESSAGE = Message(
    ports=(1,),
    length=11,
    fields=(
        Field(key="trap_state", at=4, codes=_STATES, rest=_WAKE_UP),
        Field(
            key="device_temperature", at=2, size=2, is_signed=True, per_unit=100, bad=(-32_768,), good=(-8000, 12_500)
        ),
        Field(key="battery_voltage", at=1, per_unit=10, bad=(0,)),
    ),
    adjust=_with_restart,
)


def _spec(name: str) -> DeviceSpec:
    codec = Codec(name=f"Xignal {name}", messages=(_MESSAGE,))
    return DeviceSpec(
        model=f"xignal_{name}",
        vendor="Xignal",
        source_url=_SOURCE,
        quantities=codec.keys,
        expected_interval_s=86_400,
        transport="lorawan",
        decode=codec.decode,
        encode=codec.encode,
        default_port=1,
        resolutions=codec.resolutions,
    )


DEVICES = (_spec("mousetrap"), _spec("rattrap"))
