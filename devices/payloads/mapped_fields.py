"""The options by which a site maps a field of a message to a quantity; models that are all mapping share them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices.model import Decoded, DeviceSpec, Frame, Options, Transport
from devices.options import read_options
from devices.payloads.json_fields import JsonField
from devices.quantities import QUANTITIES, base_key
from devices.units import UNITS, are_convertible

Path = Annotated[tuple[str, ...], Field(min_length=1)]


class OptionsPart(BaseModel):
    """A table of options: nothing unknown, no NaN, paths written with dots or as lists."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("path", mode="before", check_fields=False)
    @classmethod
    def _dotted(cls, value: Any) -> Any:
        return tuple(value.split(".")) if isinstance(value, str) and value else value


Asked = TypeVar("Asked", bound=OptionsPart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped(Generic[Asked]):
    """A model that is all mapping: the site's `options` say what a message holds, `keys` which quantities these are.

    `decode` and `encode` take the options as keyword `options`; `example` are options that show all there is.
    """

    name: str
    vendor: str
    source_url: str
    expected_interval_s: int
    transport: Transport
    options: type[Asked]
    keys: Callable[[Asked], Iterable[str]]
    decode: Callable[..., Decoded]
    encode: Callable[..., Frame]
    example: Options

    def model(self) -> DeviceSpec:
        """Return the model as the example wants it; `configure` makes it as a site does."""
        return self._fitted(self.options.model_validate(self.example))

    def configure(self, options: Options) -> DeviceSpec:
        """Return the model as the site's mapping wants it. Raises PermanentError naming each wrong option."""
        return self._fitted(read_options(self.options, options, of=self.name))

    def _fitted(self, wanted: Asked) -> DeviceSpec:
        return DeviceSpec(
            model=self.name,
            vendor=self.vendor,
            source_url=self.source_url,
            quantities=tuple(dict.fromkeys(map(base_key, self.keys(wanted)))),
            expected_interval_s=self.expected_interval_s,
            transport=self.transport,
            decode=partial(self.decode, options=wanted),
            encode=partial(self.encode, options=wanted),
            configure=self.configure,
            example_options=self.example,
        )


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
