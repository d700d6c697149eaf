"""SenML units: which symbols measure the same thing, and how to go from one to the other.

Sources: the SenML unit registry, RFC 8428 section 12.1 (primary units), and RFC 8798 (more primary units, and secondary
units with scale and offset). Each row gives the dimension, and value in the dimension's first unit = value x scale +
offset; numbers are exact, so that 1234 mm is 1.234 m and 280.15 K is 7 Cel to the last digit.

Two departures, on purpose: relative humidity and battery level are ratios too (`%RH` from `%` or `/`), and `Cel` and
`K` are one dimension. Levels (`dB…`) and powers are not converted into each other: that is no straight line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from devices.model import PermanentError


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit symbol: value in the dimension's first unit = value x `scale` + `offset`."""

    symbol: str
    dimension: str
    scale: Fraction
    offset: Fraction


# dimension: symbol[=scale[+offset]] … ; the first symbol is the dimension's own unit
_TABLE = """
length: m mm=1/1000 cm=1/100 km=1000
mass: kg g=1/1000
time: s ms=1/1000 min=60 h=3600
current: A mA=1/1000
temperature: K Cel=1+273.15
luminous_intensity: cd
substance: mol
frequency: Hz MHz=1000000
angle: rad deg=0.017453292519943295
solid_angle: sr
force: N
pressure: Pa hPa=100
energy: J Wh=3600 kWh=3600000
power: W kW=1000
charge: C Ah=3600
voltage: V mV=1/1000
capacitance: F
resistance: Ohm
conductance: S
magnetic_flux: Wb
magnetic_flux_density: T
inductance: H
luminous_flux: lm
illuminance: lx
activity: Bq
absorbed_dose: Gy
dose_equivalent: Sv
catalytic_activity: kat
area: m2
volume: m3 l=1/1000
speed: m/s mm/h=1/3600000 m/h=1/3600 km/h=10/36
acceleration: m/s2
flow: m3/s l/s=1/1000
irradiance: W/m2
luminance: cd/m2
data: bit B=8 KiB=8192 GB=8000000000
data_rate: bit/s Mbit/s=1000000 B/s=8 MB/s=8000000
latitude: lat
longitude: lon
acidity: pH
level: dB
power_level: dBW dBm=1-30
sound_level: Bspl
count: count
ratio: / %=1/100 %RH=1/100 %EL=1/100 /100=1/100 /1000=1/1000 ppm=1/1000000
energy_left: EL
rate: 1/s 1/min=1/60
pulse_rate: beat/m
pulses: beats
conductivity: S/m
apparent_power: VA kVA=1000
apparent_energy: VAs kVAh=3600000
reactive_power: var kvar=1000
reactive_energy: vars varh=3600 kvarh=3600000
energy_per_length: J/m Wh/km=36/10
density: kg/m3 ug/m3=1/1000000000
"""


def _unit(dimension: str, text: str) -> Unit:
    symbol, _, rule = text.partition("=")
    sign = "-" if "-" in rule else "+"
    scale, _, offset = rule.partition(sign)
    return Unit(
        symbol=symbol, dimension=dimension, scale=Fraction(scale or "1"), offset=Fraction(sign + (offset or "0"))
    )  # fmt: skip


def _units(table: str) -> Mapping[str, Unit]:
    units: dict[str, Unit] = {}
    for line in table.split("\n"):
        dimension, _, symbols = line.partition(": ")
        for text in symbols.split():
            unit = _unit(dimension, text)
            if unit.symbol in units:
                raise PermanentError(f"unit {unit.symbol!r} stands twice in the table")
            units[unit.symbol] = unit
    return MappingProxyType(units)


UNITS: Mapping[str, Unit] = _units(_TABLE)


def are_convertible(*, unit: str, wanted: str) -> bool:
    """Return whether both symbols are in the table and measure the same thing."""
    return unit in UNITS and wanted in UNITS and UNITS[unit].dimension == UNITS[wanted].dimension


def convert(value: float, *, unit: str, wanted: str) -> float:
    """Return `value` of `unit` in unit `wanted`: the nearest float to the exact decimal result
    (infinite when that is beyond floats).

    `value` is finite. Raises PermanentError naming both units when one is unknown or they measure different things.
    Worked: 1234 mm = 1.234 m; 280.15 K = 7.0 Cel; 50 % = 0.5; -30 dBW = 0 dBm.
    """
    if unit == wanted:
        return value
    if not are_convertible(unit=unit, wanted=wanted):
        raise PermanentError(f"unit {unit[:20]!r} cannot be turned into {wanted!r}")
    source, target = UNITS[unit], UNITS[wanted]
    # repr, because 12.3 cm means the decimal 12.3 and not the binary number next to it
    exact = (Fraction(repr(value)) * source.scale + source.offset - target.offset) / target.scale
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
