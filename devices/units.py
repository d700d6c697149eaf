"""SenML units (RFC 8428 section 12.1, secondary units RFC 8798): dimension and conversion.

Two units convert into each other only when they have one dimension; anything else is a wrong unit, never a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from devices.model import PermanentError

# unit: (dimension, factor, offset) with base = value * factor + offset
_UNITS: Mapping[str, tuple[str, float, float]] = MappingProxyType(
    {
        "m": ("length", 1.0, 0.0),
        "km": ("length", 1e3, 0.0),
        "cm": ("length", 1e-2, 0.0),
        "mm": ("length", 1e-3, 0.0),
        "Cel": ("temperature", 1.0, 0.0),
        "K": ("temperature", 1.0, -273.15),
        "%RH": ("humidity", 1.0, 0.0),
        "%EL": ("energy_level", 1.0, 0.0),
        "EL": ("energy_remaining", 1.0, 0.0),
        "V": ("voltage", 1.0, 0.0),
        "mV": ("voltage", 1e-3, 0.0),
        "A": ("current", 1.0, 0.0),
        "mA": ("current", 1e-3, 0.0),
        "W": ("power", 1.0, 0.0),
        "kW": ("power", 1e3, 0.0),
        "J": ("energy", 1.0, 0.0),
        "Wh": ("energy", 3600.0, 0.0),
        "kWh": ("energy", 3.6e6, 0.0),
        "lx": ("illuminance", 1.0, 0.0),
        "dB": ("ratio_db", 1.0, 0.0),
        "dBm": ("power_dbm", 1.0, 0.0),
        "dBmW": ("power_dbm", 1.0, 0.0),
        "dBW": ("power_dbm", 1.0, 30.0),
        "Pa": ("pressure", 1.0, 0.0),
        "hPa": ("pressure", 1e2, 0.0),
        "s": ("time", 1.0, 0.0),
        "ms": ("time", 1e-3, 0.0),
        "min": ("time", 60.0, 0.0),
        "h": ("time", 3600.0, 0.0),
        "m/s": ("speed", 1.0, 0.0),
        "km/h": ("speed", 1 / 3.6, 0.0),
        "m/h": ("speed", 1 / 3600, 0.0),
        "mm/h": ("speed", 1e-3 / 3600, 0.0),
        "m/s2": ("acceleration", 1.0, 0.0),
        "rad": ("angle", 1.0, 0.0),
        "deg": ("angle", 0.017453292519943295, 0.0),
        "lat": ("latitude", 1.0, 0.0),
        "lon": ("longitude", 1.0, 0.0),
        "/": ("ratio", 1.0, 0.0),
        "%": ("ratio", 1e-2, 0.0),
        "/100": ("ratio", 1e-2, 0.0),
        "/1000": ("ratio", 1e-3, 0.0),
        "ppm": ("ratio", 1e-6, 0.0),
        "count": ("count", 1.0, 0.0),
        "B": ("data", 1.0, 0.0),
        "KiB": ("data", 1024.0, 0.0),
        "GB": ("data", 1e9, 0.0),
        "kg": ("mass", 1.0, 0.0),
        "g": ("mass", 1e-3, 0.0),
        "l": ("volume", 1e-3, 0.0),
        "m3": ("volume", 1.0, 0.0),
        "Hz": ("frequency", 1.0, 0.0),
        "MHz": ("frequency", 1e6, 0.0),
    }
)


def convert(value: float, *, unit: str, wanted: str) -> float:
    """Return `value`, given in SenML `unit`, in the SenML unit `wanted`.

    Worked: 273.15 K = 0.0 Cel; 123.4 cm = 1.234 m (to the last digit of a float).
    Raises PermanentError when a unit is unknown or the dimensions differ.
    """
    if unit == wanted:
        return value
    if unit not in _UNITS or wanted not in _UNITS:
        raise PermanentError(f"unit {unit[:20]!r} is not a known SenML unit")
    dimension, factor, offset = _UNITS[unit]
    wanted_dimension, wanted_factor, wanted_offset = _UNITS[wanted]
    if dimension != wanted_dimension:
        raise PermanentError(f"unit {unit!r} ({dimension}) cannot become {wanted!r} ({wanted_dimension})")
    # dividing by 1000 is exact where multiplying by 0.001 is not: 2116 mm is 2.116 m
    if offset == wanted_offset == 0.0 and factor < wanted_factor == 1.0:
        return value / (1 / factor)
    return (value * factor + offset - wanted_offset) / wanted_factor
