"""Vector: Milesight's own example (README of the SensorDecoders repository)."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_ws203 import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.bad_input(50, 52)
@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "017564 03673401 046865 050000",
            {"battery_level": 100.0, "air_temperature": 30.8, "relative_humidity": 50.5, "occupancy": 0.0},
        ),
        ("8367220101", {"air_temperature": 29.0}),
        ("0367ceff 050001", {"air_temperature": -5.0, "occupancy": 1.0}),
        ("0367ff7f 0468ff", {"air_temperature": math.nan, "relative_humidity": math.nan}),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(Decoded(values={"air_temperature": -5.0, "occupancy": 1.0}))
    assert (made.payload.hex(), made.port) == ("0367ceff050001", 85)


@pytest.mark.parametrize("payload", ["050002"])
def test_a_state_that_does_not_exist_is_refused(payload: str) -> None:
    with pytest.raises(PermanentError, match="is none of"):
        DEVICE.decode(frame(DEVICE, payload))


@pytest.mark.bad_input(56)
def test_history_records_have_their_own_time() -> None:
    decoded = DEVICE.decode(frame(DEVICE, "20CEAE5BA6640400240165 20CE5C5CA6640301340165"))
    assert decoded.values == {}
    assert [(one.values["occupancy"], one.values["air_temperature"], one.observed_ns) for one in decoded.earlier] == [
        (0.0, 29.2, 1_688_624_046 * 10**9),
        (1.0, 30.8, 1_688_624_220 * 10**9),
    ]
    again = DEVICE.decode(DEVICE.encode(decoded))
    assert again == decoded
