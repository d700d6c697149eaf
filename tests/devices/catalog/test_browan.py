"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne
Brocaar)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.browan import DEVICES
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model: spec for spec in DEVICES}


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        ("tbdw100", "00cb3500008a3a00", {
            "contact_open": 0.0, "battery_voltage": 3.6, "device_temperature": 21.0, "state_age": 0.0, "count": 14986.0,
        }),
        ("tbdw100", "01cb3505008a3a00", {
            "contact_open": 1.0, "battery_voltage": 3.6, "device_temperature": 21.0, "state_age": 300.0,
            "count": 14986.0,
        }),
        ("tbms100", "01bb340400dc7801", {
            "occupancy": 1.0, "battery_voltage": 3.6, "device_temperature": 20.0, "state_age": 240.0, "count": 96476.0,
        }),
        ("tbhh100", "080a0d3affffffff", {
            "battery_voltage": 3.5, "air_temperature": -19.0, "relative_humidity": 58.0,
        }),
        ("tbhv110", "610b351ebf030100510036", {
            "battery_voltage": 3.6, "device_temperature": 21.0, "air_temperature": 22.0, "relative_humidity": 30.0,
            "co2": 959.0, "tvoc": 1.0, "iaq": 81.0,
        }),
        ("tbam100", "12fb360c6200", {"battery_voltage": 3.6, "device_temperature": 22.0, "illuminance": 251.0}),
        ("tbsl100", "000b3628", {"battery_voltage": 3.6, "device_temperature": 22.0, "sound_level": 40.0}),
        ("tbwl100", "110b362836", {
            "water_leak": 1.0, "battery_voltage": 3.6, "device_temperature": 22.0, "relative_humidity": 40.0,
            "air_temperature": 22.0,
        }),
        ("tbpb100", "01fe370000040000", {"button": 1.0, "battery_voltage": 3.9, "device_temperature": 23.0}),
        ("merryiot_dw10", "000f151c0000d22500", {
            "contact_open": 0.0, "tamper": 0.0, "is_tilted": 0.0, "battery_voltage": 3.6, "air_temperature": 21.0,
            "relative_humidity": 28.0, "state_age": 0.0, "count": 9682.0,
        }),
        ("merryiot_dw10", "0f0f88ff1c0100d22500", {
            "contact_open": 1.0, "button": 1.0, "tamper": 1.0, "is_tilted": 1.0, "battery_voltage": 3.6,
            "air_temperature": -12.0, "relative_humidity": 28.0, "state_age": 60.0, "count": 9682.0,
        }),
        ("merryiot_cd10", "000f19200c02", {
            "battery_voltage": 3.6, "air_temperature": 25.0, "relative_humidity": 32.0, "co2": 524.0,
        }),
    ],
)  # fmt: skip
def test_what_the_manual_says_is_read(model: str, payload: str, expected: dict[str, float]) -> None:
    spec = BY_MODEL[f"browan_{model}"]
    assert spec.decode(frame(spec, payload)).values == pytest.approx(expected)


@pytest.mark.bad_input(50)
@pytest.mark.parametrize(
    ("model", "payload", "key", "degrees"),
    [
        ("tbdw100", "000b0000008a3a00", "device_temperature", -32.0),
        ("tbdw100", "000b8000008a3a00", "device_temperature", -32.0),
        ("tbwl100", "000b1f2800", "device_temperature", -1.0),
        ("tbwl100", "000b362815", "air_temperature", -11.0),
        ("merryiot_dw10", "000ff61c0000d22500", "air_temperature", -10.0),
        ("merryiot_dw10", "000f9cff1c0000d22500", "air_temperature", -10.0),
        ("merryiot_cd10", "000fff200c02", "air_temperature", -1.0),
    ],
)
def test_frost_is_below_zero(model: str, payload: str, key: str, degrees: float) -> None:
    spec = BY_MODEL[f"browan_{model}"]
    assert spec.decode(frame(spec, payload)).values[key] == degrees


@pytest.mark.bad_input(79)
@pytest.mark.parametrize("status", ["00", "02", "fe"])
def test_a_heartbeat_or_a_low_battery_is_no_press(status: str) -> None:
    spec = BY_MODEL["browan_tbpb100"]
    values = spec.decode(frame(spec, f"{status}01370000040000")).values
    assert values == {"battery_voltage": 2.6, "device_temperature": 23.0}


@pytest.mark.bad_input(79)
def test_twenty_presses_are_twenty() -> None:
    spec = BY_MODEL["browan_tbpb100"]
    said = [spec.decode(frame(spec, f"01fe370000{n:02x}0000")).values["button"] for n in range(20)]
    assert said == [1.0] * 20


@pytest.mark.parametrize("model", ["browan_tbdw100", "browan_tbms100", "browan_tbpb100"])
def test_a_payload_of_zeros_is_empty(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], bytes(8))).values == {}


@pytest.mark.parametrize("nibble", ["c0", "cf"])
def test_a_battery_outside_of_its_range_is_not_measured(nibble: str) -> None:
    spec = BY_MODEL["browan_tbdw100"]
    assert math.isnan(spec.decode(frame(spec, f"00{nibble}3500008a3a00")).values["battery_voltage"])


@pytest.mark.parametrize("model", [model for model in BY_MODEL if "merryiot" not in model])
def test_answers_to_commands_measure_nothing(model: str) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], "00100e0258020305", port=204)).values == {}


@pytest.mark.parametrize(
    ("model", "payload", "port"),
    [("tbdw100", "00cb3500008a3a", 100), ("tbdw100", "00cb3500008a3a00", 102), ("tbwl100", "110b36", 106)],
)
def test_another_length_or_port_is_refused(model: str, payload: str, port: int) -> None:
    spec = BY_MODEL[f"browan_{model}"]
    with pytest.raises(PermanentError, match=r"no message of a|is none of a"):
        spec.decode(frame(spec, payload, port=port))


def test_the_simulator_says_what_the_device_would() -> None:
    spec = BY_MODEL["browan_tbdw100"]
    said = {"contact_open": 1.0, "battery_voltage": 3.6, "device_temperature": -5.0, "state_age": 120.0, "count": 7.0}
    assert spec.encode(Decoded(values=said)).payload.hex() == "010b1b0200070000"
    with pytest.raises(PermanentError, match="cannot say button"):
        BY_MODEL["browan_tbpb100"].encode(Decoded(values={"button": 0.0}))
    with pytest.raises(PermanentError, match="button 2"):
        BY_MODEL["browan_tbpb100"].encode(Decoded(values={"button": 2.0}))
