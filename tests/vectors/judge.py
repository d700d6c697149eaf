"""Says of every vector what it is here, and of those in scope what is not as expected."""

from __future__ import annotations

import importlib
import math
import pkgutil
from collections.abc import Iterator, Mapping
from enum import Enum
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TypeVar

from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.registry import load_catalog
from tests.vectors.maps import Corrected, Family, Rule, rules_of
from tests.vectors.vectors import Instant, Vector

OTHERS = "other makers"
_REL = 1e-6
_Found = TypeVar("_Found")


class Verdict(Enum):
    """What a vector is to us."""

    EXACT = "exact"
    DIFFERS = "differs on purpose"
    EXCLUDED = "excluded"
    OUT_OF_SCOPE = "out of scope"


@cache
def families() -> tuple[Family, ...]:
    """Return the families of all `maps_<vendor>.py`."""
    here = [str(Path(__file__).parent)]
    names = sorted(one.name for one in pkgutil.iter_modules(here) if one.name.startswith("maps_"))
    return tuple(family for name in names for family in importlib.import_module(f"tests.vectors.{name}").FAMILIES)


def family_of(vector: Vector) -> Family | None:
    """Return the family that decodes the vector, else the first of its vendor, else None."""
    mine = [family for family in families() if vector.vendor.lower() in family.vendors]
    return next((family for family in mine if vector.device in family.models), mine[0] if mine else None)


def verdict_of(vector: Vector) -> Verdict:
    """Return what the tables say of the vector; nothing is decoded.

    What the vendor's own decoder does not decode as the source expects is excluded: one of the two is wrong.
    """
    family = family_of(vector)
    if family is None or vector.device not in family.models:
        return Verdict.OUT_OF_SCOPE
    if vector.agrees is False or found(family.excluded, vector) is not None:
        return Verdict.EXCLUDED
    return Verdict.EXACT if found(family.differs, vector) is None else Verdict.DIFFERS


def found(table: Mapping[str, _Found], vector: Vector) -> _Found | None:
    """Return what a table of patterns has for the vector."""
    return next((value for pattern, value in table.items() if fnmatchcase(vector.key, pattern)), None)


def spec_of(vector: Vector, family: Family) -> DeviceSpec:
    """Return the model of the catalogue that decodes the vector."""
    return load_catalog()[family.models[vector.device]]


def frame_of(vector: Vector, family: Family) -> Frame:
    """Return the vector as the frame that a gateway would get."""
    spec = spec_of(vector, family)
    is_known = vector.port is not None and vector.source not in family.untrusted_ports
    return Frame(
        gateway_id="g", transport="lorawan", address="a", payload=vector.payload, received_ns=0,
        port=vector.port if is_known else spec.default_port or 1,
    )  # fmt: skip


def faults(vector: Vector, family: Family) -> list[str]:
    """Return in words what our decoder says otherwise than expected; empty = exact."""
    spec = spec_of(vector, family)
    try:
        decoded = spec.decode(frame_of(vector, family))
    except PermanentError as error:
        return [] if vector.is_error else [f"refused: {error}"]
    if vector.is_error:
        return [f"an error is expected, decoded {dict(decoded.values)}"]
    corrected = found(family.differs, vector) or {}
    pairs = _pairs(vector.instants, decoded)
    if pairs is None:
        return [f"{len(vector.instants)} instants expected, {1 + len(decoded.earlier)} decoded"]
    said: list[str] = []
    for number, (instant, one) in enumerate(pairs):
        said += _instant_faults(vector, instant, one, corrected if number == 0 else {})
        if number and instant.at_ms is not None and one.observed_ns != instant.at_ms * 1_000_000:
            said.append(f"instant {number}: time {one.observed_ns} ns, expected {instant.at_ms} ms")
    return said


def _pairs(instants: tuple[Instant, ...], decoded: Decoded) -> list[tuple[Instant, Decoded]] | None:
    if decoded.is_history and len(instants) == 2 and not instants[0].fields:
        return [(instants[1], decoded)]
    ours = (decoded, *decoded.earlier)
    return list(zip(instants, ours, strict=True)) if len(instants) == len(ours) else None


def _instant_faults(
    vector: Vector, instant: Instant, decoded: Decoded, corrected: Mapping[str, Corrected]
) -> Iterator[str]:
    family = family_of(vector)
    assert family is not None
    named: set[str] = set()
    for name, value in instant.fields.items():
        rules = _rules(vector, family, name)
        if rules is None:
            yield f"field {name!r} = {value!r} is neither mapped nor listed as unmapped"
            continue
        for rule in rules:
            named.add(rule.key)
            if rule.key not in corrected:
                yield from _value_fault(name, value, rule, decoded.values.get(rule.key))
    for key, want in corrected.items():
        if not _is_close(decoded.values.get(key), want.value, 0.0):
            yield f"{key} is {decoded.values.get(key)}, corrected {want.value} ({want.reason})"
    if vector.is_complete:
        extra = set(decoded.values) - named - family.derived - set(corrected)
        if extra:
            yield f"decoded besides what is expected: {sorted(extra)}"


def _rules(vector: Vector, family: Family, name: str) -> tuple[Rule, ...] | None:
    own = family.fields_of.get(family.models[vector.device], {})
    rule = own.get(name) or family.fields.get(name)
    if rule is not None:
        return rules_of(rule)
    return () if any(fnmatchcase(name, pattern) for pattern in family.unmapped) else None


def _value_fault(name: str, value: object, rule: Rule, ours: float | None) -> Iterator[str]:
    middle, slack = value, rule.within
    if isinstance(value, dict):
        middle = value["close_to"]
        slack += abs((rule.convert(middle + value["tolerance"]) or 0.0) - (rule.convert(middle) or 0.0))
    want = rule.convert(middle)
    if want is None:
        if ours is not None:
            yield f"{rule.key} is {ours}, {name} = {value!r} means that it is not said"
    elif not _is_close(ours, want, slack):
        yield f"{rule.key} is {ours}, {name} = {value!r} is {want}"


def _is_close(ours: float | None, want: float, slack: float) -> bool:
    if ours is None or math.isnan(want) or math.isnan(ours):
        return ours is not None and math.isnan(want) and math.isnan(ours)
    return math.isclose(ours, want, rel_tol=_REL, abs_tol=slack + 1e-9)
