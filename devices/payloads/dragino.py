"""What Dragino's LoRaWAN devices have in common: the battery word, the DS18B20 probe, status and positions.

Source: https://github.com/dragino/dragino-end-node-decoder (the maker's decoders), wiki of http://wiki.dragino.com

    part      content (big-endian)
    battery   u16, the low 14 bits in mV; the bits above are flags of the model
    probe     DS18B20, s16 / 10 or / 100 degC; 327.6(7) no probe, 85 just powered, -127 and others out of its range
    status    FPort 5: model, version 2 B, band, sub-band, battery mV u16 (nothing measured but the battery)
    position  s32 / 1e6 degree; 0, 0 and FFFFFFFF are "no fix"
"""

from __future__ import annotations

from dataclasses import replace

from devices.model import SECOND_NS, Decoded, DeviceSpec
from devices.payloads.fields import Codec, Field, Message, Values, lorawan_spec

SOURCE_URL = "https://github.com/dragino/dragino-end-node-decoder"

BATTERY = Field(key="battery_voltage", at=0, size=2, bits=14, per_unit=1000, bad=(0,))
"""Battery in mV; a device that runs has no 0 mV."""

STATUS = Message(
    ports=(5,), length=7, fields=(Field(key="battery_voltage", at=5, size=2, per_unit=1000, bad=(0,)),)
)  # fmt: skip
"""The device's answer to a status request."""


def probe(at: int, *, per_unit: int) -> Field:
    """Return the external DS18B20: -55..125 degC, NaN for no probe and for the 85 degC of one that has just started."""
    return Field(
        key="probe_temperature", at=at, size=2, is_signed=True, per_unit=per_unit,
        bad=(3276 if per_unit == 10 else 32_767, 85 * per_unit), good=(-55 * per_unit, 125 * per_unit),
    )  # fmt: skip


def position(at: int) -> tuple[Field, Field]:
    """Return latitude and longitude from byte `at` on; FFFFFFFF is no fix."""
    latitude = Field(
        key="latitude", at=at, size=4, is_signed=True, per_unit=1e6, bad=(-1,), good=(-90_000_000, 90_000_000)
    )  # fmt: skip
    longitude = Field(
        key="longitude", at=at + 4, size=4, is_signed=True, per_unit=1e6, bad=(-1,), good=(-180_000_000, 180_000_000)
    )  # fmt: skip
    return latitude, longitude


def epoch_ns(record: bytes, *, at: int) -> int | None:
    """Return the device's Unix time in u32 at byte `at`, None where its clock has never been set."""
    epoch_s = int.from_bytes(record[at : at + 4], "big")
    return epoch_s * SECOND_NS if epoch_s else None


def from_log(record: bytes, values: Values) -> Decoded:
    """Return a record of a log of 11-byte records, whose time stands in its last four bytes."""
    return Decoded(values=values, observed_ns=epoch_ns(record, at=7), is_history=True)


def spec_of(codec: Codec, *, interval_s: int, port: int = 2) -> DeviceSpec:
    """Return the model that `codec` reads; it is expected to speak every `interval_s`, on that FPort."""
    spec = lorawan_spec(codec, vendor="Dragino", source_url=SOURCE_URL, interval_s=interval_s)
    return replace(spec, default_port=port)
