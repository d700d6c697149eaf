"""Messages: samples of the maker's pages, captures of tabspacekr/HomeAssistant (Apache-2.0), and variations."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from devices.catalog.tasmota_device import DEVICES
from devices.model import PermanentError
from tests.devices.frames import frame, shared_vectors

DEVICE, ZIGBEE = DEVICES


def decode(said: Any, *, topic: str = "SENSOR") -> dict[str, float]:
    sent = replace(frame(DEVICE, json.dumps(said).encode()), topic=topic)
    return dict(DEVICE.decode(sent).values)


def zigbee(said: Any) -> dict[str, float]:
    return dict(ZIGBEE.decode(frame(ZIGBEE, json.dumps(said).encode())).values)


ENERGY = {"Total": 3.185, "Yesterday": 0.058, "Power": 160, "Voltage": 231, "Current": 0.694}


@pytest.mark.parametrize(
    ("said", "values"),
    [
        (
            {"Time": "2024-01-01T00:00:00", "ENERGY": ENERGY},
            {"energy": 3.185 * 3.6e6, "power": 160.0, "voltage": 231.0, "current": 0.694},
        ),
        (
            {"AM2301": {"Temperature": -2.4, "Humidity": 51.2, "DewPoint": 8.5}, "TempUnit": "C"},
            {"air_temperature": -2.4, "relative_humidity": 51.2},
        ),
        ({"DS18B20": {"Id": "0000", "Temperature": 14.0}, "TempUnit": "F"}, {"air_temperature": -10.0}),
        (
            {"DS18B20-1": {"Temperature": 1.0}, "DS18B20-2": {"Temperature": None}, "DS18B20-3": {"Temperature": 3.0}},
            {"air_temperature": 1.0, "air_temperature.3": 3.0},
        ),
        ({"BME280": {"Pressure": 1013.25}, "PressureUnit": "hPa"}, {"pressure": 101_325.0}),
        ({"BME280": {"Pressure": 760}, "PressureUnit": "mmHg"}, {"pressure": pytest.approx(101_325.0)}),
        ({"SR04": {"Distance": 16.754}}, {"distance": pytest.approx(0.16754)}),
        ({"BH1750": {"Illuminance": 79}, "MHZ19B": {"CarbonDioxide": 480}}, {"illuminance": 79.0, "co2": 480.0}),
        ({"POWER": "ON", "Wifi": {"Signal": -67, "RSSI": 66}}, {"switch_on": 1.0, "rssi": -67.0}),
        ({"POWER1": "OFF", "POWER2": "ON", "UptimeSec": 17}, {"switch_on": 0.0, "switch_on.2": 1.0, "uptime": 17.0}),
    ],
)
def test_samples(said: dict[str, Any], values: dict[str, float]) -> None:
    assert decode(said) == pytest.approx(values)


@pytest.mark.bad_input(74)
def test_power_may_be_an_array_with_a_value_a_phase() -> None:
    said = {"ENERGY": {"Power": [10, -20, 30], "Voltage": 230, "Current": [0.1, 0.2, 0.3]}}
    assert decode(said) == {
        "power": 10.0, "power.2": -20.0, "power.3": 30.0, "voltage": 230.0,
        "current": 0.1, "current.2": 0.2, "current.3": 0.3,
    }  # fmt: skip


@pytest.mark.parametrize("dead", [-127, 85, 85.0])
def test_a_probe_that_is_gone_is_bad_and_not_hot(dead: float) -> None:
    assert math.isnan(decode({"DS18B20": {"Temperature": dead}})["air_temperature"])
    assert decode({"AM2301": {"Temperature": 85}}) == {"air_temperature": 85.0}


def test_the_answer_to_a_command_may_say_nothing() -> None:
    assert decode({"Timers": "ON"}, topic="RESULT") == {}
    assert decode({"POWER": "ON"}, topic="RESULT") == {"switch_on": 1.0}


@pytest.mark.parametrize(
    "said",
    [
        {"Time": "2024-01-01T00:00:00"},
        {"DS18B20": {"Temperature": "warm"}},
        {"DS18B20": {"Temperature": 280}, "TempUnit": "K"},
        {"BME280": {"Pressure": 30}, "PressureUnit": "bar"},
        {"BME280": {"Pressure": 30}, "PressureUnit": []},
        {"BME280": {"Temperature": 30}, "TempUnit": {}},
        {"ENERGY": {"Power": "160 W"}},
        {"ENERGY": {"Power": [True]}},
        [1],
    ],
)
def test_what_cannot_be_read_is_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        decode(said)


@pytest.mark.parametrize(
    ("said", "values"),
    [
        ({"ZoneStatusChange": 33, "Contact": 1, "LinkQuality": 255}, {"contact_open": 1.0, "link_quality": 1.0}),
        ({"ZoneStatusChange": 32, "Contact": 0}, {"contact_open": 0.0}),
        ({"ZoneStatusChange": 13, "Contact": 1}, {"contact_open": 1.0, "tamper": 1.0, "battery_low": 1.0}),
        ({"Occupancy": True}, {"occupancy": 1.0}),
        ({"Temperature": -5.69, "Humidity": 26.17}, {"air_temperature": -5.69, "relative_humidity": 26.17}),
        ({"BatteryPercentage": 100, "BatteryVoltage": 3.1}, {"battery_level": 100.0, "battery_voltage": 3.1}),
        ({"0006!FD": "01"}, {"button": 2.0}),
        ({"Click": "hold"}, {"button": 3.0}),
        ({"Power": 2}, {"button": 1.0}),
    ],
)
def test_reports_of_zigbee_devices(said: dict[str, Any], values: dict[str, float]) -> None:
    found = zigbee({"Device": "0x662E", "Endpoint": 1, **said})
    assert {"tamper": 0.0, "battery_low": 0.0} | values == {"tamper": 0.0, "battery_low": 0.0} | found


@pytest.mark.parametrize("said", [{}, {"LinkQuality": 5}, {"0402!01": "x"}, {"Contact": 2}, {"Occupancy": "yes"}, [1]])
def test_reports_that_say_nothing_known_are_refused(said: Any) -> None:
    with pytest.raises(PermanentError):
        zigbee(said)


def test_captures_of_a_bridge() -> None:
    found = []
    for record in shared_vectors("mqtt_tasmota_zigbee/zigbee_bridge_messages.jsonl"):
        (part,) = json.loads(record["payload"])["ZbReceived"].values()
        found.append({key: v for key, v in zigbee(part).items() if key not in ("tamper", "battery_low")})
    assert len(found) >= 6
    assert {"contact_open": 1.0, "link_quality": 157 / 255} in found
    assert {"occupancy": 1.0, "link_quality": 194 / 255} in found
    assert {"air_temperature": 25.69, "relative_humidity": 26.17, "link_quality": 144 / 255} in found
