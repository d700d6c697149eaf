"""A device of another maker that speaks SenML (uplink `senml_mqtt`): fields with units.

Source: https://www.rfc-editor.org/rfc/rfc8428

    field     {"v": 23.1, "u": "Cel"} as the uplink hands it over
    its name  the quantity, or what the option says: fields = {temp = "air_temperature", door = "contact_open"}
    v         number, converted from its unit; without a unit it is in the quantity's own
    v         true or false for a state; a text for an enumeration ("double" of button)
    bad       a record that could not be read: refused with its reason

Fields that are neither quantities nor mapped are nobody's business, unless the message has no others.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, Options, PermanentError, Quantity
from devices.options import read_options
from devices.payloads.json_fields import json_frame, needs_position, number_of, with_position
from devices.quantities import QUANTITIES
from devices.units import convert

_MOST_BYTES = 1 << 20


class SenmlFieldsOptions(BaseModel):
    """Options of a device of this model: which of its fields is which quantity."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fields: dict[str, str] = {}

    @field_validator("fields")
    @classmethod
    def _known(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value.values():
            if key not in QUANTITIES:
                raise ValueError(f"quantity {key!r} is not in the table of observed properties")
        return value


def decode(frame: Frame, *, fields: Mapping[str, str]) -> Decoded:
    """Return the values of the fields that are quantities or mapped to one.

    Raises PermanentError for a message without any, for a unit of something else, and for a record that was bad.
    """
    said = read_object(frame.payload, most_bytes=_MOST_BYTES)
    if isinstance(said.get("bad"), str):
        raise PermanentError(f"record cannot be read: {said['bad'][:200]}")
    values: dict[str, float] = {}
    for name, part in said.items():
        meant = QUANTITIES.get(fields.get(name, name))
        if meant is not None:
            values[meant.key] = _value(meant, part)
    if not values:
        raise PermanentError(f"none of the fields is a quantity: {', '.join(said)[:200]}")
    return Decoded(values=with_position(values))


def _value(meant: Quantity, part: Any) -> float:
    value = part.get("v") if isinstance(part, Mapping) else None
    if isinstance(value, bool) and meant.kind in ("state", "event"):
        return float(value)
    if isinstance(value, str) and value in meant.labels:
        return float(meant.labels.index(value))
    number = None if isinstance(value, str) else number_of(value)
    if number is None:
        raise PermanentError(f"{meant.key} cannot be read from {str(part)[:60]!r}")
    unit = part.get("u") or meant.senml_unit
    return number if unit == meant.senml_unit else convert(number, unit=str(unit), wanted=meant.senml_unit)


def encode(decoded: Decoded, *, fields: Mapping[str, str]) -> Frame:
    """Return the fields as the uplink hands them over; what is bad is left out, as a device would."""
    needs_position(decoded.values)
    names = {quantity: name for name, quantity in fields.items()}
    said = {
        names.get(key, key): {"v": value, "u": QUANTITIES[key].senml_unit}
        for key, value in decoded.values.items()
        if not math.isnan(value)
    }
    if any(abs(part["v"]) >= 1e15 for part in said.values() if isinstance(part["v"], float)):
        raise PermanentError("a value has more digits than fit")
    return json_frame(json.dumps(said).encode(), transport="mqtt")


def configure(options: Options) -> DeviceSpec:
    """Return the model as the site's options want it. Raises PermanentError naming each wrong one."""
    wanted = read_options(SenmlFieldsOptions, options, of="senml_fields")
    return replace(
        DEVICE,
        decode=partial(decode, fields=wanted.fields),
        encode=partial(encode, fields=wanted.fields),
    )


DEVICE = DeviceSpec(
    model="senml_fields",
    vendor="-",
    source_url="https://www.rfc-editor.org/rfc/rfc8428",
    quantities=tuple(QUANTITIES),
    expected_interval_s=3_600,
    transport="mqtt",
    decode=partial(decode, fields={}),
    encode=partial(encode, fields={}),
    configure=configure,
)
