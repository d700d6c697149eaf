"""Vectors: Milesight's examples as thingsboard/data-converters (Apache-2.0) and akenza (MIT) quote them."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_at101 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52, 60)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 03671b01 050000 0488 36bf7701 f0000907 22",
            {
                "battery_level": 100.0,
                "device_temperature": 28.3,
                "is_tilted": 0.0,
                "latitude": 24.62495,
                "longitude": 118.030576,
                "in_trip": 1.0,
            },
        ),
        ("0488 debc7701 08ff0807 20", {"latitude": 24.62435, "longitude": 118.030088}),
        ("8488 debc7701 08ff0807 03", {"latitude": 24.62435, "longitude": 118.030088, "in_trip": 0.0}),
        ("0488 ffffffff ffffffff 20", {"latitude": math.nan, "longitude": math.nan}),
        ("0488 00000000 00000000 20", {"latitude": math.nan, "longitude": math.nan}),
        ("0488 00c2eb0b 00000000 20", {"latitude": math.nan, "longitude": math.nan}),
        ("070001 8367ceff01", {"tamper": 1.0, "device_temperature": -5.0}),
        ("0367ff7f 06d90024e124f5b797b300", {"device_temperature": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"latitude": 24.62435, "longitude": 118.030088, "in_trip": 0.0}))
    assert (made.payload.hex(), made.port) == ("0488debc770108ff080723", 85)


@pytest.mark.bad_input(56)
def test_a_history_record_has_its_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20ce 00f15365 08ff0807 debc7701"))
    assert decoded == Decoded(
        values={"latitude": 24.62435, "longitude": 118.030088}, observed_ns=1_700_000_000 * 10**9, is_history=True
    )
    assert DEVICE.encode(decoded).payload == bytes.fromhex("20ce 00f15365 08ff0807 debc7701")


@pytest.mark.parametrize("payload", ["050002", "070002"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.parametrize("values", [{"latitude": 1.0}, {"longitude": 1.0}, {"in_trip": 1.0}])
def test_half_a_position_cannot_be_sent(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match="together"):
        DEVICE.encode(Decoded(values=values))
