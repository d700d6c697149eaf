"""Vector: Milesight's example as TheThingsNetwork/lorawan-devices (Apache-2.0) quotes it."""

from __future__ import annotations

import math

import pytest

from devices.catalog.milesight_em320_tilt import DEVICE
from devices.model import Decoded, PermanentError
from tests.devices.frames import frame


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        (
            "01755c 03d4 0000 0100 5046",
            {
                "battery_level": 92.0,
                "tilt": 0.0,
                "tilt.2": 0.0,
                "tilt.3": math.pi / 2,
                "is_tilted": 0.0,
                "is_tilted.2": 1.0,
                "is_tilted.3": 0.0,
            },
        ),
        (
            "03d4 b0b9 0000 0000",
            {
                "tilt": -math.pi / 2,
                "tilt.2": 0.0,
                "tilt.3": 0.0,
                "is_tilted": 0.0,
                "is_tilted.2": 0.0,
                "is_tilted.3": 0.0,
            },
        ),
        (
            "03d4 fe7f 0000 0000",
            {"tilt": math.nan, "tilt.2": 0.0, "tilt.3": 0.0, "is_tilted": 0.0, "is_tilted.2": 0.0, "is_tilted.3": 0.0},
        ),
    ],
)
def test_channels_are_read_one_by_one(payload: str, values: dict[str, float]) -> None:
    decoded = DEVICE.decode(frame(DEVICE, payload))
    assert decoded.values == pytest.approx(values, nan_ok=True)
    assert decoded == Decoded(values=decoded.values)


def test_the_simulator_says_what_the_device_would() -> None:
    made = DEVICE.encode(
        Decoded(values={"tilt": -math.pi / 2, "tilt.2": 0.0, "tilt.3": math.pi / 2, "is_tilted.2": 1.0})
    )
    assert (made.payload.hex(), made.port) == ("03d4b0b901005046", 85)


@pytest.mark.parametrize("values", [{"tilt": 1.0}, {"is_tilted": 1.0}])
def test_angles_and_flags_go_only_together(values: dict[str, float]) -> None:
    with pytest.raises(PermanentError, match="together"):
        DEVICE.encode(Decoded(values=values))
