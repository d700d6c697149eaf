"""Campbell SR50A and SR50AT on SDI-12: ultrasonic distance to the snow, the AT with air temperature.

Source: https://s.campbellsci.com/documents/us/manuals/sr50a.pdf (SR50A and SR50AT, SDI-12 measurements). Address 0 by
default, identification `013CAMPBELLSR50A 2.0SN12345`. C, MC and CC forms measure the same as M.

    measurement   values
    M, M5         distance m, in
    M1, M6        distance m, in; quality number
    M2            distance m; temperature Cel
    M3, M7        distance m, in; quality number; temperature Cel
    M4, M8        snow depth m, in; quality number; temperature Cel
    M9            temperature Cel

Distance 0 and quality number 0: no echo. Depth -999 and temperature -999: no reading. The quality number (152-210
good, 210-300 weak, 300-600 uncertain) is passed on as it is. Only the AT has a temperature sensor: the T of an SR50A
is dropped. The distance is measured with the speed of sound at 0 degrees Celsius, so the air temperature must still
correct it. The older SR50 numbers its commands otherwise and means feet by some: it is told by its identification and
refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from devices.model import PermanentError
from devices.wires.sdi12 import Identification
from devices.wires.sdi12_table import INCH_M, Field, Sdi12Family, Sdi12Model, Tables, spec_of

_NO_READING = -999.0
_ORDER = {"": "D", "1": "DQ", "2": "DT", "3": "DQT", "4": "HQT", "9": "T"}
_ORDER_INCH = {"5": "D", "6": "DQ", "7": "DQT", "8": "HQT"}


def _fields(*, unit_m: Fraction, decimals: int, has_temperature: bool) -> Mapping[str, Field]:
    key = "air_temperature" if has_temperature else ""
    return {
        "D": Field(key="distance", scale=unit_m, absent=(0.0,), needs="echo_quality", decimals=decimals),
        "H": Field(key="snow_depth", scale=unit_m, absent=(_NO_READING,), needs="echo_quality", decimals=decimals),
        "Q": Field(key="echo_quality", decimals=0, usual=180.0),
        "T": Field(key=key, absent=(_NO_READING,), decimals=2),
    }


def _tables(*, has_temperature: bool) -> Tables:
    metres = _fields(unit_m=Fraction(1), decimals=3, has_temperature=has_temperature)
    inches = _fields(unit_m=INCH_M, decimals=2, has_temperature=has_temperature)
    tables = {
        **{number: tuple(metres[letter] for letter in letters) for number, letters in _ORDER.items()},
        **{number: tuple(inches[letter] for letter in letters) for number, letters in _ORDER_INCH.items()},
    }
    return {number: fields for number, fields in tables.items() if any(field.key for field in fields)}


_SR50A_TABLES = _tables(has_temperature=False)
_SR50AT_TABLES = _tables(has_temperature=True)


def sr50a_tables(identification: Identification) -> Tables:
    """Return the measurements without temperature: an SR50A has no sensor, so its T means nothing."""
    refuse_others(identification)
    return _SR50A_TABLES


def sr50at_tables(identification: Identification) -> Tables:
    """Return the measurements with the temperature of the AT's shield."""
    refuse_others(identification)
    return _SR50AT_TABLES


def refuse_others(identification: Identification) -> None:
    """Raise PermanentError for an SR50, whose commands mean others, and for every other model."""
    vendor, model = identification.vendor.upper(), identification.model.upper()
    if vendor != "CAMPBELL" or not model.startswith("SR50A"):
        raise PermanentError(
            f"address {identification.address} is {identification.vendor} {identification.model}, not CAMPBELL SR50A: "
            "its measurement commands are not the same"
        )


_FAMILY = Sdi12Family(
    vendor="Campbell Scientific",
    source_url="https://s.campbellsci.com/documents/us/manuals/sr50a.pdf",
    distance_compensated=False,
)
_SR50A = Sdi12Model(
    name="campbell_sr50a_sdi12",
    tables_of=sr50a_tables,
    identification="13CAMPBELLSR50A 2.0SN12345",
    command="MC1",
)
_SR50AT = Sdi12Model(
    name="campbell_sr50at_sdi12",
    tables_of=sr50at_tables,
    identification="13CAMPBELLSR50A 2.0SN12345",
    command="MC3",
)

DEVICES = (spec_of(_SR50A, _FAMILY), spec_of(_SR50AT, _FAMILY))
