"""Vectors: the examples of the format's description, also in akenza's tests (MIT) and in 2.16 of the device notes."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.model import Decoded, Frame, PermanentError
from devices.payloads.cayenne import Cayenne
from devices.wires.mapping import Mapped

USUAL = Cayenne(mapped={})


def heard(payload: str | bytes, *, port: int | None = 1, how: Cayenne = USUAL) -> Decoded:
    raw = bytes.fromhex(payload) if isinstance(payload, str) else payload
    return how.decode(Frame(gateway_id="g", transport="lorawan", address="a", payload=raw, received_ns=0, port=port))


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        ("03670110 056700FF", {"air_temperature.3": 27.2, "air_temperature.5": 25.5}),
        ("018806765FF2960A0003E8", {"latitude": 42.3519, "longitude": -87.9094, "altitude": 10.0}),
        (
            "067104D2FB2E0000",
            {"acceleration_x.6": 1.234 * 9.80665, "acceleration_y.6": -1.234 * 9.80665, "acceleration_z.6": 0.0},
        ),
        ("0167FFD7", {"air_temperature": -4.1}),
        ("0067FFD7", {"air_temperature": -4.1}),
        ("0100 01", {"digital_input": 1.0}),
        ("0101 00", {"switch_on": 0.0}),
        ("0102 FF9C", {"analog_input": -1.0}),
        ("0103 FF9C", {}),
        ("0165 0064 0166 01 0168 65 0173 2768", {
            "illuminance": 100.0, "presence": 1.0, "relative_humidity": 50.5, "pressure": 100_880.0,
        }),
        ("0186 000100020003 0168 65", {"relative_humidity": 50.5}),
        ("c867 0110 0168 65", {"relative_humidity": 50.5}),
    ],
)  # fmt: skip
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = heard(payload)
    assert decoded.values == pytest.approx(values)
    assert decoded == Decoded(values=decoded.values)


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "key", "value"),
    [
        ("0167FFCE", "air_temperature", -5.0),
        ("01677FFF", "air_temperature", math.nan),
        ("01678000", "air_temperature", math.nan),
        ("0167FB0A", "air_temperature", math.nan),
        ("01670352", "air_temperature", math.nan),
        ("0168FF", "relative_humidity", math.nan),
        ("0165FFFF", "illuminance", math.nan),
        ("0173FFFF", "pressure", math.nan),
        ("0188 000000 000000 0003E8", "latitude", math.nan),
        ("0188 7fffff 000001 0003E8", "longitude", math.nan),
    ],
)
def test_below_zero_is_below_zero_and_a_dead_probe_is_none(payload: str, key: str, value: float) -> None:
    assert heard(payload).values[key] == pytest.approx(value, nan_ok=True)


@pytest.mark.bad_input(83)
@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("0142 0000", "type 42 of channel 1 is not known"),
        ("0188 06765FF2960A0003", "gps_1 is cut: 8 of 9 bytes"),
        ("0167 0110 0167 0110", "temperature_1 stands twice"),
        ("0067 0110 0167 0110", "air_temperature stands twice"),
        ("0167 01", "temperature_1 is cut: 1 of 2 bytes"),
        ("01", "its type is missing"),
        ("0167 0110 02", "its type is missing"),
        ("0100 02", "digital_input 2.0 .* beyond"),
    ],
)
def test_a_payload_of_another_shape_is_refused(payload: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        heard(payload)


@pytest.mark.bad_input(83)
def test_behind_an_unknown_type_the_payload_is_partial() -> None:
    assert heard("0168 65 0142 0000 0167 0110") == Decoded(values={"relative_humidity": 50.5}, is_partial=True)


@pytest.mark.bad_input(48)
@pytest.mark.parametrize(("payload", "port"), [("", 1), ("016865", 0), ("016865", 224), ("016865", None)])
def test_a_keep_alive_and_a_port_of_the_network_say_nothing(payload: str, port: int | None) -> None:
    with pytest.raises(PermanentError, match=r"FPort|empty"):
        heard(payload, port=port)


def test_a_site_says_what_a_channel_is() -> None:
    how = Cayenne(
        mapped={
            "temperature_3": Mapped(quantity="soil_temperature"),
            "analog_in_2": Mapped(quantity="distance", unit="cm", sentinels=(-1.0,)),
            "temperature_9": Mapped(),
            "gps_1_altitude": Mapped(),
        }
    )
    decoded = heard("0367FFCE 02022710 0967 0110 018806765FF2960A0003E8 0467000a", how=how)
    assert decoded.values == {
        "soil_temperature": -5.0,
        "distance": 1.0,
        "latitude": 42.3519,
        "longitude": -87.9094,
        "air_temperature.4": 1.0,
    }
    assert math.isnan(heard("0202FF9C", how=how).values["distance"])
    values = {"soil_temperature": -5.0, "distance": 1.0, "air_temperature.4": 1.0}
    made = how.encode(Decoded(values=values))
    assert made.payload.hex() == "020227100367ffce0467000a"
    assert how.decode(made).values == values


@pytest.mark.parametrize(
    "values",
    [
        {"snow_depth": 1.0},
        {"latitude": 1.0, "longitude": 2.0},
        {"air_temperature": 85.0},
        {"air_temperature": 4000.0},
        {"presence": 3.0, "acceleration_x": 1.0},
    ],
)
def test_what_the_wire_cannot_say_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError):
        USUAL.encode(Decoded(values=values))


@given(st.binary(max_size=60))
def test_any_bytes_are_decoded_or_refused(payload: bytes) -> None:
    with suppress(PermanentError):
        assert not any(math.isinf(value) for value in heard(payload).values.values())
