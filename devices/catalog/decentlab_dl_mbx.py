"""Decentlab DL-MBX: a MaxBotix ultrasonic gauge on LoRaWAN, payload protocol 2, any FPort.

Source: https://www.decentlab.com/products/ultrasonic-distance-/-level-sensor-for-lorawan

    byte   content (big-endian)
    0      protocol version, 2
    1..2   device id
    3..4   flags: bit 0 = distance block follows, bit 1 = battery block follows
    then   distance block: distance mm u16, valid samples u16
    then   battery block: mV u16
"""

from __future__ import annotations

from devices.model import DeviceSpec
from devices.payloads.decentlab import BATTERY, Block, Gate, Model, Word

_MODEL = Model(
    name="DL-MBX",
    blocks=(
        Block(
            length=2,
            words=(
                Word(key="distance", at=0, per_unit=1000),
                Word(key="valid_samples", at=1, per_unit=1, default=1),
            ),
            gate=Gate(key="distance", by="valid_samples", good=(1, 65_535), closed=0),
        ),
        BATTERY,
    ),
)

DEVICE = DeviceSpec(
    model="decentlab_dl_mbx",
    vendor="Decentlab",
    source_url="https://www.decentlab.com/products/ultrasonic-distance-/-level-sensor-for-lorawan",
    quantities=("distance", "valid_samples", "battery_voltage"),
    expected_interval_s=600,
    transport="lorawan",
    decode=_MODEL.decode,
    encode=_MODEL.encode,
    default_port=1,
)
