"""ESPHome: a board of one's own making; the site's options say which of its objects is what.

Source: https://esphome.io/components/mqtt.html

    [[field]]         one object each, with
    path              "<component>/<object>" of its topic, such as "sensor/snow_depth"
    quantity          what it is, with a channel if there are several
    unit, factor, offset, words, unknown, bad   as in the model `json_mapped`; ON and OFF are 1 and 0 by themselves
    "nan"             the sensor does not answer: NaN

Objects that are not mapped are nobody's business and give nothing. Address: the node's name (uplink `esphome`).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from devices.model import Decoded, Frame, PermanentError
from devices.payloads.json_fields import JsonField, json_frame, read_fields, write_fields
from devices.payloads.mapped_fields import Mapped, MappedField, OptionsPart

_MOST_BYTES = 256
_ON_OFF = {"ON": 1.0, "OFF": 0.0}


class EspHomeNodeOptions(OptionsPart):
    """Options of a device of this model."""

    field: Annotated[tuple[MappedField, ...], Field(min_length=1, max_length=200)]

    def rows(self, topic: str) -> tuple[JsonField, ...]:
        """Return the fields of one object of the board."""
        rows = (field.row() for field in self.field if ".".join(field.path) == topic)
        return tuple(replace(row, words=_ON_OFF | dict(row.words), bad=(*row.bad, "nan")) for row in rows)


def decode(frame: Frame, *, options: EspHomeNodeOptions) -> Decoded:
    """Return the state of the object that `frame.topic` names; nothing for an object that is not mapped.

    Raises PermanentError for a text that cannot be read as its quantity.
    """
    if len(frame.payload) > _MOST_BYTES:
        raise PermanentError(f"state of {len(frame.payload)} bytes is longer than {_MOST_BYTES}")
    rows = options.rows(frame.topic)
    text = frame.payload.decode("utf-8", errors="replace").strip()
    said: dict[str, Any] = {"state": text}
    return Decoded(values=read_fields(said, tuple(replace(row, path=("state",)) for row in rows)))


def encode(decoded: Decoded, *, options: EspHomeNodeOptions) -> Frame:
    """Return the state of one object. Raises PermanentError when there are more: each has its own message."""
    if len(decoded.values) != 1:
        raise PermanentError("a message of the board says the state of one object")
    for field in options.field:
        if field.quantity in decoded.values:
            topic = ".".join(field.path)
            rows = tuple(replace(row, path=("state",)) for row in options.rows(topic))
            said = write_fields(decoded.values, rows)["state"]
            text = "nan" if isinstance(said, float) and math.isnan(said) else str(said)
            return replace(json_frame(text.encode(), transport="mqtt"), topic=topic)
    raise PermanentError(f"no object of the board is mapped to {', '.join(decoded.values)}")


_EXAMPLE: dict[str, Any] = {
    "field": [
        {"path": "sensor/snow_depth", "quantity": "snow_depth"},
        {"path": "sensor/air_temperature", "quantity": "air_temperature"},
        {"path": "binary_sensor/trap", "quantity": "contact_open"},
        {"path": "binary_sensor/motion", "quantity": "occupancy"},
        {"path": "sensor/wifi_signal", "quantity": "rssi"},
    ]
}
DEVICE = Mapped(
    name="esphome_node",
    vendor="ESPHome",
    source_url="https://esphome.io/components/mqtt.html",
    expected_interval_s=3_600,
    transport="mqtt",
    options=EspHomeNodeOptions,
    keys=lambda options: (field.quantity for field in options.field),
    decode=decode,
    encode=encode,
    example=_EXAMPLE,
).model()
