"""Every polled model of the catalogue on a live line: its driver against its stand-in, with the faults of real ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from devices.catalog import lufft_shm31_umb, modbus_rtu
from devices.catalog.campbell_sr50a_sdi12 import _SR50A
from devices.model import Decoded, DeviceSpec
from devices.polling import Instrument
from devices.registry import load_catalog
from devices.wires.misbehaviour import Misbehaviour
from devices.wires.modbus_map import RegisterMap
from devices.wires.sdi12_table import stand_in
from firmware_sim.instruments import Answering, fitted
from gateway.line_watch import WatchLimits
from gateway.sources.polled import PolledDevice, PolledOptions, PolledSource
from tests.gateway.lines import GATEWAY, REAL_TIME, Heard, Sim, intake_of, running
from tests.gateway.spools import open_spool
from tests.support import wait_until

_B_ROUTE = "b_route_meter"
POLLED = sorted(name for name, spec in load_catalog().items() if spec.polling is not None)
SAYS: Mapping[str, float] = {
    "distance": 1.5,
    "snow_depth": 1.25,
    "echo_quality": 180.0,
    "air_temperature": -5.0,
    "device_temperature": -3.0,
    "supply_voltage": 12.0,
    "device_fault": 0.0,
    "power": 928.0,
    "current": 5.0,
    "energy": 3.6e6,
}


def spec_of(model: str, folder: Path) -> DeviceSpec:
    spec = load_catalog()[model]
    options = dict(spec.example_options)
    if model == _B_ROUTE:
        secret = folder / "b-route"
        secret.write_text("00112233445566778899AABBCCDDEEFF\nABCDEFGHIJKL\n")
        secret.chmod(0o600)
        options["password_file"] = str(secret)
    return fitted(spec, options)


def source_of(spec: DeviceSpec, heard: Heard, port: Path) -> PolledSource:
    assert spec.serial is not None
    assert spec.polling is not None
    options = PolledOptions(
        name="serial-0", gateway_id=GATEWAY, port=str(port), line=spec.serial, baud=spec.serial.baud,
        devices=(PolledDevice(device_id="g", polling=replace(spec.polling, interval_s=2.0)),),
        limits=WatchLimits(failures=1, lost_s=0.5),
    )  # fmt: skip
    return PolledSource(options, intake_of(heard.spool, {"g": spec}), clock=REAL_TIME)


@pytest.mark.parametrize("model", POLLED)
def test_a_driver_reads_its_instrument_over_a_live_line(tmp_path: Path, model: str) -> None:
    spec = spec_of(model, tmp_path)
    assert spec.polling is not None
    heard = Heard(open_spool(tmp_path))
    says = {key: SAYS[key] for key in spec.quantities if key in SAYS}
    voice = Answering(spec.polling.instrument(""), Decoded(values=says))
    with Sim(tmp_path / "tty", [voice]), running(source_of(spec, heard, tmp_path / "tty")):
        wait_until(lambda: heard.values("g", spec.quantities[0]), 60.0, what="a reading")
    got = {key: heard.values("g", key)[0] for key in spec.quantities if heard.values("g", key)}
    assert got == pytest.approx({key: says[key] for key in got}, rel=0.01)
    assert set(got) == set(says)
    assert heard.faults("g") == []
    assert heard.reasons() == []


def misbehaving(model: str, faults: Misbehaviour) -> Instrument:
    """Return the stand-in of a model with faults of its own, as its file makes it."""
    if model == "campbell_sr50a_sdi12":
        return stand_in(_SR50A, "0", faults)
    if model == "lufft_shm31_umb":
        return lufft_shm31_umb.stand_in("B001", faults)
    options = load_catalog()["modbus_rtu"].example_options
    register_map = RegisterMap.model_validate(dict(options))
    return modbus_rtu.ModbusDevice(register_map=register_map).stand_in("1", faults)


MISBEHAVING = ("campbell_sr50a_sdi12", "lufft_shm31_umb", "modbus_rtu")


@pytest.mark.parametrize("model", ["campbell_sr50a_sdi12", "modbus_rtu"])
@pytest.mark.parametrize(
    ("faults", "told"),
    [
        pytest.param(Misbehaviour(has_wrong_checksum=True), {"garbage", "wrong_instrument"}, id="wrong checksum"),
        pytest.param(Misbehaviour(cuts_bytes=2), {"garbage", "wrong_instrument"}, id="cut"),
        pytest.param(Misbehaviour(is_silent=True), {"no_answer"}, id="silent"),
        pytest.param(Misbehaviour(is_silent=True, has_echo=True), {"no_answer"}, id="silent with echo"),
    ],
)
def test_a_faulty_instrument_is_a_fault_and_gives_no_data(
    tmp_path: Path, model: str, faults: Misbehaviour, told: set[str]
) -> None:
    spec = spec_of(model, tmp_path)
    if model == "campbell_sr50a_sdi12" and faults.has_wrong_checksum:
        spec = fitted(load_catalog()[model], {"measurement": "MC1"})
        told = {"garbage", "no_answer"}  # identified well, its data are refused
    heard = Heard(open_spool(tmp_path))
    says = {key: SAYS[key] for key in spec.quantities if key in SAYS}
    voice = Answering(misbehaving(model, faults), Decoded(values=says))
    with Sim(tmp_path / "tty", [voice]), running(source_of(spec, heard, tmp_path / "tty")):
        wait_until(lambda: heard.faults("g"), 60.0, what="a fault")
    assert heard.faults("g")[0] in told
    assert all(heard.values("g", key) == [] for key in spec.quantities)


@pytest.mark.bad_input(21)
@pytest.mark.parametrize("model", MISBEHAVING)
def test_an_echo_in_front_of_the_answer_costs_nothing(tmp_path: Path, model: str) -> None:
    spec = spec_of(model, tmp_path)
    heard = Heard(open_spool(tmp_path))
    says = {key: SAYS[key] for key in spec.quantities if key in SAYS}
    voice = Answering(misbehaving(model, Misbehaviour(has_echo=True)), Decoded(values=says))
    with Sim(tmp_path / "tty", [voice]), running(source_of(spec, heard, tmp_path / "tty")):
        wait_until(lambda: heard.values("g", spec.quantities[0]), 30.0, what="a reading")
    assert heard.faults("g") == []
