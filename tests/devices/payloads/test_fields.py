"""Layouts as tables: what is written is read again, and what has no room is refused."""

from __future__ import annotations

import math
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, Frame, PermanentError
from devices.payloads.fields import Codec, Field, Message, coarse_steps

BATTERY = Field(key="battery_voltage", at=0, size=2, bits=14, per_unit=1000, bad=(0,))
OPEN = Field(key="contact_open", at=0, low_bit=7, bits=1)
TEMPERATURE = Field(key="air_temperature", at=2, size=2, is_signed=True, per_unit=10, bad=(32_767,), good=(-400, 850))
CODEC = Codec(
    name="test device",
    messages=(
        Message(
            ports=(2,), length=5, fields=(BATTERY, OPEN, TEMPERATURE), kind=((4, 0x0F, 1),), template=b"\0\0\0\0\xa0"
        ),
        Message(ports=(2, 3), length=2, fields=(BATTERY,)),
        Message(ports=(4,), length=2, fields=(BATTERY,), repeats=True),
        Message(ports=(5,), length=1, is_open=True),
    ),
)


def frame(payload: str, port: int) -> Frame:
    return Frame(
        gateway_id="g", transport="lorawan", address="a", payload=bytes.fromhex(payload), received_ns=0, port=port
    )  # fmt: skip


@st.composite
def fields(draw: st.DrawFn) -> Field:
    size = draw(st.integers(1, 4))
    low_bit = draw(st.integers(0, 8 * size - 2))
    bits = draw(st.integers(2, 8 * size - low_bit))
    return Field(
        key="count", at=draw(st.integers(0, 3)), size=size, low_bit=low_bit, bits=bits, is_signed=draw(st.booleans()),
        per_unit=draw(st.sampled_from([1.0, 10.0, 1 / 60, 0.032])), shift=draw(st.sampled_from([0.0, -32.0, 2.5])),
    )  # fmt: skip


@given(field=fields(), noise=st.binary(min_size=8, max_size=8), is_little=st.booleans(), data=st.data())
def test_a_number_is_read_as_it_was_written_and_nothing_else_changes(
    field: Field, noise: bytes, is_little: bool, data: st.DataObject
) -> None:
    way: Literal["big", "little"] = "little" if is_little else "big"
    lo = -(1 << (field.bits - 1)) if field.is_signed else 0
    number = data.draw(st.integers(lo, lo + (1 << field.bits) - 1))
    raw = bytearray(noise)
    field.write({"count": number / field.per_unit + field.shift}, raw, way)
    assert field.read(bytes(raw), way) == pytest.approx(number / field.per_unit + field.shift)
    mask = ((1 << field.bits) - 1) << field.low_bit
    part = slice(field.at, field.at + field.size)
    assert (int.from_bytes(raw[part], way) ^ int.from_bytes(noise[part], way)) & ~mask == 0
    assert raw[: field.at] + raw[field.at + field.size :] == noise[: field.at] + noise[field.at + field.size :]


@pytest.mark.parametrize(
    ("payload", "port", "values"),
    [
        ("8d0aff3801", 2, {"battery_voltage": 3.338, "contact_open": 1.0, "air_temperature": -20.0}),
        ("0d0a7fff51", 2, {"battery_voltage": 3.338, "contact_open": 0.0, "air_temperature": math.nan}),
        ("0000fe6f01", 2, {"battery_voltage": math.nan, "contact_open": 0.0, "air_temperature": math.nan}),
        ("0d0a", 2, {"battery_voltage": 3.338}),
        ("0d0a", 3, {"battery_voltage": 3.338}),
        ("0d0a0d0a", 5, {}),
    ],
)
def test_the_message_is_found_by_port_length_and_kind(payload: str, port: int, values: dict[str, float]) -> None:
    assert CODEC.decode(frame(payload, port)).values == pytest.approx(values, nan_ok=True)


def test_a_log_is_read_record_by_record() -> None:
    decoded = CODEC.decode(frame("0d0a4000" + "0000" + "0d0b", 4))
    assert decoded.values == {}
    assert [one.values["battery_voltage"] for one in decoded.earlier] == pytest.approx(
        [3.338, math.nan, 3.339], nan_ok=True
    )


@pytest.mark.parametrize(
    ("payload", "port", "words"),
    [
        ("8d0aff3802", 2, "5 bytes 8d0aff38 on FPort 2 are no message of a test device"),
        ("0d0a00", 2, "lengths: 2, 5"),
        ("0d0a0d", 4, "no message"),
        ("0d0a", 9, "FPort 9 is none of a test device: 2, 3, 4, 5"),
    ],
)
def test_what_fits_no_message_is_refused_by_name(payload: str, port: int, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        CODEC.decode(frame(payload, port))


@pytest.mark.parametrize(
    ("values", "payload"),
    [
        ({"air_temperature": -20.0, "contact_open": 1.0}, "8000ff38a1"),
        ({"air_temperature": math.nan, "battery_voltage": 3.338}, "0d0a7fffa1"),
        ({"battery_voltage": math.nan}, "00007fffa1"),
    ],
)
def test_the_first_message_with_room_is_sent(values: dict[str, float], payload: str) -> None:
    assert CODEC.encode(Decoded(values=values)).payload.hex() == payload


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"air_temperature": 85.1}, "air_temperature 85.1 cannot be said: -40..85"),
        ({"air_temperature": math.inf}, "air_temperature inf"),
        ({"battery_voltage": 0.0}, "battery_voltage 0 cannot"),
        ({"contact_open": 2.0}, "contact_open 2 cannot"),
        ({"co2": 400.0, "sos": 1.0}, "no message that carries co2, sos"),
    ],
)
def test_what_has_no_room_is_refused_by_name(values: dict[str, float], words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        CODEC.encode(Decoded(values=values))


def test_steps_coarser_than_the_quantity_s_are_told() -> None:
    assert CODEC.keys == ("battery_voltage", "contact_open", "air_temperature")
    assert CODEC.resolutions == {}
    assert coarse_steps([("battery_voltage", 0.1), ("battery_voltage", 0.01), ("co2", 1.0)]) == {"battery_voltage": 0.1}
