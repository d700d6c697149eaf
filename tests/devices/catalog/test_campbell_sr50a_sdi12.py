"""Campbell SR50A and SR50AT on SDI-12."""

from __future__ import annotations

import math

import pytest

from devices.catalog.campbell_sr50a_sdi12 import DEVICES
from devices.model import Decoded, DeviceSpec, Frame, PermanentError, TransientError
from tests.devices.wires.line import line_to, scripted

SR50A, SR50AT = DEVICES
IDENT = "0I!013CAMPBELLSR50A 2.0SN12345\r\n"
SAYS = Decoded(values={"distance": 1.838, "echo_quality": 194.0, "air_temperature": -10.25, "snow_depth": 1.2})


def frame(text: str) -> Frame:
    return Frame(
        gateway_id="g", transport="serial", address="bus", payload=(IDENT + text).encode("latin-1"), received_ns=0
    )


def measured(spec: DeviceSpec, text: str) -> dict[str, float]:
    assert spec.configure is not None
    asked = spec.configure({"measurement": text[1 : text.index("!")]})
    values = dict(asked.decode(frame(text)).values)
    assert set(values) == set(asked.quantities)
    return values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0M!00001\r\n0D0!0+1.838\r\n", {"distance": 1.838}),
        ("0M1!00012\r\n0D0!0+1.838+194\r\n", {"distance": 1.838, "echo_quality": 194.0}),
        ("0M2!00012\r\n0D0!0+1.838-10.25\r\n", {"distance": 1.838, "air_temperature": -10.25}),
        (
            "0M3!00013\r\n0D0!0+1.838+194-10.25\r\n",
            {"distance": 1.838, "echo_quality": 194.0, "air_temperature": -10.25},
        ),
        (
            "0M4!00013\r\n0D0!0+0.512+194-10.25\r\n",
            {"snow_depth": 0.512, "echo_quality": 194.0, "air_temperature": -10.25},
        ),
        ("0C5!000101\r\n0D0!0+72.36\r\n", {"distance": 72.36 * 0.0254}),
        ("0M6!00012\r\n0D0!0+72.36+194\r\n", {"distance": 72.36 * 0.0254, "echo_quality": 194.0}),
        (
            "0M8!00013\r\n0D0!0+20.16+194-10.25\r\n",
            {"snow_depth": 20.16 * 0.0254, "echo_quality": 194.0, "air_temperature": -10.25},
        ),
        ("0C9!000101\r\n0D0!0-10.25\r\n", {"air_temperature": -10.25}),
    ],
)
def test_each_measurement_means_its_quantities(text: str, expected: dict[str, float]) -> None:
    assert measured(SR50AT, text) == pytest.approx(expected, abs=1e-12)


@pytest.mark.bad_input(19)
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("0M1!00012\r\n0D0!0+0.000+0\r\n", "distance"),
        ("0M!00001\r\n0D0!0+0.000\r\n", "distance"),
        ("0M1!00012\r\n0D0!0+1.838+0\r\n", "distance"),
        ("0M4!00013\r\n0D0!0-999+0-999.00\r\n", "snow_depth"),
        ("0M3!00013\r\n0D0!0+1.838+194-999.00\r\n", "air_temperature"),
    ],
)
def test_what_stands_for_no_reading_is_nan(text: str, key: str) -> None:
    assert math.isnan(measured(SR50AT, text)[key])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0M2!00012\r\n0D0!0+1.838+21.50\r\n", {"distance": 1.838}),
        ("0M3!00013\r\n0D0!0+1.838+194+21.50\r\n", {"distance": 1.838, "echo_quality": 194.0}),
        ("0M4!00013\r\n0D0!0+0.512+194+0.00\r\n", {"snow_depth": 0.512, "echo_quality": 194.0}),
    ],
)
def test_a_gauge_without_a_temperature_sensor_has_no_temperature(text: str, expected: dict[str, float]) -> None:
    assert measured(SR50A, text) == expected


def test_the_temperature_alone_is_no_measurement_of_a_gauge_without_sensor() -> None:
    assert SR50A.configure is not None
    with pytest.raises(PermanentError, match="has no table of M9"):
        SR50A.configure({"measurement": "M9"})


def test_another_measurement_than_the_one_asked_is_refused() -> None:
    with pytest.raises(PermanentError, match="is asked by MC1, this is M3"):
        SR50A.decode(frame("0M3!00013\r\n0D0!0+1.838+194-10.25\r\n"))


@pytest.mark.bad_input(18)
def test_zero_values_are_no_reading() -> None:
    values = measured(SR50A, "0MC1!00000\r\n")
    assert set(values) == {"distance", "echo_quality"}
    assert all(math.isnan(value) for value in values.values())


@pytest.mark.bad_input(25)
@pytest.mark.parametrize("ident", ["012CAMPBELLSR50  1.1", "014CampbellSnowVU10 SN=12345", "013Lufft.deSHM31m010"])
def test_another_instrument_is_named_and_refused(ident: str) -> None:
    polling = SR50A.polling
    assert polling is not None
    line = scripted({b"0I!": [f"{ident}\r\n".encode()]})
    with pytest.raises(PermanentError, match=r"not CAMPBELL SR50A"):
        line.run(polling.session("0"))
    assert set(line.requests) == {b"0I!"}, "a foreign instrument is asked for nothing else"


@pytest.mark.parametrize("spec", DEVICES, ids=lambda spec: spec.model)
def test_the_dialogue_with_its_stand_in(spec: DeviceSpec) -> None:
    polling = spec.polling
    assert polling is not None
    line = line_to(polling.instrument("3"), SAYS)
    payloads = line.run(polling.session("3"), measurements=2)
    for payload in payloads:
        decoded = spec.decode(Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0))
        assert decoded.values == {key: SAYS.values[key] for key in spec.quantities}
    assert line.requests.count(b"3I!") == 1


def test_the_measurement_is_an_option() -> None:
    assert SR50A.configure is not None
    inches = SR50A.configure({"measurement": "CC8", "adapter": {"command_ending": "crlf"}})
    assert inches.quantities == ("snow_depth", "echo_quality")
    assert inches.polling is not None
    line = line_to(inches.polling.instrument(""), SAYS)
    (payload,) = line.run(inches.polling.session(""))
    assert line.requests[1] == b"0CC8!\r\n"
    assert line.rests_s == [1.5], "the bus is free while a C measurement runs"
    decoded = inches.decode(Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0))
    assert decoded.values["snow_depth"] == pytest.approx(1.2, abs=0.0002)


@pytest.mark.parametrize("options", [{"measurement": "R7"}, {"measurement": "A1"}, {"adapter": {"baud": 3}}])
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    assert SR50A.configure is not None
    with pytest.raises(PermanentError, match="campbell_sr50a_sdi12"):
        SR50A.configure(options)


@pytest.mark.bad_input(15)
def test_a_dead_port_is_said_after_three_tries() -> None:
    assert SR50A.polling is not None
    line = scripted({})
    with pytest.raises(TransientError, match=r"0I! after 3 tries: no answer"):
        line.run(SR50A.polling.session(""))
    assert line.requests == [b"0I!"] * 3
