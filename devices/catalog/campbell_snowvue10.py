"""Campbell SnowVUE 10 on SDI-12: ultrasonic distance to the snow, version 1.4.

Source: https://help.campbellsci.com/snowvue10/sr50a-series-snowvue/sdi-12-measurements.htm . Identification
`014CampbellSnowVU10 SN=12345`; 1.5 s after power before the first command, 5 s typical and 20 s at most to measure.

    measurement   values (C, MC and CC forms alike)
    M             distance m
    M1            distance m; quality number
    M2            distance m; reference temperature Cel
    M3            distance m; quality number; reference temperature Cel
    M4            snow depth m; quality number; reference temperature Cel
    M9            reference and inside temperature Cel, humidity inside %, pitch and roll degrees, supply V,
                  resonance kHz (40-60), alert flag (0 good, 1 transducer out of range)

Distance 0 and quality number 0: no echo. The quality number (1-100 good, 100-300 reduced, 300-600 uncertain: not the
scale of an SR50A) is passed on as it is.

The instrument measures with the speed of sound at its reference temperature. That is 0 degrees Celsius until somebody
sends another, and again after every loss of power, so a depth of its own would be wrong by centimetres at -10 degrees
without a sign. Therefore M3 is asked: the distance is reported as at 0 degrees whatever the reference is,
d0 = d / sqrt(T / 273.15), and the gateway's own correction with the measured air temperature follows. The reference
is reported as `device_temperature`. M4 is for sites that see to the reference themselves.
"""

from __future__ import annotations

import math
from fractions import Fraction

from devices.model import PermanentError
from devices.wires.sdi12 import Identification
from devices.wires.sdi12_table import Field, Sdi12Family, Sdi12Model, Tables, Values, spec_of

_ZERO_K = 273.15
_COLDEST_CEL, _WARMEST_CEL = -80.0, 80.0
_DEGREE_RAD = Fraction(repr(math.radians(1.0)))

_FIELDS = {
    "D": Field(key="distance", absent=(0.0,), needs="echo_quality"),
    "H": Field(key="snow_depth", needs="echo_quality", usual=0.0),
    "Q": Field(key="echo_quality", decimals=0, usual=80.0),
    "T": Field(key="device_temperature", decimals=2, usual=0.0),
    "I": Field(key="device_temperature.2", decimals=2, usual=0.0),
    "U": Field(key="device_humidity", decimals=1, usual=30.0),
    "P": Field(key="pitch", scale=_DEGREE_RAD, decimals=2, usual=0.0),
    "R": Field(key="roll", scale=_DEGREE_RAD, decimals=2, usual=0.0),
    "V": Field(key="supply_voltage", decimals=2, usual=12.0),
    "F": Field(key="", decimals=2),
    "A": Field(key="device_fault", decimals=0, usual=0.0),
}
_ORDER = {"": "D", "1": "DQ", "2": "DT", "3": "DQT", "4": "HQT", "9": "TIUPRVFA"}
_TABLES: Tables = {number: tuple(_FIELDS[letter] for letter in letters) for number, letters in _ORDER.items()}


def tables_of(identification: Identification) -> Tables:
    """Return the measurements. Raises PermanentError when it is another instrument."""
    if identification.vendor.upper() != "CAMPBELL" or not identification.model.upper().startswith("SNOWVU"):
        raise PermanentError(
            f"address {identification.address} is {identification.vendor} {identification.model}, not Campbell SnowVU10"
        )
    return _TABLES


def stretch(reference_cel: float) -> float:
    """Return how much longer a distance is with this reference than with 0 degrees: -10 gives 0.98153.

    Raises PermanentError for a reference that no weather has.
    """
    if not _COLDEST_CEL <= reference_cel <= _WARMEST_CEL:
        raise PermanentError(f"reference temperature {reference_cel} is not within {_COLDEST_CEL} to {_WARMEST_CEL}")
    return math.sqrt((reference_cel + _ZERO_K) / _ZERO_K)


def at_zero(values: Values) -> Values:
    """Return the values with the distance as at a reference of 0 degrees."""
    if math.isnan(values.get("distance", math.nan)) or "device_temperature" not in values:
        return values
    return {**values, "distance": values["distance"] / stretch(values["device_temperature"])}


def at_reference(values: Values) -> Values:
    """Return the values with the distance as the instrument says it at its reference: the inverse of `at_zero`."""
    if math.isnan(values.get("distance", math.nan)):
        return values
    reference_cel = round(values.get("device_temperature", 0.0), 2)
    if math.isnan(reference_cel):
        raise PermanentError("device_temperature has no form for no reading on this line")
    return {**values, "distance": values["distance"] * stretch(reference_cel)}


DEVICE = spec_of(
    Sdi12Model(
        name="campbell_snowvue10",
        tables_of=tables_of,
        identification="14CampbellSnowVU10 SN=12345",
        command="MC3",
        ready_s=5,
        after=at_zero,
        before=at_reference,
    ),
    Sdi12Family(
        vendor="Campbell Scientific",
        source_url="https://help.campbellsci.com/snowvue10/sr50a-series-snowvue/sdi-12-measurements.htm",
        distance_compensated=False,
        resolutions={"distance": 0.002},
    ),
)
