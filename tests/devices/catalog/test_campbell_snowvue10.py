"""Campbell SnowVUE 10."""

from __future__ import annotations

import math

import pytest

from devices.catalog.campbell_snowvue10 import DEVICE, stretch
from devices.model import Decoded, Frame, PermanentError
from tests.devices.wires.line import line_to, scripted

IDENT = "0I!014CampbellSnowVU10 SN=12345\r\n"


def measured(text: str) -> dict[str, float]:
    payload = (IDENT + text).encode()
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    assert DEVICE.configure is not None
    return dict(DEVICE.configure({"measurement": text[1 : text.index("!")]}).decode(frame).values)


def test_the_worked_number() -> None:
    assert stretch(-10.0) == pytest.approx(0.98153, abs=1e-5)


@pytest.mark.bad_input(27)
@pytest.mark.parametrize(
    ("text", "reference_cel"),
    [("0M3!00053\r\n0D0!0+2.000+80+0.00\r\n", 0.0), ("0M3!00053\r\n0D0!0+1.963+80-10.00\r\n", -10.0)],
)
def test_the_distance_does_not_hang_on_what_the_reference_happens_to_be(text: str, reference_cel: float) -> None:
    values = measured(text)
    assert values["distance"] == pytest.approx(2.000, abs=0.001)
    assert values["device_temperature"] == reference_cel, "so that a loss of power is visible"
    assert not DEVICE.distance_compensated


def test_a_reference_that_no_weather_has_is_refused() -> None:
    with pytest.raises(PermanentError, match="reference temperature"):
        measured("0M3!00053\r\n0D0!0+1.963+80-300.00\r\n")


@pytest.mark.bad_input(19)
@pytest.mark.parametrize(
    "data", ["0+0.000+0+0.00", "0+1.963+0+0.00", "0+0.000+80+0.00", "0-0.000+80+0.00", "0+0.000+80+81.00"]
)
def test_no_echo(data: str) -> None:
    assert math.isnan(measured(f"0M3!00053\r\n0D0!{data}\r\n")["distance"])


def test_what_it_says_about_itself() -> None:
    values = measured("0M9!00038\r\n0D0!0+0.00-5.25+40.5+1.00-2.00\r\n0D1!0+12.10+50.00+1\r\n")
    assert values == {
        "device_temperature": 0.0,
        "device_temperature.2": -5.25,
        "device_humidity": 40.5,
        "pitch": pytest.approx(math.radians(1)),
        "roll": pytest.approx(math.radians(-2)),
        "supply_voltage": 12.1,
        "device_fault": 1.0,
    }


def test_the_dialogue_with_its_stand_in() -> None:
    assert DEVICE.polling is not None
    says = Decoded(values={"distance": 1.838, "echo_quality": 60.0, "device_temperature": -12.5})
    line = line_to(DEVICE.polling.instrument(""), says)
    (payload,) = line.run(DEVICE.polling.session(""))
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    assert DEVICE.decode(frame).values == pytest.approx(dict(says.values), abs=0.001)


@pytest.mark.bad_input(25)
def test_an_sr50a_is_refused_because_its_quality_means_other_things() -> None:
    assert DEVICE.polling is not None
    line = scripted({b"0I!": [b"013CAMPBELLSR50A 2.0SN12345\r\n"]})
    with pytest.raises(PermanentError, match="not Campbell SnowVU10"):
        line.run(DEVICE.polling.session(""))
