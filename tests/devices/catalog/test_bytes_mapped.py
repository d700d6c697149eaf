from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.catalog.bytes_mapped import DEVICE
from devices.model import Decoded, Frame, PermanentError
from tests.devices.frames import configured


def decode(payload: bytes, *fields: dict[str, Any], length: int | None = None) -> dict[str, float]:
    spec = configured(DEVICE, {"length": length or len(payload), "field": list(fields)}) if fields else DEVICE
    frame = Frame(gateway_id="gw", transport="http", address="a", payload=payload, received_ns=0)
    return dict(spec.decode(frame).values)


TEMPERATURE = {"byte": 0, "bits": 16, "form": "int", "quantity": "air_temperature", "factor": 0.1}
FLOAT = TEMPERATURE | {"bits": 32, "form": "float", "factor": 1}


@pytest.mark.parametrize(
    ("payload", "field", "values"),
    [
        ("ff9c", TEMPERATURE, {"air_temperature": -10.0}),
        ("9cff", TEMPERATURE | {"little_endian": True}, {"air_temperature": -10.0}),
        ("00009c", {"byte": 2, "quantity": "air_temperature", "offset": -40}, {"air_temperature": 116.0}),
        ("0bb8", {"byte": 0, "bits": 16, "quantity": "battery_voltage", "unit": "mV"}, {"battery_voltage": 3.0}),
        ("010000", {"byte": 0, "bits": 24, "quantity": "count"}, {"count": 65_536.0}),
        ("80", {"byte": 0, "bit": 7, "quantity": "contact_open"}, {"contact_open": 1.0}),
        ("7f", {"byte": 0, "bit": 7, "quantity": "contact_open"}, {"contact_open": 0.0}),
        ("7fff", TEMPERATURE | {"bad": [32767]}, {"air_temperature": math.nan}),
        ("8000", TEMPERATURE | {"unknown": [-32768]}, {}),
        ("bfc00000", FLOAT, {"air_temperature": -1.5}),
        ("00002040", FLOAT | {"little_endian": True}, {"air_temperature": 2.5}),
    ],
)  # fmt: skip
def test_fields(payload: str, field: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(bytes.fromhex(payload), field) == pytest.approx(values, nan_ok=True)


@pytest.mark.bad_input(49)
@pytest.mark.parametrize("payload", [b"", b"\x00", b"\x00" * 4, b"\x00" * 6])
def test_another_length_is_refused(payload: bytes) -> None:
    with pytest.raises(PermanentError, match="not 5"):
        decode(payload)


def test_an_infinite_float_is_refused_and_one_that_is_none_is_bad() -> None:
    field = TEMPERATURE | {"bits": 32, "form": "float"}
    with pytest.raises(PermanentError, match="finite"):
        decode(bytes.fromhex("7f800000"), field)
    assert math.isnan(decode(bytes.fromhex("7fc00000"), field)["air_temperature"])


@pytest.mark.bad_input(60)
def test_a_position_of_zeros_is_none() -> None:
    where = [
        {"byte": at, "bits": 32, "form": "int", "quantity": quantity, "factor": 1e-7}
        for at, quantity in ((0, "latitude"), (4, "longitude"))
    ]
    assert decode(bytes(8), *where) == {}
    with pytest.raises(PermanentError, match="outside"):
        decode(b"\x7f\xff\xff\xff" * 2, *where)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({}, "length is needed"),
        ({"length": 5, "field": []}, "field"),
        ({"length": 1, "field": [TEMPERATURE]}, "ends at byte 2"),
        ({"length": 2, "field": [TEMPERATURE | {"form": "float"}]}, "32 bits"),
        ({"length": 2, "field": [TEMPERATURE | {"bits": 12}]}, "bits"),
        ({"length": 2, "field": [TEMPERATURE | {"quantity": "warmth"}]}, "warmth"),
        ({"length": 2, "field": [TEMPERATURE | {"unit": "lx"}]}, "lx"),
        ({"length": 2, "field": [{"byte": 0, "bit": 8, "quantity": "smoke"}]}, "bit"),
    ],
)
def test_wrong_options_are_named(options: dict[str, Any], named: str) -> None:
    with pytest.raises(PermanentError, match=named):
        configured(DEVICE, options)


@pytest.mark.parametrize(
    "values",
    [{"air_temperature": 4000.0}, {"air_temperature": 3276.7}, {"contact_open": 2.0}, {"contact_open": math.nan}],
)
def test_what_does_not_fit_is_not_encoded(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        DEVICE.encode(Decoded(values=values))


@given(payload=st.binary(max_size=8))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    try:
        values = decode(payload)
    except PermanentError:
        return
    assert not any(math.isinf(value) for value in values.values())
