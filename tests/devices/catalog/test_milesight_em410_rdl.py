"""Vectors: the example of TheThingsNetwork/lorawan-devices (Apache-2.0); the rest from Milesight's channel table."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em410_rdl import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 03671001 04822c01 050001 06c72003",
            {
                "battery_level": 100.0,
                "device_temperature": 27.2,
                "distance": math.nan,
                "is_tilted": 1.0,
                "echo_strength": 8.0,
            },
        ),
        ("04822c01 050000", {"distance": 0.3, "is_tilted": 0.0}),
        ("0367ceff 06c7e0fc", {"device_temperature": -5.0, "echo_strength": -8.0}),
        ("84822c01 01", {"distance": 0.3}),
        ("94822c01 3200 02", {"distance": 0.3}),
        ("b4822c01 00", {"distance": 0.3, "device_fault": 0.0}),
        ("b4822c01 01", {"distance": math.nan, "device_fault": 0.0}),
        ("b4822c01 02", {"distance": math.nan, "device_fault": 0.0}),
        ("b4822c01 03", {"distance": math.nan, "device_fault": 3.0}),
        ("0367ff7f 06c7ff7f", {"device_temperature": math.nan, "echo_strength": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"distance": 0.3, "device_fault": 3.0}))
    assert (made.payload.hex(), made.port) == ("04822c01b4822c0103", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 2c01 ceff 000000"))
    assert decoded == Decoded(
        values={"distance": 0.3, "device_temperature": -5.0}, observed_ns=1_700_000_000 * 10**9, is_history=True
    )
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce 00f15365 2c01 ceff 000000")


@pytest.mark.parametrize("payload", ["b4822c01 04"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.bad_input(53)
@pytest.mark.parametrize(("event", "has_distance"), [("00", True), ("01", True), ("04", False), ("20", False)])
def test_a_record_in_the_blind_zone_or_tilted_has_no_distance(event: str, has_distance: bool) -> None:
    decoded = DEVICE.decode(frame(DEVICE, f"20ce 00f15365 2c01 ceff 0000 {event}"))
    assert math.isnan(decoded.values["distance"]) is not has_distance
    assert decoded.values["device_temperature"] == -5.0
