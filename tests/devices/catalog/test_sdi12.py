"""An SDI-12 instrument by a list of its values."""

from __future__ import annotations

import math

import pytest

from devices.catalog.sdi12 import DEVICE, configure
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from tests.devices.wires.line import line_to, scripted

OPTIONS = {
    "measurement": "CC2",
    "identification": "USH-9",
    "values": [
        {"quantity": "snow_depth", "unit": "cm", "sentinels": [-999, 9999.99], "minimum": -20, "maximum": 800},
        {},
        {"quantity": "air_temperature", "unit": "degF"},
        {"quantity": "device_temperature", "scale": 0.1, "offset": -5},
    ],
    "adapter": {"command_prefix": "x"},
}


def decoded(spec: DeviceSpec, data: str) -> dict[str, float]:
    payload = f"0I!013SOMMER  USH-9 1.0\r\n0C2!000004\r\n0D0!0{data}\r\n".encode()
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    return dict(spec.decode(frame).values)


def test_values_by_the_list_of_the_site() -> None:
    spec = configure(OPTIONS)
    assert spec.quantities == ("snow_depth", "air_temperature", "device_temperature")
    expected = {"snow_depth": 1.235, "air_temperature": -10.0, "device_temperature": -15.0}
    assert decoded(spec, "+123.5+7+14-100") == expected


@pytest.mark.bad_input(19)
@pytest.mark.parametrize("data", ["-999+7+14-100", "+9999.99+7+14-100"])
def test_sentinels_are_no_reading(data: str) -> None:
    assert math.isnan(decoded(configure(OPTIONS), data)["snow_depth"])


@pytest.mark.parametrize("data", ["+801+7+14-100", "-21+7+14-100", "+123.5+7+14"])
def test_what_the_site_says_cannot_be_is_refused(data: str) -> None:
    with pytest.raises(PermanentError):
        decoded(configure(OPTIONS), data)


def test_the_dialogue_with_its_stand_in() -> None:
    polling = configure(OPTIONS).polling
    assert polling is not None
    says = Decoded(values={"snow_depth": 1.235, "air_temperature": -10.0, "device_temperature": -15.0})
    line = line_to(polling.instrument("z"), says)
    (payload,) = line.run(polling.session("z"))
    assert line.requests == [b"xzI!", b"xzCC2!", b"xzD0!"]
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    assert configure(OPTIONS).decode(frame).values == pytest.approx(dict(says.values), abs=1e-4)


def test_a_swapped_instrument_is_noticed() -> None:
    polling = configure(OPTIONS).polling
    assert polling is not None
    line = scripted({b"x0I!": [b"013CAMPBELLSR50A 2.0SN12345\r\n"]})
    with pytest.raises(PermanentError, match="not 'USH-9'"):
        line.run(polling.session(""))


def test_without_values_nothing_is_asked() -> None:
    assert DEVICE.polling is not None
    with pytest.raises(PermanentError, match="values is needed"):
        DEVICE.polling.session("")


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({}, "values is needed"),
        ({"values": []}, "values is needed"),
        ({"values": [{}]}, "values is needed"),
        ({"values": [{"quantity": "snow_dept"}]}, "snow_dept"),
        ({"values": [{"quantity": "snow_depth", "unit": "kg"}]}, "kg"),
        ({"values": [{"quantity": "snow_depth", "scale": 0}]}, "scale 0"),
        ({"values": [{"quantity": "snow_depth"}, {"quantity": "snow_depth"}]}, "twice"),
        ({"values": [{"quantity": "snow_depth"}], "measurement": "D0"}, "measurement"),
        ({"values": [{"quantity": "snow_depth"}], "adapter": {"echo": True}}, "adapter.echo is unknown"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], what: str) -> None:
    with pytest.raises(PermanentError, match=what):
        configure(options)
