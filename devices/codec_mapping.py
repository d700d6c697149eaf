"""What a codec's output means: the mapping file (TOML) that stands beside a JavaScript codec.

    model = "acme_door_js"            # name in site.toml; lower case, digits, underscores
    vendor = "Acme"
    source_url = "https://…"          # where the codec comes from
    sha256 = "…"                      # of the codec file; another file is refused until somebody has looked at it
    expected_interval_s = 3600
    min_length = 4                    # shorter payloads are errors (many codecs decode a cut payload to nonsense)
    ports = [85]                      # FPorts; empty = all of 1 to 223
    override = false                  # true: load it although its own examples fail

    [fields."sensor.temperature"]     # path in the codec's data; list members by number: "probes.0.t"
    quantity = "air_temperature"      # key of devices.quantities, with a channel where there are several
    unit = "Cel"                      # SenML symbol of what the codec gives, after factor and offset
    factor = 0.1                      # number x factor + offset
    offset = 0.0
    range = [-40, 85]                 # before factor and offset; outside: no trustworthy value
    sentinels = [3276.7, "No Sensor"] # what stands for "no value"
    words = { ON = 1, OFF = 0 }       # texts and what they stand for: the final number, or a label of an enumeration
    suffix = " mm"                    # a text is a number with exactly this behind it
    only_if = { position = "normal" } # other paths that must have these values, otherwise no trustworthy value

A text is a number only by `words` or `suffix`; nothing is guessed. true and false are 1 and 0. A field without a
mapping is not published.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from devices.codec_js import Odd
from devices.lorawan import MOST_PORT
from devices.model import PermanentError
from devices.options import read_options
from devices.quantities import QUANTITIES, label_value
from devices.units import are_convertible, convert

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_MOST_MAPPING_BYTES = 262_144
_SAME = 1e-9
_MOST_INTEGER = 10**300
Plain = bool | int | float | str


class FieldRule(BaseModel):
    """How one field of the codec's data becomes a value of a quantity; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantity: str
    unit: str = ""
    factor: float = 1.0
    offset: float = 0.0
    range: tuple[float, float] | None = None
    sentinels: tuple[Plain, ...] = ()
    words: dict[str, float | str] = Field(default_factory=dict)
    suffix: str = ""
    only_if: dict[str, Plain] = Field(default_factory=dict)

    @field_validator("quantity")
    @classmethod
    def _is_known(cls, key: str) -> str:
        if key not in QUANTITIES:
            raise ValueError(f"quantity {key!r} is not in the table of observed properties")
        return key

    @model_validator(mode="after")
    def _fits(self) -> FieldRule:
        wanted = QUANTITIES[self.quantity]
        if (
            self.unit
            and self.unit != wanted.senml_unit
            and not are_convertible(unit=self.unit, wanted=wanted.senml_unit)
        ):
            raise ValueError(f"unit {self.unit!r} cannot be turned into {wanted.senml_unit!r} of {self.quantity}")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError(f"range {self.range} begins above its end")
        unknown = [word for word in self.words.values() if isinstance(word, str) and word not in wanted.labels]
        if unknown:
            raise ValueError(f"{unknown[0]!r} is no label of {self.quantity}")
        return self

    def value(self, given: Any) -> float:
        """Return what the codec gave as a value in the quantity's unit; NaN: no trustworthy value."""
        if (
            _is_beyond_floats(given)
            or isinstance(given, Odd | dict | list)
            or any(_is_same(given, sentinel) for sentinel in self.sentinels)
        ):
            return math.nan
        if isinstance(given, str):
            if given in self.words:
                word = self.words[given]
                return label_value(self.quantity, word) if isinstance(word, str) else word
            given = self._number_in(given)
        return self._converted(float(given))

    def _number_in(self, text: str) -> float:
        number = text.removesuffix(self.suffix)
        if not self.suffix or number == text or _NUMBER.fullmatch(number) is None:
            return math.nan
        return float(number)

    def _converted(self, number: float) -> float:
        if not math.isfinite(number) or (self.range is not None and not self.range[0] <= number <= self.range[1]):
            return math.nan
        number = number * self.factor + self.offset
        wanted = QUANTITIES[self.quantity].senml_unit
        found = convert(number, unit=self.unit or wanted, wanted=wanted) if math.isfinite(number) else math.nan
        return found if math.isfinite(found) else math.nan


class CodecMapping(BaseModel):
    """A mapping file; see the module."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Annotated[str, Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)+$", max_length=64)]
    vendor: Annotated[str, Field(min_length=1)]
    source_url: Annotated[str, Field(pattern="^https?://")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    expected_interval_s: Annotated[int, Field(ge=1)]
    min_length: Annotated[int, Field(ge=1, le=255)] = 1
    ports: tuple[Annotated[int, Field(ge=1, le=MOST_PORT)], ...] = ()
    variables: dict[str, str] = Field(default_factory=dict)
    override: bool = False
    fields: Annotated[dict[str, FieldRule], Field(min_length=1)]

    @model_validator(mode="after")
    def _no_quantity_twice(self) -> CodecMapping:
        keys = [rule.quantity for rule in self.fields.values()]
        twice = sorted({key for key in keys if keys.count(key) > 1})
        if twice:
            raise ValueError(f"{twice[0]} has two fields; a second sensor is {twice[0]}.2")
        return self

    def values(self, data: Mapping[str, Any]) -> dict[str, float]:
        """Return the values in `data` by quantity. A field that is not there, or null, is absent."""
        leaves = dict(flatten(data))
        nodes = dict(_nodes(data))
        found: dict[str, float] = {}
        for path, rule in self.fields.items():
            given = leaves.get(path, nodes.get(path))
            if given is None:
                continue
            is_meant = all(_is_same(leaves.get(other), wanted) for other, wanted in rule.only_if.items())
            found[rule.quantity] = rule.value(given) if is_meant else math.nan
        return found

    def unmapped(self, data: Mapping[str, Any]) -> list[str]:
        """Return the paths in `data` that no field maps, nor asks for in `only_if`."""
        used = set(self.fields) | {other for rule in self.fields.values() for other in rule.only_if}
        return sorted(path for path, _ in flatten(data) if path not in used)


def read_mapping(path: Path) -> CodecMapping:
    """Return the mapping in the TOML file `path`. Raises PermanentError naming the file and everything wrong in it."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PermanentError(f"mapping {path} cannot be read: {error.strerror}") from error
    return parse_mapping(raw, path=path)


def parse_mapping(raw: bytes, *, path: Path) -> CodecMapping:
    """Return the mapping that the file `path` contains as `raw`. Raises as `read_mapping`."""
    if len(raw) > _MOST_MAPPING_BYTES:
        raise PermanentError(f"mapping {path} has {len(raw)} bytes, the limit is {_MOST_MAPPING_BYTES}")
    try:
        table = tomllib.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise PermanentError(f"mapping {path} is no TOML: {str(error)[:100]}") from None
    return read_options(CodecMapping, table, of=f"mapping {path}")


def flatten(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of all that is no object and no list in `data`, in order; empty ones count as values."""
    for at, value in _nodes(data, path):
        if not isinstance(value, dict | list) or not value:
            yield at, value


def _nodes(data: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    members = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in members:
        at = f"{path}.{name}" if path else str(name)
        yield at, value
        yield from _nodes(value, at)


def _is_beyond_floats(given: Any) -> bool:
    return isinstance(given, int) and abs(given) > _MOST_INTEGER


def _is_same(given: Any, wanted: Plain) -> bool:
    if isinstance(given, bool) or isinstance(wanted, bool):
        return given is wanted  # in Python True == 1; a codec that says true does not say 1
    if isinstance(given, int | float) and isinstance(wanted, int | float) and not _is_beyond_floats(given):
        return math.isclose(given, wanted, rel_tol=_SAME)  # 32767 / 100 in the codec, 327.67 in the mapping
    return bool(given == wanted)
