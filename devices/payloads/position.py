"""What every tracker's position has in common: both coordinates or none, within the world, and not 0, 0."""

from __future__ import annotations

import math

from devices.payloads.fields import Values

_LATITUDE, _LONGITUDE = 90.0, 180.0
_OF_A_FIX = ("latitude", "longitude", "altitude", "speed", "heading", "position_accuracy")


def without_half_fixes(values: Values) -> Values:
    """Return the values with both coordinates NaN when one is bad or off the world, or both are 0 (no fix)."""
    latitude, longitude = values["latitude"], values["longitude"]
    is_on_earth = abs(latitude) <= _LATITUDE and abs(longitude) <= _LONGITUDE
    return values if is_on_earth and (latitude or longitude) else without_fix(values)


def without_fix(values: Values) -> Values:
    """Return the values with all that a fix gives NaN: the device could not find out where it is.

    The last known position that some devices repeat then is not given: it was sent when it was fresh.
    """
    return {key: math.nan if key in _OF_A_FIX else value for key, value in values.items()}
