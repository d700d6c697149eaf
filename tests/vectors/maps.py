"""How the sources of test vectors name things: one `Family` for every payload family that Satomori decodes itself.

`tests/vectors/maps_<vendor>.py` exports `FAMILIES: tuple[Family, ...]`. Every field that a source expects of a model
in `models` is either in `fields` (or `fields_of` the model) or in `unmapped` with the reason; nothing is left out in
silence. A vector whose expected output is wrong stands in `excluded` with the reason; one that is right in all but
some quantities stands in `differs`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Convert = Callable[[Any], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One field of a source: the quantity it is here and its value in that quantity's unit.

    `convert` gives None when this value of the field means that we say nothing, NaN when we say that it is bad.
    `within` is how coarsely the source rounds, in the quantity's unit.
    """

    key: str
    convert: Convert
    within: float = 0.0


def same(key: str, *, within: float = 0.0) -> Rule:
    """The source's unit is ours."""
    return Rule(key=key, convert=float, within=within)


def times(key: str, factor: float, *, within: float = 0.0) -> Rule:
    """The source's number times `factor` is in our unit."""
    return Rule(key=key, convert=lambda value: float(value) * factor, within=within)


def words(key: str, meaning: Mapping[Any, float | None]) -> Rule:
    """The source uses words (or booleans); another word fails the test."""
    return Rule(key=key, convert=lambda value: meaning[value])


Fields = Mapping[str, Rule | tuple[Rule, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """We say `value` where the source says something else, because of `reason`."""

    value: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A row of the table of counts.

    `vendors`: names of the sources, lower case; all vectors of these vendors belong to this row (of two families of
    one vendor, the first that has the model). `models`: source's vendor and model, lower case -> our model.
    `fields`: source's field -> rule(s); nested fields are joined by dots, list items by number. `fields_of` overrides
    it for one of our models. `unmapped`: pattern of fields (fnmatch) -> why they are no quantity here. `excluded` and
    `differs`: pattern of vectors (fnmatch on `source:id`, such as `ttn:dragino/lds02/uplink/1`). `derived`: quantities
    we give besides those that the source names. `untrusted_ports`: sources whose port was never the device's; the
    model's own is used.
    """

    name: str
    vendors: tuple[str, ...]
    models: Mapping[tuple[str, str], str]
    fields: Fields
    fields_of: Mapping[str, Fields] = field(default_factory=dict)
    unmapped: Mapping[str, str] = field(default_factory=dict)
    excluded: Mapping[str, str] = field(default_factory=dict)
    differs: Mapping[str, Mapping[str, Corrected]] = field(default_factory=dict)
    derived: frozenset[str] = frozenset()
    untrusted_ports: frozenset[str] = frozenset()


def rules_of(rule: Rule | tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules of a field as a tuple."""
    return rule if isinstance(rule, tuple) else (rule,)
