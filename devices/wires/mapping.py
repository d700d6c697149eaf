"""How a site says what a number on a line is: quantity, unit, scale, what stands for "no reading", what is too much.

A part of the options of models whose values the site lists itself (register maps, SDI-12 value lists). Besides the
units of `devices.units` (the SenML registry) a value may be in `in`, `ft` or `degF`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from devices.model import PermanentError
from devices.quantities import quantity
from devices.units import UNITS, are_convertible

_FOREIGN: Mapping[str, tuple[str, Fraction, Fraction]] = {
    "in": ("m", Fraction(254, 10_000), Fraction(0)),
    "ft": ("m", Fraction(3048, 10_000), Fraction(0)),
    "degF": ("Cel", Fraction(5, 9), Fraction(-160, 9)),
}


class Mapped(BaseModel):
    """One number on the line: value in `unit` = number × `scale` + `offset`.

    `quantity` empty = the number is read and dropped. `unit` empty = the quantity's own. `sentinels` are the numbers
    (before scaling) that stand for "no reading". A value (in `unit`) below `minimum` or above `maximum` is an error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    quantity: str = ""
    unit: str = ""
    scale: Annotated[FiniteFloat, Field()] = 1.0
    offset: FiniteFloat = 0.0
    sentinels: tuple[FiniteFloat, ...] = ()
    minimum: FiniteFloat | None = None
    maximum: FiniteFloat | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.scale == 0:
            raise ValueError("scale 0 makes every value equal")
        if self.quantity:
            try:
                line_of(self)
            except PermanentError as error:
                raise ValueError(str(error)) from error
        return self


def line_of(mapped: Mapped) -> tuple[Fraction, Fraction]:
    """Return scale and offset from the number on the line to the quantity's own unit, exactly.

    Raises PermanentError for a quantity that does not exist and a unit that does not measure it.
    """
    wanted = quantity(mapped.quantity).senml_unit
    scale, offset = Fraction(repr(mapped.scale)), Fraction(repr(mapped.offset))
    unit = mapped.unit or wanted
    if unit in _FOREIGN:
        unit, unit_scale, unit_offset = _FOREIGN[unit]
        scale, offset = scale * unit_scale, offset * unit_scale + unit_offset
    if unit == wanted:
        return scale, offset
    if not are_convertible(unit=unit, wanted=wanted):
        raise PermanentError(f"unit {mapped.unit[:20]!r} is none of {mapped.quantity} ({wanted})")
    source, target = UNITS[unit], UNITS[wanted]
    ratio = source.scale / target.scale
    return scale * ratio, offset * ratio + (source.offset - target.offset) / target.scale


def value_of(mapped: Mapped, number: float) -> float:
    """Return `number` (finite) of the line in the quantity's own unit; NaN for a sentinel.

    Raises PermanentError when it is beyond `minimum` or `maximum`.
    """
    if number in mapped.sentinels:
        return math.nan
    exact = Fraction(repr(number))
    _refuse_beyond(mapped, float(exact * Fraction(repr(mapped.scale)) + Fraction(repr(mapped.offset))))
    scale, offset = line_of(mapped)
    return float(exact * scale + offset)


def _refuse_beyond(mapped: Mapped, in_unit: float) -> None:
    is_low = mapped.minimum is not None and in_unit < mapped.minimum
    is_high = mapped.maximum is not None and in_unit > mapped.maximum
    if is_low or is_high:
        limit = mapped.minimum if is_low else mapped.maximum
        raise PermanentError(f"{mapped.quantity} {in_unit} {mapped.unit} is beyond its limit {limit}")


def number_of(mapped: Mapped, value: float) -> float:
    """Return the number on the line for `value` of the quantity; the first sentinel for NaN.

    Raises PermanentError for NaN without a sentinel, and for a value beyond `minimum` or `maximum`.
    """
    if math.isnan(value):
        if not mapped.sentinels:
            raise PermanentError(f"{mapped.quantity} has no sentinel, so there is no form for no reading")
        return mapped.sentinels[0]
    scale, offset = line_of(mapped)
    exact = (Fraction(repr(value)) - offset) / scale
    _refuse_beyond(mapped, float(exact * Fraction(repr(mapped.scale)) + Fraction(repr(mapped.offset))))
    return float(exact)
