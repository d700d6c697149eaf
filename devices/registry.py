"""Finds plugin files by name and rejects duplicates: a new device, rule or channel is one file, no other edit."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TypeVar

from devices.model import DeviceSpec, PermanentError, UplinkSpec

Spec = TypeVar("Spec")


def load_plugins(
    package: str, *, constant: str, spec_type: type[Spec], name_of: Callable[[Spec], str]
) -> Mapping[str, Spec]:
    """Import every module of `package` and return its `constant`s by name.

    A module may define a tuple of them in the plural (`DEVICES`) instead: a family whose members differ by a table.
    Raises PermanentError when a module lacks the constant, has another type there, or repeats a name.
    """
    found: dict[str, Spec] = {}
    origin: dict[str, str] = {}
    folder = importlib.import_module(package)
    for module_info in sorted(pkgutil.iter_modules(folder.__path__), key=lambda m: m.name):
        path = f"{package}.{module_info.name}"
        for spec in _specs_of(path, constant, spec_type):
            name = name_of(spec)
            if name in found:
                raise PermanentError(f"{path} repeats the name {name!r} of {origin[name]}")
            found[name] = spec
            origin[name] = path
    return MappingProxyType(found)


def _specs_of(path: str, constant: str, spec_type: type[Spec]) -> tuple[Spec, ...]:
    module = importlib.import_module(path)
    specs = getattr(module, f"{constant}S", None) or (getattr(module, constant, None),)
    if not isinstance(specs, tuple) or not all(isinstance(spec, spec_type) for spec in specs):
        raise PermanentError(f"{path} must define {constant} = {spec_type.__name__}(...)")
    return specs


@cache
def load_catalog() -> Mapping[str, DeviceSpec]:
    """Return all device models by model name: `DEVICE` of each file, or `DEVICES` of one that is a whole family."""
    return load_plugins("devices.catalog", constant="DEVICE", spec_type=DeviceSpec, name_of=lambda spec: spec.model)


@cache
def load_uplinks() -> Mapping[str, UplinkSpec]:
    """Return all network envelopes by name."""
    return load_plugins("devices.uplinks", constant="UPLINK", spec_type=UplinkSpec, name_of=lambda spec: spec.name)
