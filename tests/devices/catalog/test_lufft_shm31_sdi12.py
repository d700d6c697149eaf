"""Lufft SHM 31 on SDI-12: its unit system is told by its identification."""

from __future__ import annotations

import pytest

from devices.catalog.lufft_shm31_sdi12 import DEVICE, configure
from devices.model import Decoded, Frame, PermanentError
from tests.devices.wires.line import Line, line_to, scripted

METRIC: dict[str, object] = {
    "values": [{"quantity": "snow_depth", "unit": "mm"}, {"quantity": "air_temperature"}],
    "measurement": "M",
}
US: dict[str, object] = {
    "values": [{"quantity": "snow_depth", "unit": "in"}, {"quantity": "air_temperature", "unit": "degF"}],
    "units": "us",
    "measurement": "M",
}
DATA = {b"0M!": [b"00002\r\n"], b"0D0!": [b"0+10.0+14.0\r\n"]}


def read(options: dict[str, object], line: Line) -> dict[str, float]:
    spec = configure(options)
    assert spec.polling is not None
    (payload,) = line.run(spec.polling.session(""))
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    return dict(spec.decode(frame).values)


@pytest.mark.bad_input(26)
@pytest.mark.parametrize(
    ("options", "letter", "depth_m", "temperature_cel"), [(METRIC, b"m", 0.010, 14.0), (US, b"u", 0.254, -10.0)]
)
def test_the_same_numbers_in_both_systems(
    options: dict[str, object], letter: bytes, depth_m: float, temperature_cel: float
) -> None:
    line = scripted({b"0I!": [b"013Lufft.deSHM31" + letter + b"010\r\n"], **DATA})
    assert read(options, line) == {"snow_depth": depth_m, "air_temperature": temperature_cel}


@pytest.mark.bad_input(26)
@pytest.mark.parametrize(("options", "letter"), [(METRIC, b"u"), (US, b"m")])
def test_an_instrument_set_to_the_other_system_is_not_read(options: dict[str, object], letter: bytes) -> None:
    line = scripted({b"0I!": [b"013Lufft.deSHM31" + letter + b"010\r\n"], **DATA})
    with pytest.raises(PermanentError, match="it is not set to"):
        read(options, line)
    assert b"0M!" not in line.requests


@pytest.mark.bad_input(26)
def test_a_stored_measurement_in_inches_is_not_read_as_metric_either() -> None:
    payload = b"0I!013Lufft.deSHM31u010\r\n0M!00002\r\n0D0!0+10.0+14.0\r\n"
    frame = Frame(gateway_id="g", transport="serial", address="b", payload=payload, received_ns=0)
    with pytest.raises(PermanentError, match="it is not set to metric"):
        configure(METRIC).decode(frame)


@pytest.mark.bad_input(26)
@pytest.mark.parametrize(
    "options",
    [
        {"values": [{"quantity": "snow_depth", "unit": "in"}]},
        {"values": [{"quantity": "snow_depth", "unit": "mm"}], "units": "us"},
        {"values": [{"quantity": "snow_depth"}], "units": "us"},
        {"values": [{"quantity": "air_temperature", "unit": "Cel"}], "units": "us"},
        {"values": [], "units": "metric"},
        {},
    ],
)
def test_options_that_mix_the_systems_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(PermanentError, match="options of lufft_shm31_sdi12"):
        configure(options)


@pytest.mark.parametrize("options", [METRIC, US])
def test_the_dialogue_with_its_stand_in(options: dict[str, object]) -> None:
    polling = configure(options).polling
    assert polling is not None
    says = {"snow_depth": 1.27, "air_temperature": -10.0}
    assert read(options, line_to(polling.instrument(""), Decoded(values=says))) == pytest.approx(says, abs=1e-5)


def test_another_instrument_is_refused() -> None:
    line = scripted({b"0I!": [b"013CAMPBELLSR50A 2.0SN12345\r\n"]})
    with pytest.raises(PermanentError, match=r"not Lufft\.de SHM31"):
        read(METRIC, line)


def test_without_values_nothing_is_asked() -> None:
    assert DEVICE.polling is not None
    with pytest.raises(PermanentError, match="values is needed"):
        DEVICE.polling.session("")
