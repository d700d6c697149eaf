"""Networks that publish all they know of a device: what in such a message is news, and what is only said again.

Zigbee2MQTT publishes the whole cached state whenever one field of it changes, and all states once when it starts. A
battery report so repeats the last `occupancy: true`, which is no second movement. Of a movement (occupancy, presence,
vibration) that was already there in the message before,

* it is no news when nothing at all differs (the bridge has published its memory again), or when something differs that
  a device reports by itself (battery, temperatures, humidity …): that is then why the message came;
* it is news else: the sensor was triggered again while it still said "occupied".

A movement that begins is always news. Worst case of a wrong guess: a repeated trigger does not count, and somebody who
moves on and on is looked after a little earlier than need be; never later.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from devices.quantities import base_key

Values = Mapping[str, float]

_MOVEMENTS = frozenset({"occupancy", "presence", "vibration"})
_REPORTED_APART = frozenset(
    {"battery_level", "battery_voltage", "battery_low", "supply_voltage", "device_temperature", "air_temperature",
     "relative_humidity", "pressure", "co2", "tamper", "contact_open", "water_leak", "switch_on", "power", "energy"}
)  # fmt: skip
_SEEN_KEY = "observed_ns"
_MOST = 2**63


class CachedStates:
    """Remembers the last state of each device whose network repeats it; what changed is written down with the rows."""

    def __init__(self, remembered: Mapping[str, str]) -> None:
        self._last = {device_id: _parse(text) for device_id, text in remembered.items()}
        self._changed: set[str] = set()

    def news(self, device_id: str, values: Values, *, observed_ns: int | None) -> dict[str, float]:
        """Return `values` without the movements that are only said again; remembers the state.

        `observed_ns`: when the network last heard the device, None where it does not say.
        """
        if not any(base_key(key) in _MOVEMENTS for key in values):
            return dict(values)
        state = {key: value for key, value in values.items() if not math.isnan(value)}
        if observed_ns is not None:
            state[_SEEN_KEY] = float(observed_ns)
        last = self._last.get(device_id)
        self._last[device_id] = state
        self._changed.add(device_id)
        if last is None:
            return dict(values)
        differs = {key for key in state if state[key] != last.get(key)}
        is_explained = not differs or any(base_key(key) in _REPORTED_APART for key in differs)
        return {key: value for key, value in values.items() if not (is_explained and _is_repeated(key, value, last))}

    def take_changes(self) -> dict[str, str]:
        """Return the states that changed since the last call, by device id, as text that `__init__` reads."""
        changes = {device_id: json.dumps(self._last[device_id]) for device_id in sorted(self._changed)}
        self._changed.clear()
        return changes


def _is_repeated(key: str, value: float, last: Values) -> bool:
    return base_key(key) in _MOVEMENTS and value != 0.0 and last.get(key) == value


def _parse(text: str) -> dict[str, float]:
    """Return the state in `text`; nothing when it cannot be read (another version wrote it)."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {str(k): float(v) for k, v in found.items() if isinstance(v, int | float) and abs(v) < _MOST}
