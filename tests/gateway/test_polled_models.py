"""The catalogue's polled models on real pseudo-terminals: read, misbehaving, and on one bus."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.catalog.campbell_sr50a_sdi12 import DEVICES as SR50A
from devices.catalog.lufft_shm31_umb import DEVICE as SHM31
from devices.catalog.lufft_shm31_umb import stand_in as shm31_stand_in
from devices.catalog.modbus_rtu import ModbusDevice
from devices.catalog.modbus_rtu import configure as modbus
from devices.model import Decoded, DeviceSpec
from devices.polling import Instrument
from devices.registry import load_catalog
from devices.wires.b_route_stick import BRouteStick, StickHabits
from devices.wires.misbehaviour import Misbehaviour
from devices.wires.modbus_map import RegisterMap
from firmware_sim.instruments import Answering
from gateway.sources.polled import PolledDevice, PolledOptions, PolledSource
from gateway.spool import Spool
from tests.gateway.lines import GATEWAY, REAL_TIME, Heard, Sim, intake_of, running
from tests.gateway.spools import open_spool
from tests.support import wait_until

PATIENCE_S = 60.0
SAYS = Decoded(
    values={
        "distance": 1.838, "echo_quality": 194.0, "snow_depth": 1.25, "air_temperature": -12.5, "power": 928.0,
        "device_fault": 0.0, "device_temperature": -5.0, "supply_voltage": 12.5,
    }
)  # fmt: skip
MODBUS_MAP = load_catalog()["modbus_rtu"].example_options


def source_of(spool: Spool, port: Path, devices: dict[str, tuple[DeviceSpec, str]]) -> PolledSource:
    """Return a source that asks these devices, each with its model and bus address."""
    line = next(iter(devices.values()))[0].serial
    assert line is not None
    polled = []
    for device_id, (spec, address) in devices.items():
        assert spec.polling is not None
        polled.append(PolledDevice(device_id=device_id, polling=spec.polling, address=address))
    options = PolledOptions(
        name="serial-0", gateway_id=GATEWAY, port=str(port), line=line, baud=line.baud, devices=tuple(polled)
    )
    return PolledSource(options, intake_of(spool, {name: spec for name, (spec, _) in devices.items()}), clock=REAL_TIME)


def spec_of(model: str, password_file: Path) -> DeviceSpec:
    """Return a model as its example options want it; a smart meter with credentials that exist."""
    spec = load_catalog()[model]
    options = dict(spec.example_options)
    if model == "b_route_meter":
        password_file.write_text(f"{'0123456789ABCDEF' * 2}\nSecret-12345\n", encoding="ascii")
        password_file.chmod(0o600)
        options = {"password_file": str(password_file)}
    return spec.configure(options) if spec.configure else spec


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("campbell_sr50at_sdi12", "air_temperature"),
        ("campbell_snowvue10", "device_temperature"),
        ("sdi12", "snow_depth"),
        ("lufft_shm31_sdi12", "snow_depth"),
        ("lufft_shm31_umb", "snow_depth"),
        ("modbus_rtu", "air_temperature"),
        ("b_route_meter", "power"),
    ],
)
def test_a_model_is_read_from_a_live_line(model: str, key: str, tmp_path: Path) -> None:
    spec = spec_of(model, tmp_path / "b-route")
    assert spec.polling is not None
    heard = Heard(open_spool(tmp_path))
    voice = Answering(spec.polling.instrument(""), SAYS)
    source = source_of(heard.spool, tmp_path / "tty", {"g": (spec, "")})
    with Sim(tmp_path / "tty", [voice]), running(source):
        wait_until(lambda: heard.values("g", key), PATIENCE_S)
    assert heard.values("g", key)[0] == pytest.approx(SAYS.values[key], abs=0.001)
    assert (heard.faults("g"), heard.reasons()) == ([], [])


def shm31(faults: Misbehaviour) -> Instrument:
    return shm31_stand_in("", faults)


def modbus_unit(faults: Misbehaviour) -> Instrument:
    return ModbusDevice(register_map=RegisterMap.model_validate(MODBUS_MAP)).stand_in("", faults)


@pytest.mark.bad_input(32, 38, 41)
@pytest.mark.parametrize(
    ("faults", "fault"),
    [
        (Misbehaviour(is_silent=True), "no_answer"),
        (Misbehaviour(has_wrong_checksum=True), "garbage"),
        (Misbehaviour(answers_as="B002"), "garbage"),
    ],
)
def test_an_instrument_that_misbehaves_is_a_fault_and_no_data(faults: Misbehaviour, fault: str, tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    voice = Answering(shm31(faults), SAYS)
    with Sim(tmp_path / "tty", [voice]), running(source_of(heard.spool, tmp_path / "tty", {"g": (SHM31, "")})):
        wait_until(lambda: heard.faults("g") == [fault], PATIENCE_S)
    assert heard.values("g", "snow_depth") == []


def test_own_echo_and_noise_in_front_of_answers_are_no_fault(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    voice = Answering(modbus_unit(Misbehaviour(has_echo=True, garbage=b"\x00\xff")), SAYS)
    devices = {"g": (modbus(MODBUS_MAP), "")}
    with Sim(tmp_path / "tty", [voice]), running(source_of(heard.spool, tmp_path / "tty", devices)):
        wait_until(lambda: heard.values("g", "snow_depth") == [1.25], PATIENCE_S)
    assert heard.faults("g") == []


@pytest.mark.bad_input(16)
def test_two_gauges_on_one_bus_of_which_one_is_dead(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    polling = SR50A[0].polling
    assert polling is not None
    voice = Answering(polling.instrument("3"), SAYS)
    devices = {"dead": (SR50A[0], "0"), "well": (SR50A[0], "3")}
    with Sim(tmp_path / "tty", [voice]), running(source_of(heard.spool, tmp_path / "tty", devices)):
        wait_until(lambda: heard.values("well", "distance") and heard.faults("dead") == ["no_answer"], PATIENCE_S)
    assert heard.values("dead", "distance") == []
    assert heard.faults("well") == []


@pytest.mark.bad_input(77)
def test_a_stick_with_raw_datagrams_and_two_stacks(tmp_path: Path) -> None:
    heard = Heard(open_spool(tmp_path))
    spec = spec_of("b_route_meter", tmp_path / "b-route")
    voice = Answering(BRouteStick(StickHabits(is_binary=True, has_side=True)), SAYS)
    with Sim(tmp_path / "tty", [voice]), running(source_of(heard.spool, tmp_path / "tty", {"g": (spec, "")})):
        wait_until(lambda: heard.values("g", "power") == [928.0], PATIENCE_S)
