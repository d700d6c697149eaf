"""SwitchBot sensors, plugs and hubs, as the context of a change report of the maker's cloud.

Source: https://github.com/OpenWonderLabs/SwitchBotAPI (folder devices; one page a device)

    JSON field       model             quantity
    openState        contact           contact_open: open, timeOutNotClose = 1; close = 0
    detectionState   contact, motion   occupancy: DETECTED, NOT_DETECTED
    detectionState   leak              water_leak: 1, 0
    brightness       contact, motion   is_dark: dim = 1, bright = 0
    temperature      meter, hub        air_temperature; `scale` says CELSIUS or FAHRENHEIT
    humidity         meter, hub        relative_humidity, %
    CO2              meter             co2, ppm; 0 = not measured yet
    powerState       plug              switch_on: ON, OFF
    online           plug              online: what the cloud says about the plug
    battery          all on battery    battery_level, %

`deviceType` decides nothing: the maker's own sample of a presence sensor calls itself WoContact. What a message has of
the model's fields is read; a message that has none of them is refused and names the type. `lightLevel` (1 to 20) is no
quantity. Address: the MAC, twelve hex digits in lower case, without colons (uplink `switchbot`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any

from devices.json_object import read_object
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.payloads.json_fields import MOST_BYTES, JsonField, json_frame, read_fields, write_fields

_SOURCE = "https://github.com/OpenWonderLabs/SwitchBotAPI"
_FAHRENHEIT = "FAHRENHEIT"

_OPEN = JsonField(
    path=("openState",), quantity="contact_open", words={"open": 1.0, "close": 0.0, "timeOutNotClose": 1.0},
    takes_numbers=False,
)  # fmt: skip
_MOTION = JsonField(
    path=("detectionState",), quantity="occupancy", words={"DETECTED": 1.0, "NOT_DETECTED": 0.0}, takes_numbers=False
)
_LEAK = JsonField(path=("detectionState",), quantity="water_leak", words={"1": 1.0, "0": 0.0}, takes_numbers=False)
_DARK = JsonField(
    path=("brightness",), quantity="is_dark", words={"dim": 1.0, "bright": 0.0}, takes_numbers=False, is_aside=True
)
_BATTERY = JsonField(path=("battery",), quantity="battery_level", is_aside=True)
_TEMPERATURE = JsonField(path=("temperature",), quantity="air_temperature")
_HUMIDITY = JsonField(path=("humidity",), quantity="relative_humidity")
_CO2 = JsonField(path=("CO2",), quantity="co2", unknown=(0.0,))
_POWER = JsonField(path=("powerState",), quantity="switch_on", words={"ON": 1.0, "OFF": 0.0}, takes_numbers=False)
_ONLINE = JsonField(path=("online",), quantity="online", words={"true": 1.0, "false": 0.0}, is_aside=True)

Fields = tuple[JsonField, ...]
MODELS: Mapping[str, tuple[str, Fields, int]] = {
    # model: its deviceType, its fields, the longest usual silence in seconds
    "switchbot_contact": ("WoContact", (_OPEN, _MOTION, _DARK, _BATTERY), 86_400),
    "switchbot_motion": ("WoPresence", (_MOTION, _DARK, _BATTERY), 86_400),
    "switchbot_meter": ("WoMeter", (_TEMPERATURE, _HUMIDITY, _CO2, _BATTERY), 3_600),
    "switchbot_hub": ("WoHub2", (_TEMPERATURE, _HUMIDITY), 3_600),
    "switchbot_plug": ("WoPlugJP", (_POWER, _ONLINE), 86_400),
    "switchbot_leak": ("Water Detector", (_LEAK, _BATTERY), 86_400),
}


def decode(frame: Frame, *, fields: Fields) -> Decoded:
    """Return what the context says. Raises PermanentError for a context that has none of `fields`, by its type."""
    said = read_object(frame.payload, most_bytes=MOST_BYTES)
    if _LEAK in fields and type(said.get("detectionState")) is int:
        said["detectionState"] = str(said["detectionState"])
    values = read_fields(said, fields)
    if not values:
        names = ", ".join(row.name for row in fields)
        raise PermanentError(f"context of a {str(said.get('deviceType'))[:40]!r} has none of: {names}")
    scale = said.get("scale", "CELSIUS")
    if "air_temperature" in values and scale != "CELSIUS":
        if scale != _FAHRENHEIT:
            raise PermanentError(f"scale {str(scale)[:40]!r} is neither CELSIUS nor FAHRENHEIT")
        values["air_temperature"] = (values["air_temperature"] - 32.0) / 1.8
    return Decoded(values=values)


def encode(decoded: Decoded, *, kind: str, fields: Fields) -> Frame:
    """Return the context that the cloud would post. Raises PermanentError for what it has no words for."""
    said: dict[str, Any] = {"deviceType": kind, **write_fields(decoded.values, fields)}
    return json_frame(json.dumps(said).encode())


DEVICES = tuple(
    DeviceSpec(
        model=model,
        vendor="SwitchBot",
        source_url=_SOURCE,
        quantities=tuple(row.quantity for row in fields),
        expected_interval_s=interval_s,
        transport="http",
        decode=partial(decode, fields=fields),
        encode=partial(encode, kind=kind, fields=fields),
    )
    for model, (kind, fields, interval_s) in MODELS.items()
)
