"""The options by which a site maps a field of a message to a quantity; models that are all mapping share them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices.payloads.json_fields import JsonField
from devices.quantities import QUANTITIES
from devices.units import UNITS, are_convertible

Path = Annotated[tuple[str, ...], Field(min_length=1)]


class OptionsPart(BaseModel):
    """A table of options: nothing unknown, no NaN, paths written with dots or as lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("path", mode="before", check_fields=False)
    @classmethod
    def _dotted(cls, value: Any) -> Any:
        return tuple(value.split(".")) if isinstance(value, str) and value else value


class MappedField(OptionsPart):
    """`[[device.options.field]]`; what each means stands in the model `json_mapped`."""

    path: Path
    quantity: str
    unit: str = ""
    factor: float = 1.0
    offset: float = 0.0
    words: dict[str, float] = {}
    unknown: tuple[float | str, ...] = ()
    bad: tuple[float | str, ...] = ()
    topic: str | None = None
    in_keep_alive: bool = False

    @model_validator(mode="after")
    def _can_be_read(self) -> MappedField:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"quantity {self.quantity!r} is not in the table of observed properties")
        wanted = QUANTITIES[self.quantity].senml_unit
        if self.unit and self.unit != wanted and not are_convertible(unit=self.unit, wanted=wanted):
            raise ValueError(f"unit {self.unit!r} cannot be turned into {wanted!r}")
        if self.factor == 0.0:
            raise ValueError("factor 0 makes every value the same")
        return self

    def row(self) -> JsonField:
        """Return the field as the reader of JSON wants it, its unit worked into factor and offset."""
        wanted = QUANTITIES[self.quantity].senml_unit
        factor, offset = self.factor, self.offset
        if self.unit and self.unit != wanted:
            source, target = UNITS[self.unit], UNITS[wanted]
            scale = source.scale / target.scale
            offset = offset * float(scale) + float((source.offset - target.offset) / target.scale)
            factor = factor * float(scale)
        return JsonField(
            path=self.path, quantity=self.quantity, factor=factor, offset=offset, words=self.words,
            unknown=self.unknown, bad=self.bad,
        )  # fmt: skip
