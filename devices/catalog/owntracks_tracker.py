"""OwnTracks: the location message of an app or of a tracker that speaks like it.

Source: https://owntracks.org/booklet/tech/json/

    JSON field   quantity
    lat, lon     latitude, longitude, deg
    acc          position_accuracy, m
    alt          altitude, m
    vel          speed, km/h
    cog          heading, deg
    batt         battery_level, %
    p            pressure, kPa

Third parties write numbers as texts and -1 for what they do not know. 0, 0 is no position. Address:
<user>/<device> (uplink `owntracks`).
"""

from __future__ import annotations

import json
import math

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import (
    MOST_BYTES,
    JsonField,
    json_frame,
    needs_position,
    read_fields,
    with_position,
    write_fields,
)

_UNKNOWN = (-1.0,)
FIELDS = (
    JsonField(path=("lat",), quantity="latitude"),
    JsonField(path=("lon",), quantity="longitude"),
    JsonField(path=("acc",), quantity="position_accuracy", unknown=_UNKNOWN, is_aside=True),
    JsonField(path=("alt",), quantity="altitude", unknown=_UNKNOWN, is_aside=True),
    JsonField(path=("vel",), quantity="speed", factor=1 / 3.6, unknown=_UNKNOWN, is_aside=True),
    JsonField(path=("cog",), quantity="heading", factor=math.pi / 180, unknown=_UNKNOWN, is_aside=True),
    JsonField(path=("batt",), quantity="battery_level", unknown=_UNKNOWN, is_aside=True),
    JsonField(path=("p",), quantity="pressure", factor=1_000.0, is_aside=True),
)


def decode(frame: Frame) -> Decoded:
    """Return the position and what goes with it; without a position what else is known.

    Raises PermanentError for a message without latitude and longitude fields, and for a position outside the globe.
    """
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    if "lat" not in said or "lon" not in said:
        raise PermanentError("a location needs lat and lon")
    values = read_fields(said, FIELDS)
    if values.get("latitude") == values.get("longitude") == -1.0:
        values.pop("latitude")
    return Decoded(values=with_position(values))


def encode(decoded: Decoded) -> Frame:
    """Return the message of the app. Raises PermanentError for half a position."""
    values = {key: value for key, value in decoded.values.items() if not math.isnan(value)}
    needs_position(values)
    said = {"lat": None, "lon": None} | write_fields(values, FIELDS)
    return json_frame(json.dumps(said).encode(), transport="mqtt")


DEVICE = DeviceSpec(
    model="owntracks_tracker",
    vendor="OwnTracks",
    source_url="https://owntracks.org/booklet/tech/json/",
    quantities=tuple(row.quantity for row in FIELDS),
    expected_interval_s=3_600,
    transport="mqtt",
    decode=decode,
    encode=encode,
)
