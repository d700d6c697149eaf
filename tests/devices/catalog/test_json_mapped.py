from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.json_mapped import DEVICE
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from tests.devices.frames import configured

TEMPERATURE = {"path": "t", "quantity": "air_temperature"}


def spec_of(*fields: dict[str, Any], **more: Any) -> DeviceSpec:
    return configured(DEVICE, {"field": list(fields), **more})


def decode(spec: DeviceSpec, said: Any, *, topic: str = "") -> dict[str, float]:
    payload = said if isinstance(said, bytes) else json.dumps(said).encode()
    frame = Frame(gateway_id="gw", transport="mqtt", address="a", payload=payload, received_ns=0, topic=topic)
    return dict(spec.decode(frame).values)


@pytest.mark.parametrize(
    ("field", "said", "values"),
    [
        ({"path": "t", "quantity": "air_temperature"}, {"t": -12.5}, {"air_temperature": -12.5}),
        ({"path": "t", "quantity": "air_temperature"}, {"t": "-12.5"}, {"air_temperature": -12.5}),
        ({"path": "a.b.1", "quantity": "air_temperature.2"}, {"a": {"b": [1, 2]}}, {"air_temperature.2": 2.0}),
        ({"path": ["a.b"], "quantity": "illuminance"}, {"a.b": 7}, {"illuminance": 7.0}),
        ({"path": "h", "quantity": "snow_depth", "unit": "cm"}, {"h": 123}, {"snow_depth": 1.23}),
        ({"path": "p", "quantity": "pressure", "unit": "hPa"}, {"p": 1013.25}, {"pressure": 101_325.0}),
        ({"path": "t", "quantity": "air_temperature", "unit": "K"}, {"t": 273.15}, {"air_temperature": 0.0}),
        (TEMPERATURE | {"factor": 0.1, "offset": -40}, {"t": 9}, {"air_temperature": -39.1}),
        ({"path": "w", "quantity": "wind_speed", "unit": "km/h"}, {"w": 36}, {"wind_speed": 10.0}),
        ({"path": "d", "quantity": "contact_open", "words": {"open": 1, "no": 0}}, {"d": "open"}, {"contact_open": 1}),
        (
            {"path": "d", "quantity": "occupancy", "words": {"true": 1, "false": 0}},
            {"d": False},
            {"occupancy": 0.0},
        ),
        ({"path": "t", "quantity": "air_temperature", "unknown": [-999, "N/A"]}, {"t": -999}, {}),
        ({"path": "t", "quantity": "air_temperature", "unknown": [-999, "N/A"]}, {"t": "-999.0"}, {}),
        ({"path": "t", "quantity": "air_temperature", "unknown": [-999, "N/A"]}, {"t": "N/A"}, {}),
        ({"path": "t", "quantity": "air_temperature", "bad": [85.0]}, {"t": 85}, {"air_temperature": math.nan}),
    ],
)  # fmt: skip
def test_fields(field: dict[str, Any], said: Any, values: dict[str, float]) -> None:
    assert decode(spec_of(field), said) == pytest.approx(values, nan_ok=True)


@pytest.mark.bad_input(81)
@pytest.mark.parametrize(
    "said",
    [
        b'{"t": NaN}',
        b'{"t": Infinity}',
        b'{"t": 1, "t": 2}',
        b'{"t": 1,}',
        b'{"t": 1e400}',
        b'{"t": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'\xef\xbb\xbf{"t": 1}',
        '{"t": 1}'.encode("utf-16"),
        '{"t": 1, "名": "気温"}'.encode("shift_jis"),
        '{"t": "１２"}'.encode(),
        b'{"t": "12 Cel"}',
        b'{"t": " 12"}',
        b'{"t": "1_0"}',
        b'{"t": true}',
        b'{"t": [1]}',
        b'{"t": ""}',
        b'{"other": 1}',
        b"[1]",
        b"",
        b"12",
    ],
)
def test_what_is_ambiguous_is_refused(said: bytes) -> None:
    with pytest.raises(PermanentError):
        decode(spec_of(TEMPERATURE), said)


@pytest.mark.bad_input(60)
@pytest.mark.parametrize(
    "said", [{"lat": 0, "lon": 0}, {"lat": None, "lon": None}, {"lat": 36.5}, {"lat": -1, "lon": -1}]
)
def test_no_fix_is_no_position(said: Any) -> None:
    fields = [{"path": path, "quantity": q, "unknown": [-1]} for path, q in (("lat", "latitude"), ("lon", "longitude"))]
    with suppress(PermanentError):
        assert decode(spec_of(*fields), said) == {}


@pytest.mark.bad_input(87)
def test_zeros_of_a_keep_alive_are_no_measurement() -> None:
    beacon = {"type": 2, "bat": 3, "timestamp": "000000000000", "sns1": 0, "sns2": 0}
    spec = spec_of(
        {"path": "sns1", "quantity": "air_temperature"},
        {"path": "bat", "quantity": "count", "in_keep_alive": True},
        keep_alive={"path": "type", "values": [2]},
    )
    assert decode(spec, beacon) == {"count": 3.0}
    assert decode(spec, beacon | {"type": 4, "sns1": 19.81640625}) == {"count": 3.0, "air_temperature": 19.81640625}
    silent = spec_of({"path": "sns1", "quantity": "air_temperature"}, keep_alive={"path": "type", "values": [2]})
    assert decode(silent, beacon) == {}


def test_a_field_may_belong_to_one_topic() -> None:
    spec = spec_of(TEMPERATURE | {"topic": "env"}, {"path": "t", "quantity": "device_temperature", "topic": "sys"})
    assert decode(spec, {"t": 5}, topic="env") == {"air_temperature": 5.0}
    assert decode(spec, {"t": 5}, topic="sys") == {"device_temperature": 5.0}
    with pytest.raises(PermanentError):
        decode(spec, {"t": 5}, topic="other")


def test_what_it_gives_is_what_is_mapped() -> None:
    assert spec_of(TEMPERATURE, TEMPERATURE | {"quantity": "air_temperature.2"}).quantities == ("air_temperature",)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "field is needed"),
        ({"field": []}, "field"),
        ({"field": [{"path": "t", "quantity": "warmth"}]}, "warmth"),
        ({"field": [TEMPERATURE | {"unit": "lx"}]}, "lx"),
        ({"field": [TEMPERATURE | {"factor": 0}]}, "factor"),
        ({"field": [TEMPERATURE | {"path": ""}]}, "path"),
        ({"field": [TEMPERATURE], "colour": 1}, "colour"),
        ({"field": [TEMPERATURE], "keep_alive": {"path": "x"}}, "values"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(PermanentError, match=named):
        configured(DEVICE, options)


def test_the_simulator_says_it_in_the_units_of_the_message() -> None:
    frame = DEVICE.encode(Decoded(values={"snow_depth": 1.23, "contact_open": 1.0}))
    assert json.loads(frame.payload) == {"snow_cm": 123.0, "door": "open"}


@given(payload=st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        decode(DEVICE, payload)
