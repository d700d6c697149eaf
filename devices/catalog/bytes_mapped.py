"""Any device that packs its values into a few bytes (Sigfox, SORACOM binary): the site's options map them.

Source: https://support.sigfox.com/docs/custom-payload-decoding-grammar (the idea of it; the table below is ours)

    Option            meaning
    length            bytes of a message; another length is refused
    [[field]]         one value each, with
    byte, bits        its first byte (from 0) and its length in bits (8, 16, 24, 32; float: 32)
    bit               else: one bit of that byte, 0 = the lowest
    form              "uint" (default), "int" (two's complement), "float" (IEEE 754)
    little_endian     false by default
    quantity, unit, factor, offset   as in the model `json_mapped`
    unknown           raw numbers that mean "not known": absent
    bad               raw numbers that mean "my sensor is bad": NaN
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from devices.model import Decoded, Frame, PermanentError
from devices.payloads.json_fields import needs_position, with_position
from devices.payloads.mapped_fields import Mapped, MappedField, OptionsPart

_MOST_BYTES = 242


class BytesField(OptionsPart):
    """`[[device.options.field]]`; see the table of the module."""

    byte: Annotated[int, Field(ge=0, lt=_MOST_BYTES)]
    bits: Literal[8, 16, 24, 32] = 8
    bit: Annotated[int, Field(ge=0, le=7)] | None = None
    form: Literal["uint", "int", "float"] = "uint"
    little_endian: bool = False
    quantity: str
    unit: str = ""
    factor: float = 1.0
    offset: float = 0.0
    unknown: tuple[int, ...] = ()
    bad: tuple[int, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> BytesField:
        if self.form == "float" and self.bits != 32:
            raise ValueError("a float has 32 bits")
        self.scale()
        return self

    def scale(self) -> tuple[float, float]:
        """Return factor and offset from the raw number to the quantity."""
        mapped = MappedField(
            path=("x",), quantity=self.quantity, unit=self.unit, factor=self.factor, offset=self.offset
        )
        return mapped.row().factor, mapped.row().offset

    def end(self) -> int:
        """Return the first byte behind the field."""
        return self.byte + (1 if self.bit is not None else self.bits // 8)


class BytesMappedOptions(OptionsPart):
    """Options of a device of this model."""

    length: Annotated[int, Field(ge=1, le=_MOST_BYTES)]
    field: Annotated[tuple[BytesField, ...], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _hold(self) -> BytesMappedOptions:
        for field in self.field:
            if field.end() > self.length:
                raise ValueError(f"{field.quantity} ends at byte {field.end()}, the message has {self.length}")
        return self


def decode(frame: Frame, *, options: BytesMappedOptions) -> Decoded:
    """Return the mapped values. Raises PermanentError for a message of another length and for a float that is none."""
    payload = frame.payload
    if len(payload) != options.length:
        raise PermanentError(f"message has {len(payload)} bytes, not {options.length}")
    values: dict[str, float] = {}
    for field in options.field:
        raw = _raw(payload, field)
        if raw in field.unknown:
            continue
        factor, offset = field.scale()
        values[field.quantity] = math.nan if raw in field.bad else raw * factor + offset
    return Decoded(values=with_position(values))


def _raw(payload: bytes, field: BytesField) -> float:
    part = payload[field.byte : field.end()]
    if field.bit is not None:
        return float(part[0] >> field.bit & 1)
    order: Literal["little", "big"] = "little" if field.little_endian else "big"
    if field.form != "float":
        return float(int.from_bytes(part, order, signed=field.form == "int"))
    (number,) = struct.unpack("<f" if field.little_endian else ">f", part)
    if math.isinf(number):
        raise PermanentError(f"{field.quantity}: bytes {part.hex()} are no finite number")
    return float(number)


def encode(decoded: Decoded, *, options: BytesMappedOptions) -> Frame:
    """Return a message. Raises PermanentError for a value that its field has no room or no sign for."""
    needs_position(decoded.values)
    payload = bytearray(options.length)
    for field in options.field:
        part = _written(decoded.values, field)
        if field.bit is not None:
            payload[field.byte] |= part[0] << field.bit
        else:
            payload[field.byte : field.end()] = part
    return Frame(gateway_id="", transport="http", address="", payload=bytes(payload), received_ns=0)


def _written(values: Mapping[str, float], field: BytesField) -> bytes:
    value = values.get(field.quantity)
    factor, offset = field.scale()
    signs = field.unknown if value is None else field.bad
    if value is None and field.bit is not None:
        number = 0.0
    elif value is None or math.isnan(value):
        if not signs:
            raise PermanentError(f"{field.quantity} has no sign for a value that is missing or bad")
        number = float(signs[0])
    else:
        number = (value - offset) / factor
    order: Literal["little", "big"] = "little" if field.little_endian else "big"
    try:
        if field.form == "float":
            return struct.pack("<f" if field.little_endian else ">f", number)
        size = 1 if field.bit is not None else field.bits // 8
        return _checked(round(number), field, value).to_bytes(size, order, signed=field.form == "int")
    except (OverflowError, struct.error):
        raise PermanentError(f"{field.quantity} {value!r} does not fit into its field") from None


def _checked(raw: int, field: BytesField, value: float | None) -> int:
    is_sign = raw in field.unknown or raw in field.bad
    if value is not None and not math.isnan(value) and is_sign:
        raise PermanentError(f"{field.quantity} {value:g} is the sign for a value that is none")
    if field.bit is not None and raw not in (0, 1):
        raise PermanentError(f"{field.quantity} {value!r} does not fit into a bit")
    return raw


_EXAMPLE: dict[str, Any] = {
    "length": 5,
    "field": [
        {"byte": 0, "bit": 0, "quantity": "contact_open"},
        {"byte": 0, "bit": 7, "quantity": "battery_low"},
        {"byte": 1, "bits": 16, "form": "int", "quantity": "air_temperature", "factor": 0.1, "unknown": [-32768],
         "bad": [32767]},
        {"byte": 3, "bits": 16, "quantity": "battery_voltage", "unit": "mV", "unknown": [65535], "bad": [65534]},
    ],
}  # fmt: skip
DEVICE = Mapped(
    name="bytes_mapped",
    vendor="-",
    source_url="https://support.sigfox.com/docs/custom-payload-decoding-grammar",
    expected_interval_s=86_400,
    transport="http",
    options=BytesMappedOptions,
    keys=lambda options: (field.quantity for field in options.field),
    decode=decode,
    encode=encode,
    example=_EXAMPLE,
).model()
