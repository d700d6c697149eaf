"""Every file of the catalogue, every uplink and every line, without an edit for a new one.

`file_<name>`: the models of a catalogue file; the first byte of an input chooses the model, the second the port.
`uplink_<name>`: an envelope; the topic stands before the first line feed of an input. `split_<model>`: how a serial
line is cut. What needs better seeds or a repaired checksum has a target of its own in another file.
"""

from __future__ import annotations

import math
import pkgutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib import import_module

import devices.catalog
from devices.model import Decoded, DeviceSpec, Envelope, Frame, PermanentError, SerialLine, UplinkMessage, UplinkSpec
from devices.quantities import base_key, quantity
from devices.registry import load_catalog, load_uplinks
from tests.devices.frames import RECEIVED_NS

_OTHER_PORTS = (1, 2, 5, 6, 10, 85)
_OWN_PORT_BELOW = 0xE0
_MOST_SEEDS = 12


def _models_of(file: str) -> Sequence[DeviceSpec]:
    module = import_module(f"devices.catalog.{file}")
    specs: Sequence[DeviceSpec] = getattr(module, "DEVICES", None) or (module.DEVICE,)
    return tuple(_fitted(spec) for spec in specs)


def _fitted(spec: DeviceSpec) -> DeviceSpec:
    if spec.configure is not None:
        with suppress(PermanentError):  # a model that needs options and shows none is fuzzed as it stands
            return spec.configure(spec.example_options)
    return spec


def _model_target(specs: Sequence[DeviceSpec]) -> Callable[[bytes], object]:
    def call(payload: bytes) -> object:
        spec = specs[payload[0] % len(specs)] if payload else specs[0]
        is_own = payload[1:2] < bytes((_OWN_PORT_BELOW,))
        port = spec.default_port if is_own else _OTHER_PORTS[payload[1] % len(_OTHER_PORTS)]
        frame = Frame(
            gateway_id="gw", transport=spec.transport, address="a", payload=payload[2:], received_ns=RECEIVED_NS,
            port=port,
        )  # fmt: skip
        decoded = spec.decode(frame)
        for one in (decoded, *decoded.earlier):
            _check(one, spec)
        return decoded

    return call


def _check(decoded: Decoded, spec: DeviceSpec) -> None:
    """Raise AssertionError for what a decoder must not say whatever it was given."""
    for key, value in decoded.values.items():
        if base_key(key) not in spec.quantities:
            raise AssertionError(f"{spec.model} does not announce {key}")
        if math.isinf(value):
            raise AssertionError(f"{spec.model} {key} is {value!r}")
    if not 0 <= decoded.age_s < math.inf:
        raise AssertionError(f"{spec.model} age_s {decoded.age_s}")


def _uplink_target(uplink: UplinkSpec) -> Callable[[bytes], object]:
    def call(payload: bytes) -> object:
        topic, _, body = payload.partition(b"\n")
        text = topic.decode("utf-8", "replace")
        message = UplinkMessage(gateway_id="gw", topic=text, payload=body, received_ns=RECEIVED_NS)
        return uplink.unwrap(message)

    return call


def _split_target(line: SerialLine) -> Callable[[bytes], object]:
    def call(payload: bytes) -> object:
        frames, rest = line.split(payload)
        if sum(map(len, frames)) + len(rest) > len(payload):
            raise AssertionError("splitting made bytes that were not there")
        return frames

    return call


def _said(spec: DeviceSpec) -> list[Frame]:
    """Return what the model sends for all of its quantities, and for each alone, where it can."""
    frames = []
    for keys in (spec.quantities, *((key,) for key in spec.quantities)):
        values = {key: min(max(1.0, quantity(key).lo), quantity(key).hi) for key in keys}
        with suppress(Exception):  # what cannot be sent is no seed; that it can be is tested with the catalogue
            frames.append(spec.encode(Decoded(values=values, observed_ns=RECEIVED_NS)))
    return frames[:_MOST_SEEDS]


def _wrapped(uplink: UplinkSpec) -> list[bytes]:
    carried = [spec for spec in load_catalog().values() if spec.transport == uplink.carries]
    seeds = []
    for spec in carried:
        for frame in _said(spec)[:1]:
            with suppress(Exception):
                full = replace(frame, gateway_id="gw", address="70b3d57050000102", received_ns=RECEIVED_NS)
                topic, payload = uplink.wrap(Envelope(frame=full, seq=7))
                seeds.append(topic.encode() + b"\n" + payload)
    return seeds[:_MOST_SEEDS]


TARGETS: dict[str, Callable[[bytes], object]] = {}
SEEDS: dict[str, list[bytes]] = {}


def _add_models() -> None:
    for info in pkgutil.iter_modules(devices.catalog.__path__):
        specs = _models_of(info.name)
        TARGETS[f"file_{info.name}"] = _model_target(specs)
        SEEDS[f"file_{info.name}"] = [
            bytes((at, 0)) + frame.payload for at, spec in enumerate(specs) for frame in _said(spec)
        ]


def _add_uplinks() -> None:
    for name, uplink in load_uplinks().items():
        fitted = uplink
        if uplink.configure is not None:
            with suppress(PermanentError):
                fitted = uplink.configure(uplink.example_options)
        TARGETS[f"uplink_{name}"] = _uplink_target(fitted)
        SEEDS[f"uplink_{name}"] = _wrapped(fitted)


def _add_lines() -> None:
    lines = [(name, spec.serial, [frame.payload for frame in _said(spec)]) for name, spec in load_catalog().items()]
    lines += [(name, uplink.serial, []) for name, uplink in load_uplinks().items()]
    seen = set()
    for name, line, frames in lines:
        if line is not None and line.split not in seen:
            seen.add(line.split)
            TARGETS[f"split_{name}"] = _split_target(line)
            SEEDS[f"split_{name}"] = [*frames, b"R1234\rR12", b"\x55\x00\x07\x07\x01\x7a"]


_add_models()
_add_uplinks()
_add_lines()
