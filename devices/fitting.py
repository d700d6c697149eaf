"""Models and envelopes as a site wants them: the catalogue, the site's own codecs, and the options of each device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import ceil
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from devices.model import DeviceSpec, Options, PermanentError, UplinkSpec
from devices.registry import load_catalog, load_uplinks
from devices.site import Device, Site, Source

Spec = TypeVar("Spec")


def catalog_of(site: Site) -> Mapping[str, DeviceSpec]:
    """Return the catalogue and the codecs of the site's own folder (`[codecs] folder`), by model.

    Raises PermanentError for a codec that cannot be loaded or is named like a model of the catalogue.
    """
    catalog = load_catalog()
    if not site.codecs.folder:
        return catalog
    folder = Path(site.codecs.folder)
    codecs = _codecs(folder, _stamp(folder))
    twice = sorted(set(codecs) & set(catalog))
    if twice:
        raise PermanentError(f"codec {twice[0]!r} has the name of a model of the catalogue")
    return MappingProxyType({**catalog, **codecs})


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when a file in `folder` does."""
    found = ((path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in found)


@lru_cache(maxsize=4)
def _codecs(folder: Path, _stamp: object) -> Mapping[str, DeviceSpec]:
    """Load the codecs once for each state of the folder: each one is tried on its own examples, which takes a while."""
    from devices.codec_catalog import load_codecs  # a box without codecs does not need the engine

    return load_codecs(folder)


def fit_device(spec: DeviceSpec, device: Device) -> DeviceSpec:
    """Return `spec` as the device's `options` and `poll_interval_s` want it.

    Raises PermanentError naming what is wrong.
    """
    fitted = _configured(spec, spec.configure, device.options, what=f"model {spec.model}")
    if device.poll_interval_s is not None:
        if fitted.polling is None:
            raise PermanentError(f"model {spec.model} is not polled, so poll_interval_s says nothing")
        fitted = replace(fitted, polling=replace(fitted.polling, interval_s=device.poll_interval_s))
    return replace(fitted, expected_interval_s=_expected_s(fitted))


def _expected_s(spec: DeviceSpec) -> int:
    """Return after how long a device should have spoken: never sooner than the gateway makes a reading of it."""
    paces_s = [part.interval_s for part in (spec.polling, spec.gathering) if part is not None]
    return max(spec.expected_interval_s, *map(ceil, paces_s), 0)


def fit_devices(site: Site) -> Mapping[str, DeviceSpec]:
    """Return the spec of each device of the site that has a known model, by device id. Raises PermanentError."""
    catalog = catalog_of(site)
    return {device.id: fit_device(catalog[device.model], device) for device in site.device if device.model in catalog}


def fit_uplink(source: Source) -> UplinkSpec:
    """Return the uplink of a source as its `options` want it. Raises PermanentError, also for an unknown one."""
    uplinks = load_uplinks()
    if source.uplink not in uplinks:
        raise PermanentError(f"uplink {source.uplink!r} is unknown")
    spec = uplinks[source.uplink]
    return _configured(spec, spec.configure, source.options, what=f"uplink {spec.name}")


def _configured(spec: Spec, configure: Callable[[Options], Spec] | None, options: Options, *, what: str) -> Spec:
    if configure is not None:
        return configure(options)  # also without options: some cannot do without
    if options:
        raise PermanentError(f"{what} has no options, but {', '.join(sorted(options))} is given")
    return spec
