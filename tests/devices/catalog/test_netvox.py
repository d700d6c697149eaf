"""Vectors: TheThingsNetwork/lorawan-devices (Apache-2.0), akenza-io/device-type-library (MIT, (c) 2021 Akenza AG)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.netvox import DEVICES
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame

BY_MODEL = {spec.model.removeprefix("netvox_"): spec for spec in DEVICES}
BATTERY = {"battery_voltage": 3.0, "battery_low": 0.0}


@pytest.mark.parametrize(
    ("model", "payload", "expected"),
    [
        ("r311a", "0102011e01000000000000", {"contact_open": 1.0}),
        ("r311ca", "014c011e01000000000000", {"digital_input": 1.0, "digital_input.2": 0.0}),
        ("r311cb", "0156011e00010000000000", {"contact_open": 0.0, "alarm": 1.0}),
        ("r311w", "0106011e00010000000000", {"water_leak": 0.0, "water_leak.2": 1.0}),
        ("r718da", "011a011e01000000000000", {"vibration": 1.0}),
        ("r311k", "019e011e01000000000000", {"is_tilted": 1.0}),
        ("r312a", "014d011e01000000000000", {"sos": 1.0}),
        ("r312", "0155011e01000000000000", {"button": 1.0}),
        ("rb02c", "01a7011e01000100000000", {"button": 1.0, "button.3": 1.0}),
        ("r711", "0101011e09ea1a90000000", {"air_temperature": 25.38, "relative_humidity": 68.0}),
        ("r711", "0101011eff391a9e010000", {"air_temperature": -1.99, "relative_humidity": 68.14}),
        ("r718b", "0195011eff3d0000000000", {"probe_temperature": -19.5}),
        ("r718b2", "0114011eff39ff36000000", {"probe_temperature": -19.9, "probe_temperature.2": -20.2}),
        ("r718pe", "01b1011e0001f419000000", {"distance": 0.5}),
        ("r718x", "0134011e0107d0ffce322d"[:22], {
            "distance": 2.0, "device_temperature": -5.0, "tilt": math.pi / 4,
        }),
        ("r718g", "011e011e00003034000000", {"illuminance": 12_340.0}),
        ("r718ka", "0122011e074e0000000000", {"current": 0.0078}),
        ("ra02a", "010a011e0101ffce000000", {"smoke": 1.0, "alarm": 1.0, "air_temperature": -5.0}),
        ("rb11e", "0103011e0a4b0078010000", {
            "air_temperature": 26.35, "illuminance": 120.0, "occupancy": 1.0, "tamper": 0.0,
        }),
        ("ra0716", "0135011e09ea1a900019 00".replace(" ", ""), {
            "air_temperature": 25.38, "relative_humidity": 68.0, "pm2_5": 25.0,
        }),
        ("r315", "01d2011e084900120adc6a", {
            "air_temperature": 27.8, "relative_humidity": 53.0, "contact_open": 1.0, "sos": 1.0,
        }),
        ("r315", "01d2011e000800000adc6a", {"sos": 0.0}),
        ("r315", "01d2021e01900000000000", {"illuminance": 400.0}),
    ],
)  # fmt: skip
def test_a_report_is_read_by_the_table(model: str, payload: str, expected: dict[str, float]) -> None:
    assert BY_MODEL[model].decode(frame(BY_MODEL[model], payload)).values == pytest.approx(expected | BATTERY)


@pytest.mark.parametrize("word", ["0000", "ffff"])
def test_no_distance_is_none(word: str) -> None:
    spec = BY_MODEL["r718pe"]
    assert math.isnan(spec.decode(frame(spec, f"01b1011e00{word}19000000")).values["distance"])


def test_of_a_multi_sensor_what_is_not_known_is_left() -> None:
    spec = BY_MODEL["r315"]
    assert spec.decode(frame(spec, "01d2011e084900120adc6a")).is_partial, "a leak sensor is fitted"
    assert not spec.decode(frame(spec, "01d2011e004900120adc6a")).is_partial


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("01050278006400c802bc00", {"pm1": 100.0, "pm2_5": 200.0, "pm10": 700.0}),
        ("01050278ffff000effff00", {"pm2_5": 14.0}),
        ("01050578000affff000a00", {"o3": 1.0}),
        ("01050678006400c802bc00", {"no2": 10.0, "so2": 20.0, "h2s": 70.0}),
        ("010507781388ffffffff00", {"co2": 500.0}),
        ("01050778ffffffff025800", {"sound_level": 60.0}),
        ("0105097803e8fce803e800", {"turbidity": 100.0, "probe_temperature": -7.92, "soil_moisture": 10.0}),
        ("01050a7803e8ff30ffffff", {"soil_moisture": 10.0, "soil_temperature": -2.08}),
        ("01050a78ffffffff03e8ff", {"water_level": 1.0}),
        ("01050b78f83003e803e800", {
            "probe_temperature": -20.0, "dissolved_oxygen": 0.01, "oxygen_saturation": 100.0,
        }),
        ("01050c78f83003e8012c00", {"air_temperature": -20.0, "relative_humidity": 10.0, "wind_speed": 3.0}),
        ("01050d78000a00018bcd00", {"wind_direction": math.radians(10.0), "pressure": 101_325.0}),
        ("01050e78000500000000 00".replace(" ", ""), {"tvoc": 0.5}),
        ("0105087802bc0a2800c800", {}),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("model", "device_type"), [("ra07", "05"), ("r726", "09"), ("ra07y", "0d")])
def test_an_air_station_says_what_is_fitted(
    model: str, device_type: str, payload: str, expected: dict[str, float]
) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, f"01{device_type}{payload[4:]}")).values
    assert values == pytest.approx(expected | {"battery_voltage": 12.0, "battery_low": 0.0})


@pytest.mark.parametrize(("byte", "said"), [
    ("9f", {"battery_voltage": 3.1, "battery_low": 1.0}),
    ("1f", {"battery_voltage": 3.1, "battery_low": 0.0}),
    ("00", {}),
])  # fmt: skip
def test_the_battery_says_when_it_is_low(byte: str, said: dict[str, float]) -> None:
    spec = BY_MODEL["r311a"]
    values = spec.decode(frame(spec, f"010201{byte}01000000000000")).values
    assert values == {"contact_open": 1.0, **said}


@pytest.mark.bad_input(79)
@pytest.mark.parametrize(("model", "device_type"), [("r312", "55"), ("r718t", "31"), ("rb02b", "a6"), ("rb02c", "a7")])
def test_a_low_battery_is_no_press(model: str, device_type: str) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, f"01{device_type}019800000000000000")).values
    assert values == {"battery_voltage": 2.4, "battery_low": 1.0}


@pytest.mark.bad_input(79)
@pytest.mark.parametrize(("model", "device_type"), [("r312a", "4d"), ("rb02i", "10")])
def test_a_low_battery_is_no_call_for_help(model: str, device_type: str) -> None:
    spec = BY_MODEL[model]
    values = spec.decode(frame(spec, f"01{device_type}019800000000000000")).values
    assert values == {"sos": 0.0, "battery_voltage": 2.4, "battery_low": 1.0}


@pytest.mark.parametrize("model", BY_MODEL)
def test_versions_and_answers_measure_nothing(model: str) -> None:
    spec = BY_MODEL[model]
    device_type = spec.encode(Decoded(values={"battery_voltage": 3.0})).payload[1]
    version = bytes((1, device_type, 0)) + bytes.fromhex("640b202004240000")
    answer = bytes((0x82, device_type)) + bytes.fromhex("038407080100000000")
    assert spec.decode(frame(spec, version)).values == {}
    assert spec.decode(frame(spec, answer, port=7)).values == {}
    assert spec.decode(frame(spec, "8205", port=13)).values == {}


@pytest.mark.parametrize(
    ("payload", "port"),
    [
        ("0201011e01000000000000", 6),  # version 2
        ("0103011e01000000000000", 6),  # another device type
        ("0102021e01000000000000", 6),  # another report type
        ("0102011e010000000000", 6),
        ("0102011e0100000000000000", 6),
        ("0102038407080100000000", 7),  # a command, not an answer
        ("0102011e01000000000000", 2),
    ],
)
def test_a_frame_of_another_kind_is_refused(payload: str, port: int) -> None:
    spec = BY_MODEL["r311a"]
    with pytest.raises(PermanentError, match=r"no message of a|is none of a"):
        spec.decode(frame(spec, payload, port=port))


@pytest.mark.bad_input(66)
def test_a_bouncing_reed_is_said_as_often_as_it_says_it() -> None:
    spec = BY_MODEL["r311a"]
    said = [spec.decode(frame(spec, f"0102011e{n % 2:02x}000000000000")).values["contact_open"] for n in range(30)]
    assert said == [float(n % 2) for n in range(30)]


def test_the_simulator_says_what_the_device_would() -> None:
    said = {"air_temperature": -1.99, "relative_humidity": 68.14, "battery_voltage": 3.1, "battery_low": 1.0}
    assert BY_MODEL["r711"].encode(Decoded(values=said)).payload.hex() == "0101019fff391a9e000000"
    assert BY_MODEL["ra07"].encode(Decoded(values={"co2": 500.0})).payload.hex() == "0105071e1388ffffffff00"
    with pytest.raises(PermanentError, match="cannot say sos"):
        BY_MODEL["r315"].encode(Decoded(values={"sos": 1.0}))
