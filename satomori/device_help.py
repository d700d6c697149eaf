"""What a person needs to know to use a model: its quantities, its options, and lines for `site.toml` that work."""

from __future__ import annotations

import inspect
import json
import pkgutil
import typing
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pydantic import BaseModel

from devices.model import DeviceSpec, PermanentError, SatomoriError, UplinkSpec
from devices.options import AskedOptions
from devices.quantities import QUANTITIES
from devices.registry import load_uplinks

_UNITS: Mapping[str, str] = {
    "Cel": "°C", "1": "", "[ppm]": "ppm", "dB[mW]": "dBm", "By": "B", "m/s2": "m/s²", "W/m2": "W/m²", "deg": "°",
}  # fmt: skip
_TRANSPORTS: Mapping[str, str] = {
    "serial": "シリアル / serial",
    "lorawan": "LoRaWAN",
    "mqtt": "MQTT",
    "http": "HTTP",
    "enocean": "EnOcean",
}
_USUAL_UPLINKS: Mapping[str, str] = {
    "lorawan": "chirpstack_v4", "enocean": "enocean_esp3", "mqtt": "zigbee2mqtt", "http": "soracom",
}  # fmt: skip
_ADDRESSES: Mapping[str, str] = {
    "lorawan": "0011223344556677",
    "enocean": "01234567",
    "mqtt": "living-room",
    "http": "440101234567890",
}
_DIRECT = "senml"
_NO_TOKEN = "0" * 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an instrument was found; what is empty is filled with an example."""

    port: str = "/dev/serial/by-id/usb-…"
    address: str = ""
    baud: int | None = None
    parity: str = ""


def unit_of(key: str) -> str:
    """Return the unit of a quantity as people write it; the words of an enumeration."""
    meant = QUANTITIES[key]
    return ", ".join(meant.labels) if meant.labels else _UNITS.get(meant.unit, meant.unit)


def title_of(key: str) -> str:
    """Return what a quantity is called, Japanese first."""
    meant = QUANTITIES[key]
    return f"{meant.title_ja} / {meant.title_en}"


def transport_of(spec: DeviceSpec) -> str:
    """Return how the model speaks, in a few words."""
    return _TRANSPORTS[spec.transport] + ("（問い合わせ / polled）" if spec.polling is not None else "")


def interval_text(spec: DeviceSpec) -> str:
    """Return how often a reading is expected."""
    seconds = spec.polling.interval_s if spec.polling is not None else spec.expected_interval_s
    if spec.gathering is not None:
        seconds = spec.gathering.interval_s
    for size, word in ((86_400, "日 / d"), (3_600, "時間 / h"), (60, "分 / min")):
        if seconds >= size:
            return f"{seconds / size:g} {word}"
    return f"{seconds:g} 秒 / s"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionRow:
    """One option of a model as `site.toml` writes it; `default` is empty when it must be given."""

    key: str
    kind: str
    default: str


def options_of(spec: DeviceSpec) -> tuple[list[OptionRow], list[str]]:
    """Return the options of a model, and what their author says about them; nothing for a model without."""
    if spec.configure is None:
        return [], []
    asked = AskedOptions()
    with suppress(SatomoriError):  # one that cannot do without options says so, after it was asked which
        spec.configure(asked)
    rows = [row for wanted in asked.wanted for row in _rows(wanted)]
    return rows, list(dict.fromkeys(about for wanted in asked.wanted for about in _abouts(wanted)))


def _abouts(wanted: type[BaseModel]) -> list[str]:
    """Return what is said about options, and about the tables inside them."""
    inside = [part for field in wanted.model_fields.values() for part in _tables_in(field.annotation)]
    return [inspect.cleandoc(wanted.__doc__ or ""), *(about for part in inside for about in _abouts(part))]


def _tables_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in typing.get_args(annotation) for found in _tables_in(part)]


def _rows(wanted: type[BaseModel]) -> list[OptionRow]:
    rows = []
    for name, field in wanted.model_fields.items():
        default = "" if field.is_required() else toml_value(field.get_default(call_default_factory=True))
        rows.append(OptionRow(key=field.alias or name, kind=_kind(field.annotation), default=default))
    return rows


def _kind(annotation: Any) -> str:
    if typing.get_origin(annotation) is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) is typing.Literal:
        return " | ".join(toml_value(value) for value in typing.get_args(annotation))
    parts = [_kind(part) for part in typing.get_args(annotation) if part not in (type(None), ...)]
    if parts and isinstance(typing.get_origin(annotation), type) and issubclass(typing.get_origin(annotation), tuple):
        return f"[{parts[0]}, …]"
    if parts:
        return " | ".join(parts)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "{ " + ", ".join(field.alias or name for name, field in annotation.model_fields.items()) + " }"
    return getattr(annotation, "__name__", str(annotation))


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it in one line. None, which TOML lacks, is `-`."""
    if value is None:
        return "-"
    if isinstance(value, BaseModel):
        value = value.model_dump(exclude_none=True)
    if isinstance(value, Mapping):
        inside = ", ".join(f"{_key(key)} = {toml_value(each)}" for key, each in value.items() if each is not None)
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _key(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else json.dumps(key, ensure_ascii=False)


def notes_of(spec: DeviceSpec) -> str:
    """Return what the model's file in the catalogue says at its head: the wire, sentinels, wiring; "" for a codec."""
    package = import_module("devices.catalog")
    for found in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        if spec in (getattr(module, "DEVICES", None) or (getattr(module, "DEVICE", None),)):
            return inspect.cleandoc(module.__doc__ or "")
    return ""


def uplink_of(spec: DeviceSpec) -> UplinkSpec | None:
    """Return the network by which a model usually comes; None for one on a line of its own or on seam 2."""
    if spec.transport == "serial" or spec.model == _DIRECT:
        return None
    uplinks = load_uplinks()
    carrying = {name: uplink for name, uplink in uplinks.items() if uplink.carries == spec.transport}
    family = spec.model.split("_")[0]
    for name in (family, f"{family}_webhook", "plain_json" if family == "json" else _USUAL_UPLINKS[spec.transport]):
        if name in carrying:
            return carrying[name]
    return next(iter(carrying.values()), None)


def site_lines(spec: DeviceSpec, place: Place | None = None) -> str:
    """Return the lines of `site.toml` for one such device: they load as they are, below a station `station-01`."""
    place = place or Place()
    lines = [*_source_lines(spec, place), "", "[[device]]", 'id = "device-01"', 'name = "名前"']
    lines += [f'model = "{spec.model}"', 'station = "station-01"  # [[station]] の id']
    if spec.transport in _ADDRESSES and spec.model != _DIRECT:
        lines.append(f'address = "{_ADDRESSES[spec.transport]}"  # 機器の番地 / the address of this very device')
    if spec.polling is not None and (place.address or spec.polling.addresses[0]):
        lines.append(f"bus_address = {toml_value(place.address or spec.polling.addresses[0])}")
        lines.append(f"poll_interval_s = {spec.polling.interval_s:g}")
    if "distance" in spec.quantities:
        lines.append("mount_height_m = 3.0  # 地面からの高さ。積雪深に必要 / height above ground, for the snow depth")
        if not spec.distance_compensated:
            lines.append('# temperature_from = "…"  # 気温を測る機器の id / who measures the air temperature for it')
    if spec.example_options:
        lines.append(f"options = {toml_value(spec.example_options)}")
    return "\n".join(lines) + "\n"


def _source_lines(spec: DeviceSpec, place: Place) -> list[str]:
    uplink = uplink_of(spec)
    if spec.transport == "serial":
        return [*_serial_lines(place), 'device = "device-01"']
    if uplink is None:
        return ["# 受信の設定は要らない（機器が直接送る） / no source: it publishes to the hub's broker by itself"]
    return stick_lines(uplink, place) if uplink.serial is not None else _network_lines(uplink)


def stick_lines(uplink: UplinkSpec, place: Place) -> list[str]:
    """Return the source of a radio stick."""
    return [*_serial_lines(place), f'uplink = "{uplink.name}"', *_uplink_options(uplink)]


def _serial_lines(place: Place) -> list[str]:
    lines = ["[[gateway.source]]  # [[gateway]] の下へ / below its [[gateway]]", 'kind = "serial"']
    lines.append(f"port = {toml_value(place.port)}")
    if place.baud is not None:
        lines.append(f"baud = {place.baud}")
    if place.parity:
        lines.append(f'parity = "{place.parity}"')
    return lines


def _network_lines(uplink: UplinkSpec) -> list[str]:
    lines = ["[[gateway.source]]  # [[gateway]] の下へ / below its [[gateway]]"]
    if uplink.topics:
        lines += ['kind = "mqtt"', 'host = "127.0.0.1"', "port_number = 1883", f'uplink = "{uplink.name}"']
        return [*lines, *_uplink_options(uplink)]
    if not uplink.is_pushed:
        raise PermanentError(f"uplink {uplink.name!r} comes neither by MQTT nor by HTTP nor on a line")
    lines += ['kind = "http"', 'host = "127.0.0.1"', "port_number = 8081", f'uplink = "{uplink.name}"']
    lines += [*_uplink_options(uplink), "[[gateway.source.token]]", 'name = "送信元"']
    return [*lines, f'sha256 = "{_NO_TOKEN}"  # satomori devices token で作る / made by satomori devices token']


def _uplink_options(uplink: UplinkSpec) -> list[str]:
    return [f"options = {toml_value(uplink.example_options)}"] if uplink.example_options else []
