"""What every device model of the catalogue keeps to; a new file is tested here without an edit."""

from __future__ import annotations

import importlib
import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import devices.catalog
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import QUANTITIES, base_key
from devices.registry import load_catalog, load_uplinks
from devices.site_file import parse_site

CATALOG = load_catalog()
DIRECT = "senml"
ADDRESSES = {"enocean": "0181b744"}
EXAMPLES = 40  # of each model; the fuzz runner does a million
ON_A_WIRE = sorted(set(CATALOG) - {DIRECT})


def families() -> dict[str, tuple[DeviceSpec, ...]]:
    """The models of each file of the catalogue."""
    found = {}
    for path in sorted(Path(devices.catalog.__path__[0]).glob("[a-z]*.py")):
        module = importlib.import_module(f"devices.catalog.{path.stem}")
        found[path.stem] = getattr(module, "DEVICES", None) or (module.DEVICE,)
    return found


FAMILIES = families()


@pytest.mark.parametrize("file", FAMILIES)
def test_a_file_is_named_like_its_model_or_like_its_family(file: str) -> None:
    models = [spec.model for spec in FAMILIES[file]]
    assert file in models or all(model.startswith(f"{file.split('_')[0]}_") for model in models)


@pytest.mark.parametrize("file", FAMILIES)
def test_the_docstring_has_the_source_and_a_table_of_the_payload(file: str) -> None:
    doc = importlib.import_module(f"devices.catalog.{file}").__doc__ or ""
    for spec in FAMILIES[file]:
        assert spec.source_url.startswith("https://")
    assert any(spec.source_url in doc for spec in FAMILIES[file])
    rows = re.findall(r"^    \S.*$", doc, re.MULTILINE)
    assert len(rows) >= 4, "the layout of the payload as a table"


@pytest.mark.parametrize("model", CATALOG)
def test_what_it_gives_is_in_the_table_of_quantities(model: str) -> None:
    quantities = CATALOG[model].quantities
    assert quantities
    assert set(quantities) <= set(QUANTITIES)
    assert len(set(quantities)) == len(quantities)


@pytest.mark.parametrize("model", CATALOG)
def test_silence_is_noticed_within_a_day(model: str) -> None:
    assert 0 < CATALOG[model].expected_interval_s <= 86_400


@pytest.mark.parametrize("model", CATALOG)
def test_a_serial_model_and_no_other_has_a_line(model: str) -> None:
    spec = CATALOG[model]
    assert (spec.serial is not None) == (spec.transport == "serial")


@pytest.mark.parametrize("model", ON_A_WIRE)
def test_its_transport_reaches_a_gateway(model: str) -> None:
    spec = CATALOG[model]
    carried = {uplink.carries for uplink in load_uplinks().values()}
    pushed = {"http"} if any(uplink.is_pushed for uplink in load_uplinks().values()) else set()
    assert spec.transport in carried | pushed | {"serial"}


def inline(value: object) -> str:
    """Return a value as TOML on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("model", CATALOG)
def test_a_site_may_name_it(model: str) -> None:
    address = ADDRESSES.get(CATALOG[model].transport, "70b3d57050000001")
    site = parse_site(
        'version = 1\n[town]\nid = "t"\nname = "T"\n[[station]]\nid = "s"\nname = "S"\ndomain = "snow"\n'
        f'[[device]]\nid = "d"\nname = "D"\nmodel = "{model}"\nstation = "s"\naddress = "{address}"\n'
        f"options = {inline(CATALOG[model].example_options)}\n"
    )
    assert site.device[0].model == model


def step(spec: DeviceSpec, key: str) -> float:
    """The smallest difference that the wire can tell; floats of a wire have seven digits at best."""
    return max(spec.resolutions.get(key, 0.0), QUANTITIES[key].resolution)


def lone_values(spec: DeviceSpec) -> st.SearchStrategy[dict[str, float]]:
    """One or more of the model's quantities, each within its physical limits, or what the device calls bad."""

    def value(key: str) -> st.SearchStrategy[float]:
        quantity = QUANTITIES[key]
        if quantity.kind in ("state", "event"):
            return st.sampled_from([quantity.lo, quantity.hi])
        middle = st.floats(max(quantity.lo, -40.0), min(quantity.hi, 60.0))
        return middle | st.floats(quantity.lo, quantity.hi) | st.just(math.nan)

    optional = {key: value(key) for key in spec.quantities}
    return st.fixed_dictionaries({}, optional=optional).map(_without_lone_samples).filter(bool)


def _without_lone_samples(values: dict[str, float]) -> dict[str, float]:
    """Samples are counted of a distance; without one there is nothing to count."""
    if math.isnan(values.get("distance", math.nan)):
        values.pop("valid_samples", None)
    return values


@pytest.mark.parametrize("model", ON_A_WIRE)
@settings(max_examples=EXAMPLES)
@given(data=st.data())
def test_what_is_encoded_is_decoded_again_or_refused(model: str, data: st.DataObject) -> None:
    spec = CATALOG[model]
    values = data.draw(lone_values(spec))
    try:
        frame = spec.encode(Decoded(values=values))
    except PermanentError:
        return
    assert frame.transport == spec.transport
    try:
        decoded = spec.decode(frame)
    except PermanentError:
        assert all(math.isnan(value) for value in values.values()), "only then there is nothing to say"
        return
    given_values = {key: value for key, value in values.items() if not math.isnan(value)}
    assert set(given_values) <= set(decoded.values), "a value the device can say must arrive, if only as NaN"
    for key, value in given_values.items():
        arrived = decoded.values[key]
        assert math.isnan(arrived) or math.isclose(arrived, value, abs_tol=step(spec, key) / 2 + 1e-9)


@pytest.mark.parametrize(
    ("model", "key", "values"),
    [
        ("maxbotix_mb7374", "distance", [0.501, 1.234, 4.999]),
        ("decentlab_dl_mbx", "distance", [0.0, 1.234, 9.999, 65.535]),
        ("decentlab_dl_mbx", "battery_voltage", [0.0, 2.993, 3.6]),
        ("milesight_em300_mcs", "air_temperature", [-40.0, -0.1, 0.0, 0.1, 30.8]),
        ("milesight_em300_mcs", "relative_humidity", [0.0, 50.5, 100.0]),
        ("milesight_em300_mcs", "contact_open", [0.0, 1.0]),
        ("aqara_mccgq11lm", "device_temperature", [-25.0, 0.0, 31.0]),
        ("aqara_mccgq11lm", "contact_open", [0.0, 1.0]),
        ("aqara_mccgq11lm", "battery_voltage", [2.995]),
        ("aqara_rtcgq11lm", "occupancy", [0.0, 1.0]),
        ("aqara_rtcgq11lm", "illuminance", [0.0, 83.0]),
        ("aqara_rtcgq11lm", "link_quality", [0.0, 100 / 255, 1.0]),
    ],
)
def test_values_on_the_grid_of_the_wire_arrive_exactly(model: str, key: str, values: list[float]) -> None:
    spec = CATALOG[model]
    arrived = [spec.decode(spec.encode(Decoded(values={key: value}))).values[key] for value in values]
    assert arrived == values


@pytest.mark.parametrize("model", ON_A_WIRE)
@settings(max_examples=EXAMPLES)
@given(payload=st.binary(max_size=64), port=st.none() | st.integers(0, 255))
def test_any_bytes_are_decoded_or_refused(model: str, payload: bytes, port: int | None) -> None:
    spec = CATALOG[model]
    frame = Frame(gateway_id="g", transport=spec.transport, address="a", payload=payload, received_ns=0, port=port)
    decoded = Decoded(values={})
    with suppress(PermanentError):
        decoded = spec.decode(frame)
    assert {base_key(key) for key in decoded.values} <= set(spec.quantities)
    assert {type(value) for value in decoded.values.values()} <= {float}
    assert not any(math.isinf(value) for value in decoded.values.values())


@pytest.mark.parametrize("model", ON_A_WIRE)
@pytest.mark.parametrize("payload", [b"", b"\x00", b"\xff" * 64, b"\x00" * 64])
def test_empty_zero_and_floating_bytes_say_nothing(model: str, payload: bytes) -> None:
    spec = CATALOG[model]
    frame = Frame(
        gateway_id="g", transport=spec.transport, address="a", payload=payload, received_ns=0, port=spec.default_port
    )
    decoded = Decoded(values={})
    with suppress(PermanentError):
        decoded = spec.decode(frame)
    assert decoded.values == {}


def something_said(spec: DeviceSpec) -> Frame:
    """Return a frame that the model understands: one value alone, where it can say that, else all of them."""
    for values in [*({key: 1.0} for key in spec.quantities), dict.fromkeys(spec.quantities, 1.0)]:
        with suppress(PermanentError):
            frame = spec.encode(Decoded(values=values))
            spec.decode(frame)
            return frame
    raise AssertionError(f"{spec.model} can say nothing")


@pytest.mark.parametrize("model", [name for name in ON_A_WIRE if CATALOG[name].transport == "lorawan"])
@pytest.mark.parametrize("port", [None, 0, 224, 255])
def test_ports_that_are_no_applications_are_refused(model: str, port: int | None) -> None:
    spec = CATALOG[model]
    good = something_said(spec)
    frame = Frame(gateway_id="g", transport="lorawan", address="a", payload=good.payload, received_ns=0, port=port)
    with pytest.raises(PermanentError, match="FPort"):
        spec.decode(frame)


@pytest.mark.parametrize("model", [name for name in ON_A_WIRE if CATALOG[name].transport == "lorawan"])
def test_a_keep_alive_without_payload_is_refused(model: str) -> None:
    spec = CATALOG[model]
    frame = Frame(
        gateway_id="g", transport="lorawan", address="a", payload=b"", received_ns=0, port=spec.default_port
    )  # fmt: skip
    with pytest.raises(PermanentError, match="payload is empty"):
        spec.decode(frame)


SERIAL = [name for name in ON_A_WIRE if CATALOG[name].transport == "serial"]


@pytest.mark.parametrize("model", SERIAL)
@given(data=st.binary(max_size=300), cuts=st.lists(st.integers(0, 300), max_size=5))
def test_however_a_line_is_read_the_frames_are_the_same(model: str, data: bytes, cuts: list[int]) -> None:
    line = CATALOG[model].serial
    assert line is not None
    whole, whole_rest = line.split(data)
    pieces, rest = [], b""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        frames, rest = line.split(rest + data[start:end])
        pieces += frames
    assert (pieces, rest) == (whole, whole_rest)
