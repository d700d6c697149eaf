"""Any device that says JSON: the site's options map its fields to quantities.

Source: https://www.rfc-editor.org/rfc/rfc8259 (JSON); the table below is ours.

    Option            meaning
    [[field]]         one field each, with
    path              where it stands, such as "env.temp" or "ch.0.v" (a list where a key holds a dot)
    quantity          what it is, with a channel if there are several ("air_temperature.2")
    unit              SenML symbol of the number in the message ("mV", "hPa", "%"); empty = the quantity's own
    factor, offset    for what no unit says: value = number x factor + offset, before `unit`
    words             texts and their values: {open = 1, closed = 0}; true and false are the words "true" and "false"
    unknown           numbers or texts that mean "not known" (-999): the field is absent
    bad               those that mean "my sensor is bad": NaN
    topic             read only in messages whose topic behind the address is this
    in_keep_alive     read also in a keep-alive
    keep_alive        {path, values}: a message that says one of `values` there is a life sign whose zeros mean nothing
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from devices.json_object import read_object
from devices.model import Decoded, Frame
from devices.payloads.json_fields import (
    MOST_BYTES,
    decoded_or_refused,
    find,
    json_frame,
    needs_position,
    number_of,
    read_fields,
    with_position,
    write_fields,
)
from devices.payloads.mapped_fields import Mapped, MappedField, OptionsPart, Path


class KeepAlive(OptionsPart):
    """`keep_alive`: which messages are life signs."""

    path: Path
    values: Annotated[tuple[float | str | bool, ...], Field(min_length=1)]


class JsonMappedOptions(OptionsPart):
    """Options of a device of this model."""

    field: Annotated[tuple[MappedField, ...], Field(min_length=1, max_length=200)]
    keep_alive: KeepAlive | None = None


def decode(frame: Frame, *, options: JsonMappedOptions) -> Decoded:
    """Return the mapped fields that are there; none of a keep-alive but those that are meant for it.

    Raises PermanentError naming a field that cannot be read, and for a message that has none of them.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    is_life_sign = _is_life_sign(said, options.keep_alive)
    fields = [f for f in options.field if f.topic in (None, frame.topic) and (f.in_keep_alive or not is_life_sign)]
    rows = tuple(f.row() for f in fields)
    values = with_position(read_fields(said, rows))
    if not values and (is_life_sign or any(find(said, row.path) is not None for row in rows)):
        return Decoded(values={})  # its fields are there and say that nothing is known
    return decoded_or_refused(values, rows)


def _is_life_sign(said: Mapping[str, Any], keep_alive: KeepAlive | None) -> bool:
    if keep_alive is None:
        return False
    found = find(said, keep_alive.path)
    number = None if isinstance(found, bool) else number_of(found)
    return any(
        found is value if isinstance(value, bool) else found == value or (number is not None and number == value)
        for value in keep_alive.values
    )


def encode(decoded: Decoded, *, options: JsonMappedOptions) -> Frame:
    """Return a message that says it. Raises PermanentError for what the mapping has no way to say."""
    needs_position(decoded.values)
    said = write_fields(decoded.values, tuple(f.row() for f in options.field if not f.topic))
    return json_frame(json.dumps(said).encode(), transport="mqtt")


_EXAMPLE: dict[str, Any] = {
    "field": [
        {"path": "temperature", "quantity": "air_temperature", "unknown": [-999]},
        {"path": "humidity", "quantity": "relative_humidity"},
        {"path": "snow_cm", "quantity": "snow_depth", "unit": "cm"},
        {"path": "battery_mv", "quantity": "battery_voltage", "unit": "mV"},
        {"path": "door", "quantity": "contact_open", "words": {"open": 1, "closed": 0}},
        {"path": "gps.lat", "quantity": "latitude"},
        {"path": "gps.lon", "quantity": "longitude"},
    ]
}
DEVICE = Mapped(
    name="json_mapped",
    vendor="-",
    source_url="https://www.rfc-editor.org/rfc/rfc8259",
    expected_interval_s=3_600,
    transport="mqtt",
    options=JsonMappedOptions,
    keys=lambda options: (field.quantity for field in options.field),
    decode=decode,
    encode=encode,
    example=_EXAMPLE,
).model()
