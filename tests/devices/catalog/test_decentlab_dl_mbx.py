"""Vectors: Decentlab's examples as they stand in TheThingsNetwork/lorawan-devices (Apache-2.0) and
chirpstack/chirpstack-device-profiles (MIT, (c) 2025 Orne Brocaar)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from devices.catalog.decentlab_dl_mbx import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame, shared_vectors


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("02012f000304d200010bb1", {"distance": 1.234, "valid_samples": 1.0, "battery_voltage": 2.993}),
        ("02012f00020bb1", {"battery_voltage": 2.993}),
        ("02012f000104d20005", {"distance": 1.234, "valid_samples": 5.0}),
        ("02012f0000", {}),
        ("02012f0001ffff0001", {"distance": 65.535, "valid_samples": 1.0}),
    ],
    ids=["both blocks", "battery only", "distance only", "no block", "largest"],
)
def test_a_payload_carries_what_its_flags_say(payload: str, expected: dict[str, float]) -> None:
    assert DEVICE.decode(frame(DEVICE, payload)).values == expected


def test_without_a_valid_sample_there_is_no_distance() -> None:
    values = DEVICE.decode(frame(DEVICE, "02012f000304d200000bb1")).values
    assert math.isnan(values["distance"])
    assert values["valid_samples"] == 0.0


@pytest.mark.parametrize("port", [1, 5, 223])
def test_any_application_port_will_do(port: int) -> None:
    assert DEVICE.decode(frame(DEVICE, "02012f00020bb1", port=port)).values == {"battery_voltage": 2.993}


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        ("02012f", "at least 5"),
        ("01012f00020bb1", "protocol version 1"),
        ("02012f00040bb1", "flags 0x0004"),
        ("02012f80020bb1", "flags 0x8002"),
        ("02012f000304d200010b", "need 11"),
        ("02012f000304d200010bb100", "need 11"),
        ("02012f00020b", "need 7"),
        ("02012f00000bb1", "need 5"),
    ],
)
def test_a_payload_of_another_shape_is_refused(payload: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.parametrize(
    ("values", "payload"),
    [
        ({"distance": 1.234, "valid_samples": 7, "battery_voltage": 2.993}, "020001000304d200070bb1"),
        ({"distance": 1.234}, "020001000104d20001"),
        ({"distance": math.nan, "valid_samples": 0.0}, "020001000100000000"),
        ({"battery_voltage": math.nan}, "0200010000"),
    ],
)
def test_the_simulator_says_what_the_device_would(values: dict[str, float], payload: str) -> None:
    assert DEVICE.encode(Decoded(values=values)).payload.hex() == payload


@pytest.mark.parametrize("values", [{"distance": 65.6}, {"distance": -0.1}, {"battery_voltage": 66.0}])
def test_what_does_not_fit_is_refused_by_name(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match=next(iter(values))):
        DEVICE.encode(Decoded(values=values))


def expected_of(record: dict[str, Any]) -> dict[str, float]:
    """Return what the source expects, in our names and units; the sources write {displayName, unit, value}."""
    names = {"distance": ("distance", 1000.0), "number_of_valid_samples": ("valid_samples", 1.0)}
    names["battery_voltage"] = ("battery_voltage", 1.0)
    data = record["expected"]["data"]
    return {ours: data[name]["value"] / per_unit for name, (ours, per_unit) in names.items() if name in data}


@pytest.mark.parametrize("source", ["ttn_uplink.jsonl", "chirpstack_uplink.jsonl"])
def test_the_shared_vectors_decode_as_their_sources_expect(source: str) -> None:
    records = [r for r in shared_vectors(f"lorawan_vectors/{source}") if r["model"] == "dl-mbx"]
    assert records
    decoded = [DEVICE.decode(frame(DEVICE, r["bytes_hex"], port=r["fport"])).values for r in records]
    assert decoded == [expected_of(record) for record in records]


def test_the_payloads_of_real_networks_decode_as_expected() -> None:
    records = [r for r in shared_vectors("mqtt_lorawan/network_server_uplinks.jsonl.gz") if r["model"] == "DL-MBX"]
    assert records
    for record in records:
        values = DEVICE.decode(frame(DEVICE, record["bytes_hex"], port=record["fport"])).values
        assert values["battery_voltage"] == record["expected"]["telemetry"][0]["values"]["battery_voltage"]
